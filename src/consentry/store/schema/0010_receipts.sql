-- What proves to a customer what was decided: disputes, and the keys that sign receipts. And how long it is kept.

-- ---------------------------------------------------------------------------------------------- disputes

create table consentry.disputes (
    institution_id integer not null,
    consent_id     text not null,
    at             timestamptz not null,
    actor_kind     text not null,
    actor_id       text,
    request_id     text,
    primary key (institution_id, consent_id),
    foreign key (institution_id, consent_id) references consentry.consents on delete cascade
);
comment on table consentry.disputes is 'Consents that their customers do not recognise: told once, even of one that had ended.';

create function consentry.record_disputes(
    institution_ids integer[], consent_ids text[], customer_ids text[], application_ids text[], times timestamptz[],
    statuses text[], actor_kinds text[], actor_ids text[], sources text[], request_ids text[])
    returns void
    language plpgsql volatile
    as $$
begin
    with told as (
        select * from unnest(institution_ids, consent_ids, customer_ids, application_ids, times, statuses,
                             actor_kinds, actor_ids, sources, request_ids) with ordinality
            as t (institution_id, consent_id, customer_id, application_id, at, status,
                  actor_kind, actor_id, source, request_id, number)
    ), kept as (
        insert into consentry.disputes (institution_id, consent_id, at, actor_kind, actor_id, request_id)
        select institution_id, consent_id, at, actor_kind, actor_id, request_id from told order by number
        on conflict do nothing
        returning institution_id, consent_id
    ), first as (
        select distinct on (institution_id, consent_id) told.*, jsonb_build_object('status', status) as detail
        from told join kept using (institution_id, consent_id)
        order by institution_id, consent_id, number
    ), audit as (
        insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, actor_id,
                                             subject_kind, subject_id, after, source, request_id)
        select institution_id, consentry.time_ordered_id(at), at, 'consent.disputed', actor_kind, actor_id,
               'consent', consent_id, detail, source, request_id
        from first
    )
    insert into consentry.events (institution_id, event_id, at, kind, consent_id, customer_id, application_id, detail)
    select institution_id, consentry.time_ordered_id(at), at, 'CONSENT_DISPUTED', consent_id, customer_id, application_id, detail
    from first;
end $$;
comment on function consentry.record_disputes is
    'Record disputes of consents that this transaction has locked, each once, with its audit entry and its event.';

-- ---------------------------------------------------------------------------------------------- keys of receipts

create table consentry.receipt_keys (
    institution_id integer not null references consentry.institutions,
    kid            text not null,
    public_key     text not null,
    sealed_key     bytea not null,
    sealed_under   text not null,
    created_at     timestamptz not null default consentry.now(),
    retired_at     timestamptz,
    primary key (institution_id, kid)
);
create unique index receipt_keys_current on consentry.receipt_keys (institution_id) where retired_at is null;
comment on table consentry.receipt_keys is
    'The keys that sign an institution''s receipts; retired ones sign nothing more, and their public halves stay for ever.';
comment on column consentry.receipt_keys.public_key is 'A JWK (RFC 8037).';

-- ---------------------------------------------------------------------------------------------- retention

create index consents_by_end on consentry.consents
    (institution_id, least(coalesce(revoked_at, 'infinity'), coalesce(expires_at, 'infinity')))
    where (revoked_at is not null or expires_at is not null) and not read_only;

-- The application's role can't delete consents or their history; this does, and only what ended long ago.
create function consentry.forget_ended_consents(institution integer, keep interval, most integer)
    returns table (consents integer, changes integer)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
declare
    old text[];
begin
    if keep < '1 year' then
        raise exception 'retention is shorter than the product allows' using errcode = '22023';
    end if;
    if not institution = any (coalesce(nullif(current_setting('consentry.institutions', true), ''), '{}')::integer[]) then
        raise exception 'the transaction does not see this institution' using errcode = '42501';
    end if;
    select array_agg(found.consent_id) into old
    from (
        select c.consent_id from consentry.consents c
        where c.institution_id = institution and not c.read_only and (c.revoked_at is not null or c.expires_at is not null)
          and least(coalesce(c.revoked_at, 'infinity'), coalesce(c.expires_at, 'infinity')) < consentry.now() - keep
          and not exists (select from consentry.institutions i where i.institution_id = institution and i.legal_hold)
        limit most
        for update of c skip locked) as found;
    delete from consentry.consent_changes h where h.institution_id = institution and h.consent_id = any (old);
    get diagnostics changes = row_count;
    delete from consentry.import_differences d where d.institution_id = institution and d.consent_id = any (old);
    delete from consentry.consents c where c.institution_id = institution and c.consent_id = any (old);
    get diagnostics consents = row_count;
    return next;
end $$;
comment on function consentry.forget_ended_consents(integer, interval, integer) is
    'Delete some consents that ended longer ago than they are kept, with history and dispute; none under legal hold.';

-- ---------------------------------------------------------------------------------------------- the second wall

do $$
declare
    protected text;
begin
    foreach protected in array array['disputes', 'receipt_keys']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant select, insert on consentry.disputes to consentry_app;
grant select, insert, update (sealed_key, sealed_under, retired_at) on consentry.receipt_keys to consentry_app;
revoke execute on function consentry.record_disputes, consentry.forget_ended_consents from public;
grant execute on function consentry.record_disputes, consentry.forget_ended_consents to consentry_app;
