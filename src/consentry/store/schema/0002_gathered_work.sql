-- Functions for the work that many requests share: each takes one array an argument, one element a request, shows itself
-- the institutions concerned, and acts, in one round trip.
--
-- Locks are taken in this order everywhere: gates of institutions, gates of tokens, rows of consents by key. A gate is an
-- advisory lock that ends with the transaction: who relies on an institution's secrets or on a token holds it shared, who
-- ends them holds it alone, so that nothing decided on a dead secret or token commits after its death was answered.

create function consentry.enter(institution_ids integer[]) returns void
    language sql volatile
    as $$ select set_config('consentry.institutions', institution_ids::text, true) $$;

create function consentry.rely_on_institutions(institution_ids integer[]) returns void
    language sql volatile
    as $$ select pg_advisory_xact_lock_shared(1, id) from (select distinct unnest(institution_ids) as id order by 1) as ids $$;

create function consentry.rely_on_tokens(jtis uuid[]) returns void
    language sql volatile
    as $$ select pg_advisory_xact_lock_shared(2, id) from (select distinct hashtext(unnest(jtis)::text) as id order by 1) as ids $$;

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
    concerned constant integer[] := array(select consentry.institutions_of_clients(client_ids));
begin
    perform consentry.enter(concerned);
    perform consentry.rely_on_institutions(concerned);
    return query
        with asked as (
            select * from unnest(numbers, client_ids, hosts, macs, customer_ids, sources, request_ids)
                as a (number, client_id, host, mac, customer_id, source, request_id)
        ), known as materialized (
            select a.number, a.client_id, a.customer_id, a.source, a.request_id,
                   i.institution_id, i.public_id, s.name as credential, s.number as secret_number, s.pepper_id,
                   coalesce(s.last_used_at < moment - interval '1 minute', true) as use_to_mark,
                   k.kid, consentry.time_ordered_id(moment) as jti
            from asked a
            join consentry.credentials c on c.client_id = a.client_id
            join consentry.credential_secrets s
              on s.institution_id = c.institution_id and s.name = c.name and s.mac = a.mac
             and (s.expires_at is null or s.expires_at > moment)
            join consentry.institutions i on i.institution_id = c.institution_id and i.status = 'enabled'
            cross join lateral (
                select kid from consentry.signing_keys k
                where k.institution_id = c.institution_id and k.retired_at is null
                order by k.created_at desc limit 1) as k
            where not exists (select from consentry.owners_of_hosts(hosts) o
                              where o.host = a.host and o.institution_id <> c.institution_id)
        ), written as (
            insert into consentry.tokens (institution_id, jti, customer_id, client_id, secret_number,
                                          issued_at, expires_at, source, request_id)
            select institution_id, jti, customer_id, client_id, secret_number,
                   moment, date_trunc('second', moment) + lifetime, source, request_id
            from known
            order by jti
            returning jti
        )
        select known.number, known.institution_id, known.public_id, known.credential, known.secret_number,
               known.pepper_id, known.use_to_mark, known.kid, known.jti, moment, date_trunc('second', moment) + lifetime
        from known;
end $$;

create function consentry.live_tokens(institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[])
    returns table (number integer, institution_id integer, customer_id text)
    language plpgsql stable rows 16
    as $$
#variable_conflict use_column
declare
    moment constant timestamptz := consentry.now();
    oldest constant uuid := consentry.first_id_at(consentry.now() - interval '1 hour');
begin
    return query
        select q.number::integer, q.institution_id, q.customer_id
        from unnest(institution_ids, hosts, jtis, customer_ids) with ordinality
            as q (institution_id, host, jti, customer_id, number)
        join consentry.tokens t on t.institution_id = q.institution_id and t.jti = q.jti and t.jti >= oldest
        join consentry.institutions i on i.institution_id = q.institution_id
        where t.customer_id = q.customer_id and t.expires_at > moment and t.spent_at is null and t.revoked_at is null
          and i.status = 'enabled' and t.issued_at >= i.tokens_valid_after
          and not exists (select from consentry.owners_of_hosts(hosts) o
                          where o.host = q.host and o.institution_id <> q.institution_id);
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

create function consentry.read_consents(institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[])
    returns setof consentry.consent_row
    language plpgsql volatile
    as $$
begin
    perform consentry.enter(institution_ids);
    return query
        with live as materialized (
            select * from consentry.live_tokens(institution_ids, hosts, jtis, customer_ids)
        )
        select l.number, k.accounts::text, k.version,
               null::text, null::text, null::text, null::text, null::text,
               null::timestamptz, null::timestamptz, null::timestamptz, null::timestamptz,
               null::timestamptz, null::text, null::text, null::boolean, null::text,
               null::text, null::timestamptz, null::boolean, null::integer, consentry.now()
        from live l
        left join consentry.customers k on k.institution_id = l.institution_id and k.customer_id = l.customer_id
        union all
        select l.number, null, null,
               c.consent_id, c.application_id, a.name, a.icon_url, m.name,
               c.created_at, c.consented_on, c.expires_at, c.paused_at,
               c.revoked_at, c.revoked_by, c.revocation_reason, c.auto_share, c.shared_accounts::text,
               c.data_clusters::text, c.last_accessed, c.read_only, c.version, null
        from live l
        join consentry.consents c on c.institution_id = l.institution_id and c.customer_id = l.customer_id
        join consentry.applications a on a.institution_id = c.institution_id and a.application_id = c.application_id
        left join consentry.intermediaries m
          on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id;
end $$;
comment on function consentry.read_consents(integer[], text[], uuid[], text[]) is
    'For each live token one row with the customer''s accounts, then one row a consent of that customer.';

create function consentry.lock_consents(
    institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[], consent_ids text[])
    returns setof consentry.consent_row
    language plpgsql volatile
    as $$
begin
    perform consentry.enter(institution_ids);
    perform consentry.rely_on_institutions(institution_ids);
    perform consentry.rely_on_tokens(jtis);
    perform from (
        select from consentry.consents c
        join unnest(institution_ids, customer_ids, consent_ids) as q (institution_id, customer_id, consent_id)
          on c.institution_id = q.institution_id and c.consent_id = q.consent_id and c.customer_id = q.customer_id
        order by c.institution_id, c.consent_id
        for no key update of c) as locked;
    return query
        with live as materialized (
            select * from consentry.live_tokens(institution_ids, hosts, jtis, customer_ids)
        )
        select l.number, k.accounts::text, k.version,
               c.consent_id, c.application_id, a.name, a.icon_url, m.name,
               c.created_at, c.consented_on, c.expires_at, c.paused_at,
               c.revoked_at, c.revoked_by, c.revocation_reason, c.auto_share, c.shared_accounts::text,
               c.data_clusters::text, c.last_accessed, c.read_only, c.version, consentry.now()
        from live l
        left join consentry.customers k on k.institution_id = l.institution_id and k.customer_id = l.customer_id
        left join consentry.consents c
          on c.institution_id = l.institution_id and c.customer_id = l.customer_id and c.consent_id = consent_ids[l.number]
        left join consentry.applications a on a.institution_id = c.institution_id and a.application_id = c.application_id
        left join consentry.intermediaries m
          on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id;
end $$;
comment on function consentry.lock_consents(integer[], text[], uuid[], text[], text[]) is
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
