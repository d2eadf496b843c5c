-- What staff look at: counts by day, what finds a customer, looks at customers, blocks, and how apps are let in.
--
-- Counts are kept by the worker, in few transactions: what moves a count is noted with the change itself, in a queue
-- without contention, and folded into sums later, exactly once, because a note is deleted where its sum is written.

-- ---------------------------------------------------------------------------------------------- what moves a count

create sequence consentry.move_numbers cache 64;

create table consentry.consent_moves (
    institution_id integer not null,
    customer_id    text not null,
    number         bigint not null default nextval('consentry.move_numbers'),
    counts         smallint not null check (counts in (-1, 1)),
    application_id text not null,
    consented_on   timestamptz not null,
    expires_at     timestamptz,
    revoked_at     timestamptz,
    revoked_by     text,
    primary key (institution_id, customer_id, number)
);
comment on table consentry.consent_moves is
    'What is not counted yet: consents as they have become (1) and as they no longer are (-1).';

create function consentry.note_added_consents() returns trigger
    language plpgsql volatile
    as $$
begin
    insert into consentry.consent_moves (institution_id, customer_id, counts, application_id, consented_on, expires_at, revoked_at, revoked_by)
        select institution_id, customer_id, 1, application_id, consented_on, expires_at, revoked_at, revoked_by from added;
    return null;
end $$;

create function consentry.note_moved_consent() returns trigger
    language plpgsql volatile
    as $$
begin
    insert into consentry.consent_moves (institution_id, customer_id, counts, application_id, consented_on, expires_at, revoked_at, revoked_by)
        values (old.institution_id, old.customer_id, -1, old.application_id, old.consented_on, old.expires_at, old.revoked_at, old.revoked_by);
    if tg_op = 'UPDATE' then
        insert into consentry.consent_moves (institution_id, customer_id, counts, application_id, consented_on, expires_at, revoked_at, revoked_by)
            values (new.institution_id, new.customer_id, 1, new.application_id, new.consented_on, new.expires_at, new.revoked_at, new.revoked_by);
    end if;
    return null;
end $$;

create trigger consents_are_counted after insert on consentry.consents
    referencing new table as added for each statement execute function consentry.note_added_consents();
-- A switch of an account passes by: only the condition is looked at.
create trigger consents_are_moved after update on consentry.consents for each row
    when ((old.customer_id, old.application_id, old.consented_on, old.expires_at, old.revoked_at, old.revoked_by)
          is distinct from (new.customer_id, new.application_id, new.consented_on, new.expires_at, new.revoked_at, new.revoked_by))
    execute function consentry.note_moved_consent();
create trigger consents_are_removed after delete on consentry.consents for each row
    execute function consentry.note_moved_consent();

create index consents_to_expire on consentry.consents (institution_id, expires_at)
    where expires_at is not null and revoked_at is null;

-- ---------------------------------------------------------------------------------------------- what is counted

create table consentry.daily_counts (
    institution_id integer not null,
    application_id text not null,
    kind           text not null,
    day            date not null,
    count          bigint not null,
    primary key (institution_id, application_id, kind, day)
);
comment on table consentry.daily_counts is 'Sums of a day (UTC), of one app or, where application_id is empty, of the institution.';

create table consentry.application_counts (
    institution_id integer not null,
    application_id text not null,
    live_consents  bigint not null default 0,
    customers      bigint not null default 0,
    primary key (institution_id, application_id)
);
create index application_counts_by_customers on consentry.application_counts (institution_id, customers, application_id);
comment on column consentry.application_counts.customers is 'Who has a live consent to the app.';

create table consentry.institution_counts (
    institution_id integer primary key references consentry.institutions,
    live_consents  bigint not null default 0,
    customers      bigint not null default 0,
    counted_until  timestamptz not null default consentry.now(),
    seen_until     timestamptz not null default 'epoch',
    seen_next      timestamptz not null default 'epoch',
    seen_next_by   xid8 not null default '0'
);
comment on column consentry.institution_counts.counted_until is 'The moment at which counted consents were live or ended.';
comment on column consentry.institution_counts.seen_until is 'Tokens and failed sign-ins are counted up to this moment.';
comment on column consentry.institution_counts.seen_next is
    'Up to where they are counted next, once every transaction before seen_next_by has ended.';

