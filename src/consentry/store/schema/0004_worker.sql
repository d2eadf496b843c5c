-- What the background worker needs: a key to sign checkpoints with, and retention that leaves the rest of a chain
-- verifiable.

-- ---------------------------------------------------------------------------------------------- keys of the installation

create table consentry.installation_keys (
    kid          text primary key,
    purpose      text not null check (purpose in ('checkpoint')),
    public_key   text not null,
    sealed_key   bytea not null,
    sealed_under text not null,
    created_at   timestamptz not null default consentry.now(),
    retired_at   timestamptz
);
create unique index installation_keys_current on consentry.installation_keys (purpose) where retired_at is null;
comment on table consentry.installation_keys is
    'Keys that belong to no institution, hence without institution_id and policy; private halves encrypted.';
comment on column consentry.installation_keys.public_key is 'A JWK (RFC 8037).';

grant select, insert, update (sealed_key, sealed_under, retired_at) on consentry.installation_keys to consentry_app;

-- ---------------------------------------------------------------------------------------------- retention of the audit

alter table consentry.audit_chains
    add column pruned_sequence bigint not null default 0,
    add column pruned_hash bytea not null default sha256('');
comment on column consentry.audit_chains.pruned_sequence is
    'The last entry of the chain that retention has dropped; verification begins behind it, from pruned_hash.';

-- Drops one month or week of one table a call, so that few locks are held; the audit's entries go with their seals, and
-- not before all of them are sealed.
create or replace function consentry.drop_expired_partitions(keep_tokens interval, keep_events interval, keep_audit interval)
    returns setof text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $$
declare
    old record;
    seals text;
    waiting boolean;
begin
    if keep_tokens < '30 days' or keep_events < '30 days' or keep_audit < '1 year' then
        raise exception 'retention is shorter than the product allows' using errcode = '22023';
    end if;
    if exists (select from consentry.institutions where legal_hold) then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('consentry.ensure_partitions', 0));
    for old in
        select child.relname, parent.relname as parent
        from pg_inherits
        join pg_class child on child.oid = inhrelid
        join pg_class parent on parent.oid = inhparent
        where parent.relnamespace = 'consentry'::regnamespace and child.relkind = 'r' and parent.relname <> 'audit_seals'
          and to_timestamp(right(child.relname, 8) || ' +00', 'YYYYMMDD TZH')
              + case parent.relname when 'tokens' then '1 week'::interval + keep_tokens
                                    when 'events' then '1 month'::interval + keep_events
                                    else '1 month'::interval + keep_audit end < consentry.now()
        order by right(child.relname, 8), child.relname
    loop
        if old.parent = 'audit_entries' then
            seals := replace(old.relname, 'audit_entries_', 'audit_seals_');
            execute format(
                'select exists (select from consentry.%I e where not exists (select from consentry.%I s'
                ' where s.institution_id = e.institution_id and s.entry_id = e.entry_id))', old.relname, seals)
                into waiting;
            continue when waiting;
            execute format(
                'update consentry.audit_chains c set pruned_sequence = s.sequence, pruned_hash = s.hash'
                ' from (select distinct on (institution_id) institution_id, sequence, hash from consentry.%I'
                '       order by institution_id, sequence desc) s'
                ' where s.institution_id = c.institution_id and s.sequence > c.pruned_sequence', seals);
            delete from consentry.audit_checkpoints k using consentry.audit_chains c
            where k.institution_id = c.institution_id and k.sequence <= c.pruned_sequence;
            execute format('drop table consentry.%I', seals);
            return next seals;
        end if;
        execute format('drop table consentry.%I', old.relname);
        return next old.relname;
        return;
    end loop;
end $$;
comment on function consentry.drop_expired_partitions(interval, interval, interval) is
    'Drop the oldest partition that need not be kept, and give its name; nothing while any institution is under legal hold.';
