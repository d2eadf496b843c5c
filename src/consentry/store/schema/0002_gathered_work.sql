-- Functions for the work that many requests share: each takes one array an argument, one element a request, shows itself
-- the institutions concerned, and acts, in one round trip.
--
-- Locks are taken in this order everywhere: gates of institutions, gates of tokens, rows of consents by key. A gate is an
-- advisory lock that ends with the transaction: who relies on an institution's secrets or on a token holds it shared, who
-- ends them holds it alone, so that nothing decided on a dead secret or token commits after its death was answered.

-- ---------------------------------------------------------------------------------------------- before the institution is known

create function consentry.add_institution(public_id text, name text, host text) returns integer
    language sql security definer set search_path = pg_catalog, pg_temp
    as $$
        with added as (
            insert into consentry.institutions (public_id, name, host) values ($1, $2, $3) returning institution_id
        ), chained as (
            insert into consentry.audit_chains (institution_id) select institution_id from added
        )
        select institution_id from added
    $$;

create function consentry.institution_ids() returns table (institution_id integer, public_id text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select institution_id, public_id from consentry.institutions order by institution_id $$;

-- Asked at each request, so in plpgsql, which keeps its plans; every name is qualified, so that no search path matters.

create function consentry.institutions_of_clients(client_ids text[]) returns integer[]
    language plpgsql stable security definer
    as $$
begin
    return array(select distinct c.institution_id from consentry.credentials c where c.client_id operator(pg_catalog.=) any (client_ids));
end $$;

create function consentry.owners_of_hosts(hosts text[]) returns integer[]
    language plpgsql stable security definer
    as $$
begin
    return array(
        select i.institution_id
        from pg_catalog.unnest(hosts) with ordinality as asked (host, number)
        left join consentry.institutions i on i.host operator(pg_catalog.=) asked.host
        order by asked.number);
end $$;
comment on function consentry.owners_of_hosts(text[]) is
    'Which institution each host name belongs to, in the order asked; null: to none.';

create function consentry.signing_key_by_kid(wanted text)
    returns table (institution_id integer, public_id text, sealed_key bytea, sealed_under text, retired_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select k.institution_id, i.public_id, k.sealed_key, k.sealed_under, k.retired_at
        from consentry.signing_keys k join consentry.institutions i using (institution_id)
        where k.kid = wanted
    $$;

create function consentry.record_failed_sign_ins(client_ids text[], sources text[], request_ids text[]) returns void
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
        insert into consentry.failed_sign_ins (institution_id, attempt_id, at, client_id, source, request_id)
        select coalesce(c.institution_id, 0), consentry.time_ordered_id(consentry.now()), consentry.now(),
               f.client_id, f.source, f.request_id
        from unnest(client_ids, sources, request_ids) as f (client_id, source, request_id)
        left join consentry.credentials c on c.client_id = f.client_id
    $$;

-- ---------------------------------------------------------------------------------------------- gates

create function consentry.enter(institution_ids integer[]) returns void
    language plpgsql volatile
    as $$
begin
    perform set_config('consentry.institutions', institution_ids::text, true);
end $$;

create function consentry.rely_on(institution_ids integer[], jtis uuid[]) returns void
    language plpgsql volatile
    as $$
begin
    perform pg_advisory_xact_lock_shared(1, id) from (select distinct unnest(institution_ids) as id order by 1) as ids;
    perform pg_advisory_xact_lock_shared(2, id) from (select distinct hashtext(jti::text) as id from unnest(jtis) as jti order by 1) as ids;
end $$;

create function consentry.end_secrets_of(institution_id integer) returns void
    language sql volatile
    as $$ select pg_advisory_xact_lock(1, institution_id) $$;

create function consentry.end_token(jti uuid) returns void
    language sql volatile
    as $$ select pg_advisory_xact_lock(2, hashtext(jti::text)) $$;

-- ---------------------------------------------------------------------------------------------- tokens

create function consentry.issue_tokens(
    numbers integer[], client_ids text[], hosts text[], macs bytea[], customer_ids text[],
    sources text[], request_ids text[], lifetime interval)
    returns table (number integer, institution_id integer, public_id text, credential text, secret_number integer,
                   pepper_id text, use_to_mark boolean, kid text, jti uuid, issued_at timestamptz, expires_at timestamptz)
    language plpgsql volatile
    as $$
#variable_conflict use_column
declare
    moment constant timestamptz := consentry.now();
    expiry constant timestamptz := date_trunc('second', moment) + lifetime;
    concerned constant integer[] := consentry.institutions_of_clients(client_ids);
begin
    perform set_config('consentry.institutions', concerned::text, true);
    perform consentry.rely_on(concerned, '{}');
    return query
        with known as materialized (
            select a.number, a.client_id, a.customer_id, a.source, a.request_id,
                   i.institution_id, i.public_id, s.name as credential, s.number as secret_number, s.pepper_id,
                   coalesce(s.last_used_at < moment - interval '1 minute', true) as use_to_mark,
                   (select k.kid from consentry.signing_keys k
                    where k.institution_id = c.institution_id and k.retired_at is null
                    order by k.created_at desc limit 1) as kid,
                   consentry.time_ordered_id(moment) as jti
            from unnest(numbers, client_ids, consentry.owners_of_hosts(hosts), macs, customer_ids, sources, request_ids)
                as a (number, client_id, host_owner, mac, customer_id, source, request_id)
            join consentry.credentials c on c.client_id = a.client_id
            join consentry.credential_secrets s
              on s.institution_id = c.institution_id and s.name = c.name and s.mac = a.mac
             and (s.expires_at is null or s.expires_at > moment)
            join consentry.institutions i on i.institution_id = c.institution_id and i.status = 'enabled'
            where coalesce(a.host_owner, c.institution_id) = c.institution_id
        ), written as (
            insert into consentry.tokens (institution_id, jti, customer_id, client_id, secret_number,
                                          issued_at, expires_at, source, request_id)
            select institution_id, jti, customer_id, client_id, secret_number, moment, expiry, source, request_id
            from known
            order by jti
        )
        select k.number, k.institution_id, k.public_id, k.credential, k.secret_number,
               k.pepper_id, k.use_to_mark, k.kid, k.jti, moment, expiry
        from known k;
end $$;

create function consentry.live_tokens(institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[])
    returns table (number integer, institution_id integer, customer_id text)
    language plpgsql stable rows 16
    as $$
#variable_conflict use_column
declare
    moment constant timestamptz := consentry.now();
    -- No live token is older or newer: other weeks' partitions are not even opened.
    oldest constant uuid := consentry.first_id_at(moment - interval '1 hour');
    newest constant uuid := consentry.first_id_at(moment + interval '1 hour');
begin
    return query
        select q.number::integer, q.institution_id, q.customer_id
        from unnest(institution_ids, consentry.owners_of_hosts(hosts), jtis, customer_ids) with ordinality
            as q (institution_id, host_owner, jti, customer_id, number)
        join consentry.tokens t on t.institution_id = q.institution_id and t.jti = q.jti and t.jti between oldest and newest
        join consentry.institutions i on i.institution_id = q.institution_id
        where t.customer_id = q.customer_id and t.expires_at > moment and t.spent_at is null and t.revoked_at is null
          and i.status = 'enabled' and t.issued_at >= i.tokens_valid_after
          and coalesce(q.host_owner, q.institution_id) = q.institution_id;
end $$;
comment on function consentry.live_tokens(integer[], text[], uuid[], text[]) is
    'Which of the asked tokens (numbered from 1) are live at this moment and good for that customer and host.';

-- ---------------------------------------------------------------------------------------------- consents

create type consentry.consent_row as (
    number integer, accounts text, accounts_version integer,
    consent_id text, application_id text, application_name text, application_icon_url text, intermediary_name text,
    created_at timestamptz, consented_on timestamptz, expires_at timestamptz, paused_at timestamptz,
    revoked_at timestamptz, revoked_by text, revocation_reason text, auto_share boolean, shared_accounts text,
    data_clusters text, last_accessed timestamptz, read_only boolean, version integer, moment timestamptz);

create function consentry.read_consents(
    visible integer[], institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[])
    returns setof consentry.consent_row
    language plpgsql volatile
    as $$
begin
    perform set_config('consentry.institutions', visible::text, true);
    return query
        with live as materialized (
            select * from consentry.live_tokens(institution_ids, hosts, jtis, customer_ids)
        ), given as materialized (
            select l.number, c.*
            from live l
            join consentry.consents c on c.institution_id = l.institution_id and c.customer_id = l.customer_id
        )
        select l.number, k.accounts::text, k.version,
               null::text, null::text, null::text, null::text, null::text,
               null::timestamptz, null::timestamptz, null::timestamptz, null::timestamptz,
               null::timestamptz, null::text, null::text, null::boolean, null::text,
               null::text, null::timestamptz, null::boolean, null::integer, consentry.now()
        from live l
        left join consentry.customers k on k.institution_id = l.institution_id and k.customer_id = l.customer_id
        union all
        select g.number, null, null,
               g.consent_id, g.application_id, a.name, a.icon_url, m.name,
               g.created_at, g.consented_on, g.expires_at, g.paused_at,
               g.revoked_at, g.revoked_by, g.revocation_reason, g.auto_share, g.shared_accounts::text,
               g.data_clusters::text, g.last_accessed, g.read_only, g.version, null
        from given g
        join consentry.applications a on a.institution_id = g.institution_id and a.application_id = g.application_id
        left join consentry.intermediaries m
          on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id;
end $$;
comment on function consentry.read_consents(integer[], integer[], text[], uuid[], text[]) is
    'For each live token one row with the customer''s accounts, then one row a consent of that customer.';

create function consentry.lock_consents(
    visible integer[], institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[], consent_ids text[])
    returns setof consentry.consent_row
    language plpgsql volatile
    as $$
declare
    moment timestamptz;
begin
    perform set_config('consentry.institutions', visible::text, true);
    perform consentry.rely_on(visible, jtis);
    perform from (
        select from consentry.consents c
        join unnest(institution_ids, customer_ids, consent_ids) as q (institution_id, customer_id, consent_id)
          on c.institution_id = q.institution_id and c.consent_id = q.consent_id and c.customer_id = q.customer_id
        order by c.institution_id, c.consent_id
        for no key update of c) as locked;
    -- The locks may have been waited for: the moment of the decision is this one, so that times follow versions.
    moment := consentry.now() + (clock_timestamp() - statement_timestamp());
    return query
        with live as materialized (
            select * from consentry.live_tokens(institution_ids, hosts, jtis, customer_ids)
        ), given as materialized (
            select l.number, c.*
            from live l
            join consentry.consents c
              on c.institution_id = l.institution_id and c.customer_id = l.customer_id and c.consent_id = consent_ids[l.number]
        )
        select l.number, k.accounts::text, k.version,
               g.consent_id, g.application_id, a.name, a.icon_url, m.name,
               g.created_at, g.consented_on, g.expires_at, g.paused_at,
               g.revoked_at, g.revoked_by, g.revocation_reason, g.auto_share, g.shared_accounts::text,
               g.data_clusters::text, g.last_accessed, g.read_only, g.version, moment
        from live l
        left join consentry.customers k on k.institution_id = l.institution_id and k.customer_id = l.customer_id
        left join given g on g.number = l.number
        left join consentry.applications a on a.institution_id = g.institution_id and a.application_id = g.application_id
        left join consentry.intermediaries m
          on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id;
end $$;
comment on function consentry.lock_consents(integer[], integer[], text[], uuid[], text[], text[]) is
    'For each live token one row: the customer''s accounts and the consent asked for, locked, or nulls where it is not theirs.';
create function consentry.write_changes(
    institution_ids integer[], consent_ids text[], versions integer[], times timestamptz[], kinds text[],
    customer_ids text[], application_ids text[],
    auto_shares boolean[], shared_accounts_after text[],
    revocation_times timestamptz[], revokers text[], revocation_reasons text[],
    actor_kinds text[], actor_ids text[], befores text[], afters text[], sources text[], request_ids text[], event_kinds text[])
    returns void
    language plpgsql volatile
    as $$
declare
    expected integer;
    changed integer;
begin
    select count(*) into expected from (select distinct * from unnest(institution_ids, consent_ids)) as pairs;
    with change as (
        select * from unnest(
            institution_ids, consent_ids, versions, times, kinds, customer_ids, application_ids, auto_shares,
            shared_accounts_after, revocation_times, revokers, revocation_reasons, actor_kinds, actor_ids,
            befores, afters, sources, request_ids, event_kinds)
            as c (institution_id, consent_id, version, at, kind, customer_id, application_id, auto_share,
                  shared_accounts, revoked_at, revoked_by, revocation_reason, actor_kind, actor_id,
                  before, after, source, request_id, event_kind)
    ), history as (
        insert into consentry.consent_changes (institution_id, consent_id, version, at, kind, actor_kind, actor_id, detail, request_id)
        select institution_id, consent_id, version, at, kind, actor_kind, actor_id, after::jsonb, request_id from change
    ), audit as (
        insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, actor_id,
                                             subject_kind, subject_id, before, after, source, request_id)
        select institution_id, consentry.time_ordered_id(at), at, 'consent.' || kind, actor_kind, actor_id,
               'consent', consent_id, before::jsonb, after::jsonb, source, request_id
        from change
    ), event as (
        insert into consentry.events (institution_id, event_id, at, kind, consent_id, customer_id, application_id, detail)
        select institution_id, consentry.time_ordered_id(at), at, event_kind, consent_id, customer_id, application_id, after::jsonb
        from change
    ), latest as (
        select distinct on (institution_id, consent_id) * from change order by institution_id, consent_id, version desc
    ), first as (
        select institution_id, consent_id, min(version) as version from change group by institution_id, consent_id
    )
    update consentry.consents c
    set version = l.version, auto_share = l.auto_share, shared_accounts = l.shared_accounts::jsonb,
        revoked_at = l.revoked_at, revoked_by = l.revoked_by, revocation_reason = l.revocation_reason
    from latest l join first f using (institution_id, consent_id)
    where c.institution_id = l.institution_id and c.consent_id = l.consent_id and c.version = f.version - 1;
    get diagnostics changed = row_count;
    if changed <> expected then
        raise exception 'a consent changed under its lock' using errcode = '40001';
    end if;
end $$;
comment on function consentry.write_changes is
    'Write changes of consents that this transaction has locked: the consents, their history, the audit entries and the events.';

revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
