-- The provider ends sessions of staff: which of its own sessions each began with, and whether it says that it does so.

alter table consentry.staff_sessions add column provider_sid text;
comment on column consentry.staff_sessions.provider_sid is 'The session at the provider (sid), where its ID token named one.';

alter table consentry.staff_providers add column signs_out boolean;
comment on column consentry.staff_providers.signs_out is
    'Whether the metadata named backchannel_logout_supported; null where they were not read when it was set up.';

comment on table consentry.staff_sign_ins is
    'What providers answered or told, by SHA-256 of its state or of the jti of its logout token: none counts twice.';