create table consentry.customers_seen (
    institution_id integer not null,
    customer_id    text not null,
    last_day       date not null,
    primary key (institution_id, customer_id)
);
comment on table consentry.customers_seen is 'The last day on which a token was issued for a customer.';

create function consentry.count_application() returns trigger
    language plpgsql volatile
    as $$
begin
    insert into consentry.application_counts (institution_id, application_id)
        select institution_id, application_id from added on conflict do nothing;
    return null;
end $$;
create trigger applications_are_counted after insert on consentry.applications
    referencing new table as added for each statement execute function consentry.count_application();

-- ---------------------------------------------------------------------------------------------- what finds a customer

create table consentry.account_endings (
    institution_id integer not null,
    ending         text not null,
    customer_id    text not null,
    primary key (institution_id, ending, customer_id)
);
comment on table consentry.account_endings is 'The last four digits of customers'' accounts, as they are shown.';

create function consentry.endings_of(accounts jsonb) returns setof text
    language sql immutable parallel safe
    as $$
        select distinct right(regexp_replace(account ->> 'account_number_display', '[^0-9]', '', 'g'), 4)
        from jsonb_array_elements(accounts) as account
        where account ->> 'account_number_display' ~ '[0-9]'
    $$;

create function consentry.note_added_endings() returns trigger
    language plpgsql volatile
    as $$
begin
    insert into consentry.account_endings (institution_id, ending, customer_id)
        select a.institution_id, e.ending, a.customer_id from added a cross join lateral consentry.endings_of(a.accounts) as e (ending)
        order by 1, 2, 3
        on conflict do nothing;
    return null;
end $$;

create function consentry.note_changed_endings() returns trigger
    language plpgsql volatile
    as $$
begin
    delete from consentry.account_endings e
        using consentry.endings_of(old.accounts) as was (ending)
        where e.institution_id = old.institution_id and e.ending = was.ending and e.customer_id = old.customer_id;
    if tg_op = 'UPDATE' then
        insert into consentry.account_endings (institution_id, ending, customer_id)
            select new.institution_id, e.ending, new.customer_id from consentry.endings_of(new.accounts) as e (ending)
            on conflict do nothing;
    end if;
    return null;
end $$;

create trigger customers_are_found after insert on consentry.customers
    referencing new table as added for each statement execute function consentry.note_added_endings();
create trigger customers_are_found_anew after update on consentry.customers for each row
    when (old.accounts is distinct from new.accounts or old.customer_id <> new.customer_id)
    execute function consentry.note_changed_endings();
create trigger customers_are_lost after delete on consentry.customers for each row
    execute function consentry.note_changed_endings();

create index customers_by_beginning on consentry.customers (institution_id, customer_id collate "C");
create index consent_changes_of_request on consentry.consent_changes (institution_id, request_id) where request_id is not null;

-- ---------------------------------------------------------------------------------------------- staff and customers

create table consentry.customer_looks (
    institution_id integer not null references consentry.institutions,
    look_id        uuid not null,
    member_id      text not null,
    customer_id    text not null,
    reason         text not null,
    opened_at      timestamptz not null,
    primary key (institution_id, look_id)
);
comment on table consentry.customer_looks is 'Who may look at which customer for a while, having said why; the audit tells of it for good.';

create table consentry.customer_blocks (
    institution_id integer not null references consentry.institutions,
    customer_id    text not null check (customer_id ~ '^[!-~]{1,255}$'),
    reason         text not null,
    blocked_at     timestamptz not null,
    blocked_by     text,
    primary key (institution_id, customer_id)
);
comment on table consentry.customer_blocks is 'Customers who may connect no further app; what is connected stays.';

-- ---------------------------------------------------------------------------------------------- apps and intermediaries

alter table consentry.applications
    add column status_reason text,
    add column status_changed_at timestamptz,
    add column sort_name text collate "C" generated always as (lower(name)) stored;
create index applications_by_name on consentry.applications (institution_id, sort_name, application_id);
create index applications_by_age on consentry.applications (institution_id, created_at, application_id);
comment on column consentry.applications.status_reason is 'Why staff disabled or enabled the app, as they put it.';

