-- E-mails that have left the outbox leave their text behind no longer: it may hold what opens a set-up.

grant update (body) on consentry.mails to consentry_app;
comment on column consentry.mails.body is 'Empty once the e-mail is sent or given up.';
