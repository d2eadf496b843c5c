-- The whole store of a consentry installation, apart from imports (0002).
--
-- Two rules hold for every table:
--   * institution_id comes first in its primary key, and a policy shows the application's role
--     only the institutions named in the setting consentry.institutions, which lives for one transaction;
--   * what was decided is written once: audit entries, events and the history of consents are insert-only.
--
-- Time is consentry.now(), identifiers in time order are UUID version 7 (RFC 9562, section 5.7), and tables that
-- grow with traffic are partitioned by that identifier, so that retention is the dropping of a partition.

-- ---------------------------------------------------------------------------------------------- time and identifiers

create function consentry.now() returns timestamptz
    language sql stable parallel safe
    as $$ select statement_timestamp() $$;

comment on function consentry.now() is 'The only clock of the product.';

create function consentry.milliseconds(at timestamptz) returns bigint
    language sql stable parallel safe
    as $$ select (extract(epoch from at) * 1000)::bigint $$;

create function consentry.time_ordered_id(at timestamptz) returns uuid
    language sql volatile parallel safe
    as $$
        select encode(set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                    placing substring(int8send(consentry.milliseconds(at)) from 3) from 1 for 6),
            52, 1), 53, 1), 'hex')::uuid
    $$;

comment on function consentry.time_ordered_id(timestamptz) is 'A new UUID version 7 for this moment.';

create function consentry.first_id_at(at timestamptz) returns uuid
    language sql stable parallel safe
    as $$ select (lpad(to_hex(consentry.milliseconds(at)), 12, '0') || '00000000000000000000')::uuid $$;

comment on function consentry.first_id_at(timestamptz) is 'The smallest time-ordered id of this moment: a bound for ranges.';

-- ---------------------------------------------------------------------------------------------- institutions