create table consentry.application_decisions (
    institution_id integer not null,
    decision_id    uuid not null,
    application_id text not null,
    at             timestamptz not null,
    status_before  text not null,
    status_after   text not null,
    reason         text not null,
    customers      bigint not null,
    actor_kind     text not null,
    actor_id       text,
    request_id     text,
    primary key (institution_id, decision_id),
    foreign key (institution_id, application_id) references consentry.applications
);
create index application_decisions_of_application on consentry.application_decisions (institution_id, application_id, decision_id);
comment on table consentry.application_decisions is 'Every enabling and disabling of an app, with its reason and whom it concerned.';

alter table consentry.intermediaries
    add column logo_url text,
    add column contacts jsonb not null default '[]' check (jsonb_typeof(contacts) = 'array'),
    add column status text not null default 'active' check (status in ('active', 'disabled')),
    add column request_limit integer check (request_limit > 0),
    add column request_period text check (request_period in ('second', 'minute', 'hour', 'day')),
    add column allowed_addresses jsonb not null default '[]' check (jsonb_typeof(allowed_addresses) = 'array'),
    add column approval text not null default 'by_hand' check (approval in ('automatic', 'by_hand')),
    add column version integer not null default 1,
    add column sort_name text collate "C" generated always as (lower(name)) stored,
    add constraint limit_and_period check ((request_limit is null) = (request_period is null));
create index intermediaries_by_name on consentry.intermediaries (institution_id, sort_name, intermediary_id);
create index applications_of_intermediary on consentry.applications (institution_id, intermediary_id, application_id)
    where intermediary_id is not null;
comment on column consentry.intermediaries.contacts is '[{"name", "role", "email", "phone"}].';
comment on column consentry.intermediaries.allowed_addresses is 'Networks (RFC 4632) that its requests may come from; empty: any.';
comment on column consentry.intermediaries.approval is 'Whether apps that it registers are active at once or need review.';

create table consentry.registration_tokens (
    institution_id  integer not null,
    intermediary_id text not null,
    number          integer not null check (number > 0),
    mac             bytea not null,
    pepper_id       text not null,
    display         text not null,
    created_at      timestamptz not null,
    expires_at      timestamptz,
    primary key (institution_id, intermediary_id, number),
    foreign key (institution_id, intermediary_id) references consentry.intermediaries
);
create unique index registration_tokens_by_mac on consentry.registration_tokens (mac);
comment on table consentry.registration_tokens is
    'With which an intermediary may register apps (RFC 7591, initial access token); HMAC-SHA-256 under the pepper named by pepper_id.';

-- ---------------------------------------------------------------------------------------------- what is there already

insert into consentry.consent_moves (institution_id, customer_id, counts, application_id, consented_on, expires_at, revoked_at, revoked_by)
    select institution_id, customer_id, 1, application_id, consented_on, expires_at, revoked_at, revoked_by from consentry.consents;
insert into consentry.application_counts (institution_id, application_id)
    select institution_id, application_id from consentry.applications;
insert into consentry.account_endings (institution_id, ending, customer_id)
    select c.institution_id, e.ending, c.customer_id from consentry.customers c cross join lateral consentry.endings_of(c.accounts) as e (ending)
    order by 1, 2, 3;

-- ---------------------------------------------------------------------------------------------- the second wall

do $$
declare
    protected text;
begin
    foreach protected in array array[
        'consent_moves', 'daily_counts', 'application_counts', 'institution_counts', 'customers_seen', 'account_endings',
        'customer_looks', 'customer_blocks', 'application_decisions', 'registration_tokens']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant usage on sequence consentry.move_numbers to consentry_app;
grant select, insert, delete on consentry.consent_moves, consentry.account_endings, consentry.customer_looks,
    consentry.customer_blocks to consentry_app;
grant select, insert, update on consentry.daily_counts, consentry.application_counts, consentry.institution_counts,
    consentry.customers_seen to consentry_app;
grant select, insert on consentry.application_decisions to consentry_app;
grant select, insert, update (expires_at) on consentry.registration_tokens to consentry_app;
revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
