-- Sums of months, so that a year of many institutions is read in hundreds of rows. Triggers keep them with the sums of
-- days, whoever writes those.

create table consentry.monthly_counts (
    institution_id integer not null,
    application_id text not null,
    kind           text not null,
    month          date not null check (extract(day from month) = 1),
    count          bigint not null,
    primary key (institution_id, application_id, kind, month)
);
comment on table consentry.monthly_counts is 'What daily_counts holds, added up by month, named by its first day.';

create function consentry.count_month() returns trigger
    language plpgsql volatile
    as $$
begin
    if tg_op <> 'INSERT' then
        update consentry.monthly_counts set count = count - old.count
        where institution_id = old.institution_id and application_id = old.application_id and kind = old.kind
          and month = old.day - (extract(day from old.day)::integer - 1);
    end if;
    if tg_op <> 'DELETE' then
        insert into consentry.monthly_counts as m (institution_id, application_id, kind, month, count)
            values (new.institution_id, new.application_id, new.kind,
                    new.day - (extract(day from new.day)::integer - 1), new.count)
            on conflict on constraint monthly_counts_pkey do update set count = m.count + excluded.count;
    end if;
    return null;
end $$;

create trigger days_are_counted_by_month after insert or update or delete on consentry.daily_counts
    for each row execute function consentry.count_month();

insert into consentry.monthly_counts (institution_id, application_id, kind, month, count)
    select institution_id, application_id, kind, day - (extract(day from day)::integer - 1), sum(count)
    from consentry.daily_counts group by 1, 2, 3, 4;

alter table consentry.monthly_counts enable row level security;
create policy own_institutions on consentry.monthly_counts using
    (institution_id = any ((select nullif(current_setting('consentry.institutions', true), '')::integer[])::integer[]));

grant select, insert, update on consentry.monthly_counts to consentry_app;

revoke execute on function consentry.count_month() from public;
grant execute on function consentry.count_month() to consentry_app;