create table consentry.institutions (
    institution_id     integer generated always as identity primary key,
    public_id          text not null unique check (public_id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
    name               text not null check (length(name) between 1 and 200),
    host               text unique check (host = lower(host) and host <> ''),
    status             text not null default 'enabled' check (status in ('enabled', 'needs_review', 'disabled')),
    secret_overlap     interval not null default '24 hours' check (secret_overlap between '0' and '30 days'),
    tokens_valid_after timestamptz not null default '-infinity',
    legal_hold         boolean not null default false,
    created_at         timestamptz not null default consentry.now()
);
comment on column consentry.institutions.tokens_valid_after is
    'Tokens issued before this moment are dead: set when a secret leaked and after a restore.';

create table consentry.signing_keys (
    institution_id integer not null references consentry.institutions,
    kid            text not null unique,
    sealed_key     bytea not null,
    sealed_under   text not null,
    created_at     timestamptz not null default consentry.now(),
    retired_at     timestamptz,
    primary key (institution_id, kid)
);
comment on column consentry.signing_keys.sealed_key is 'The key, encrypted under the key-encryption key named by sealed_under.';

-- ---------------------------------------------------------------------------------------------- credentials and tokens

create table consentry.credentials (
    institution_id integer not null references consentry.institutions,
    name           text not null,
    client_id      text not null unique,
    created_at     timestamptz not null,
    primary key (institution_id, name)
);

create table consentry.credential_secrets (
    institution_id  integer not null,
    name            text not null,
    number          integer not null check (number > 0),
    mac             bytea not null,
    pepper_id       text not null,
    display         text not null,
    created_at      timestamptz not null,
    expires_at      timestamptz,
    first_used_at   timestamptz,
    last_used_at    timestamptz,
    replaces_unused boolean not null default false,
    primary key (institution_id, name, number),
    foreign key (institution_id, name) references consentry.credentials
);
comment on column consentry.credential_secrets.mac is 'HMAC-SHA-256 of the secret under the pepper named by pepper_id.';
comment on column consentry.credential_secrets.replaces_unused is
    'Made with the previous secret because the answer that carried the newest one was lost; that is allowed once.';

create sequence consentry.token_numbers cache 64;

create table consentry.tokens (
    institution_id integer not null,
    jti            uuid not null,
    number         bigint not null default nextval('consentry.token_numbers'),
    customer_id    text not null,
    client_id      text not null,
    secret_number  integer not null,
    issued_at      timestamptz not null,
    expires_at     timestamptz not null,
    spent_at       timestamptz,
    revoked_at     timestamptz,
    source         text,
    request_id     text,
    primary key (institution_id, jti)
) partition by range (jti);
comment on table consentry.tokens is 'Every token of the Consent Management API, written before it is handed out.';

create table consentry.failed_sign_ins (
    institution_id integer not null,
    attempt_id     uuid not null,
    at             timestamptz not null,
    client_id      text not null,
    source         text,
    request_id     text,
    primary key (institution_id, attempt_id)
) partition by range (attempt_id);
comment on column consentry.failed_sign_ins.institution_id is '0 where the client is unknown.';

-- ---------------------------------------------------------------------------------------------- who receives data

create table consentry.intermediaries (
    institution_id  integer not null references consentry.institutions,
    intermediary_id text not null,
    name            text not null,
    created_at      timestamptz not null default consentry.now(),
    primary key (institution_id, intermediary_id)
);

create table consentry.applications (
    institution_id  integer not null references consentry.institutions,
    application_id  text not null,
    name            text not null,
    icon_url        text,
    purpose         text,
    intermediary_id text,
    status          text not null default 'active' check (status in ('active', 'needs_review', 'disabled')),
    created_at      timestamptz not null default consentry.now(),
    primary key (institution_id, application_id),
    foreign key (institution_id, intermediary_id) references consentry.intermediaries
);
comment on column consentry.applications.purpose is 'What the app uses the data for, in one sentence, as it was registered.';

-- ---------------------------------------------------------------------------------------------- customers and consents

create table consentry.customers (
    institution_id integer not null references consentry.institutions,
    customer_id    text not null check (customer_id ~ '^[!-~]{1,255}$'),
    accounts       jsonb not null default '[]' check (jsonb_typeof(accounts) = 'array'),
    version        integer not null default 1,
    primary key (institution_id, customer_id)
);
comment on column consentry.customers.accounts is
    'The accounts that can be shared, in the bank''s order: [{"account_id", "nickname", "account_number_display"}].';

create table consentry.consents (
    institution_id    integer not null,
    consent_id        text not null check (consent_id ~ '^_[A-Za-z0-9_-]{1,63}$'),
    customer_id       text not null,
    application_id    text not null,
    created_at        timestamptz not null,
    consented_on      timestamptz not null,
    expires_at        timestamptz,
    paused_at         timestamptz,
    revoked_at        timestamptz,
    revoked_by        text check (revoked_by in ('customer', 'institution', 'recipient', 'system')),
    revocation_reason text,
    auto_share        boolean not null default false,
    shared_accounts   jsonb not null default '[]' check (jsonb_typeof(shared_accounts) = 'array'),
    data_clusters     jsonb not null default '[]' check (jsonb_typeof(data_clusters) = 'array'),
    last_accessed     timestamptz,
    read_only         boolean not null default false,
    version           integer not null default 1,
    primary key (institution_id, consent_id),
    foreign key (institution_id, customer_id) references consentry.customers,
    foreign key (institution_id, application_id) references consentry.applications,
    check ((revoked_at is null) = (revoked_by is null))
) with (fillfactor = 80);
create index consents_of_customer on consentry.consents (institution_id, customer_id);
create index consents_of_application on consentry.consents (institution_id, application_id, consent_id);
comment on column consentry.consents.shared_accounts is 'The ids of the accounts that are shared, ["..."].';
comment on column consentry.consents.read_only is 'Mirrored from another system that still decides.';

create table consentry.consent_changes (
    institution_id integer not null,
    consent_id     text not null,
    version        integer not null,
    at             timestamptz not null,
    kind           text not null,
    actor_kind     text not null,
    actor_id       text,
    detail         jsonb not null default '{}',
    request_id     text,
    primary key (institution_id, consent_id, version)
);
comment on table consentry.consent_changes is 'The history of each consent: one row a version, which no two changes can share.';

-- ---------------------------------------------------------------------------------------------- events and audit

create table consentry.events (
    institution_id integer not null,
    event_id       uuid not null,
    at             timestamptz not null,
    kind           text not null,
    consent_id     text,
    customer_id    text,
    application_id text,
    detail         jsonb not null default '{}',
    written_by     xid8 not null default pg_current_xact_id(),
    primary key (institution_id, event_id)
) partition by range (event_id);
comment on table consentry.events is 'The outbox: what others are to be told, written with the change it tells of.';

create table consentry.audit_entries (
    institution_id integer not null,
    entry_id       uuid not null,
    at             timestamptz not null,
    action         text not null,
    outcome        text not null default 'done' check (outcome in ('done', 'refused')),
    actor_kind     text not null,
    actor_id       text,
    subject_kind   text not null,
    subject_id     text,
    before         jsonb,
    after          jsonb,
    source         text,
    request_id     text,
    written_by     xid8 not null default pg_current_xact_id(),
    primary key (institution_id, entry_id)
) partition by range (entry_id);
create index audit_entries_to_seal on consentry.audit_entries (institution_id, written_by, entry_id);
create index audit_entries_of_subject on consentry.audit_entries (institution_id, subject_kind, subject_id, entry_id);

create table consentry.audit_seals (
    institution_id integer not null,
    entry_id       uuid not null,
    sequence       bigint not null,
    hash           bytea not null,
    sealed_at      timestamptz not null,
    primary key (institution_id, entry_id)
) partition by range (entry_id);
create index audit_seals_in_order on consentry.audit_seals (institution_id, sequence);

create table consentry.audit_chains (
    institution_id integer primary key references consentry.institutions,
    sequence       bigint not null default 0,
    hash           bytea not null default sha256(''),
    written_by     xid8 not null default '0',
    entry_id       uuid not null default '00000000-0000-0000-0000-000000000000'
);
comment on table consentry.audit_chains is 'The last sealed entry of each institution: moved on by a conditional update, so that a chain cannot fork.';

create table consentry.audit_checkpoints (
    institution_id integer not null references consentry.institutions,
    sequence       bigint not null,
    hash           bytea not null,
    at             timestamptz not null,
    statement      text not null,
    primary key (institution_id, sequence)
);
comment on column consentry.audit_checkpoints.statement is 'The signed checkpoint (a JWS) that has left the machine.';

-- ---------------------------------------------------------------------------------------------- partitions

create function consentry.ensure_partitions() returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
declare
    plan record;
    opens timestamptz;
    made integer := 0;
    partition_name text;
begin
    perform pg_advisory_xact_lock(hashtextextended('consentry.ensure_partitions', 0));
    for plan in select * from (values ('tokens', 'week', '5 weeks'), ('failed_sign_ins', 'month', '6 months'), ('events', 'month', '6 months'),
                                      ('audit_entries', 'month', '6 months'), ('audit_seals', 'month', '6 months'))
                as p (parent, step, ahead)
    loop
        opens := date_trunc(plan.step, consentry.now() at time zone 'UTC') at time zone 'UTC';
        while opens < consentry.now() + plan.ahead::interval loop
            partition_name := plan.parent || '_' || to_char(opens at time zone 'UTC', 'YYYYMMDD');
            if to_regclass('consentry.' || partition_name) is null then
                execute format(
                    'create table consentry.%I partition of consentry.%I for values from (%L) to (%L)',
                    partition_name, plan.parent,
                    consentry.first_id_at(opens),
                    consentry.first_id_at((opens at time zone 'UTC' + ('1 ' || plan.step)::interval) at time zone 'UTC'));
                made := made + 1;
            end if;
            opens := (opens at time zone 'UTC' + ('1 ' || plan.step)::interval) at time zone 'UTC';
        end loop;
    end loop;
    return made;
end $$;

create function consentry.drop_expired_partitions(keep_tokens interval, keep_events interval, keep_audit interval)
    returns setof text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
declare
    old record;
begin
    if keep_tokens < '30 days' or keep_events < '30 days' or keep_audit < '1 year' then
        raise exception 'retention is shorter than the product allows' using errcode = '22023';
    end if;
    if exists (select from consentry.institutions where legal_hold) then
        return;
    end if;
    for old in
        select child.relname, parent.relname as parent
        from pg_inherits
        join pg_class child on child.oid = inhrelid
        join pg_class parent on parent.oid = inhparent
        where parent.relnamespace = 'consentry'::regnamespace and child.relkind = 'r'
          and to_timestamp(right(child.relname, 8) || ' +00', 'YYYYMMDD TZH')
              + case parent.relname when 'tokens' then '1 week'::interval + keep_tokens
                                    when 'failed_sign_ins' then '1 month'::interval + keep_audit
                                    when 'events' then '1 month'::interval + keep_events
                                    else '1 month'::interval + keep_audit end < consentry.now()
    loop
        execute format('drop table consentry.%I', old.relname);
        return next old.relname;
    end loop;
end $$;

select consentry.ensure_partitions();

-- ---------------------------------------------------------------------------------------------- the second wall

do $$
declare
    protected text;
begin
    foreach protected in array array[
        'institutions', 'signing_keys', 'credentials', 'credential_secrets', 'tokens', 'failed_sign_ins', 'intermediaries', 'applications',
        'customers', 'consents', 'consent_changes', 'events', 'audit_entries', 'audit_seals', 'audit_chains', 'audit_checkpoints']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant usage on schema consentry to consentry_app;
grant usage on sequence consentry.token_numbers to consentry_app;
grant select, insert, update on consentry.signing_keys, consentry.credentials, consentry.credential_secrets, consentry.tokens,
    consentry.intermediaries, consentry.applications, consentry.customers, consentry.consents, consentry.audit_chains
    to consentry_app;
grant select on consentry.failed_sign_ins to consentry_app;
grant select, insert on consentry.consent_changes, consentry.events, consentry.audit_entries, consentry.audit_seals,
    consentry.audit_checkpoints to consentry_app;
grant select, update (name, host, status, secret_overlap, tokens_valid_after, legal_hold) on consentry.institutions to consentry_app;

revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
