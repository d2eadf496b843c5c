-- What staff's searches for customers, and their looks at them, need: orders by the very characters of an id, whatever
-- the database's own order is. And words of the bank's staff stay between bank and customer.

create index account_endings_in_order on consentry.account_endings (institution_id, ending, customer_id collate "C");
create index consents_of_application_by_customer on consentry.consents
    (institution_id, application_id, customer_id collate "C");
create index customer_looks_of_customer on consentry.customer_looks (institution_id, customer_id, member_id, opened_at);

create or replace function consentry.write_changes(
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
        select institution_id, consentry.time_ordered_id(at), at, event_kind, consent_id, customer_id, application_id, after::jsonb - 'reason_text'
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
    'Write changes of locked consents with their history, audit entries and events; what staff wrote for the customer is in no event.';
