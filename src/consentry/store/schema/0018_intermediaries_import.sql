-- What an institution sets for an intermediary is exported and imported: status, request limit, allowed networks, approval.

alter table consentry.staged_intermediaries add column settings jsonb;
comment on column consentry.staged_intermediaries.settings is
    'What its line says of it, of the members that settings_of gives; null where nothing is said.';

create function consentry.settings_of(party consentry.intermediaries) returns jsonb
    language sql stable
    as $$
        select jsonb_build_object(
            'status', party.status,
            'request_limit', case when party.request_limit is not null then
                jsonb_build_object('requests', party.request_limit, 'period', party.request_period) end,
            'allowed_networks', party.allowed_addresses,
            'approval', party.approval)
    $$;
comment on function consentry.settings_of(consentry.intermediaries) is 'What is exported of what an institution sets for an intermediary.';

drop function consentry.intermediaries_after_import(integer, boolean);
create function consentry.intermediaries_after_import(institution integer, mirror boolean)
    returns table (intermediary_id text, name text, line bigint, origin text, stored_name text, settings jsonb)
    language sql stable
    as $$
        select distinct on (f.intermediary_id) f.intermediary_id, f.name, f.line, f.origin, i.name,
               case when i.intermediary_id is null then '{}' else consentry.settings_of(i) end || coalesce(f.settings, '{}')
        from (
            select intermediary_id, name, line, entry, origin, settings,
                   case origin when 'line' then 1 when 'application' then 2 else 3 end as rank
            from consentry.staged_intermediaries where institution_id = institution
            union all
            select intermediary_id, name, 0, -1, 'store', null, case when mirror then 4 else 0 end
            from consentry.intermediaries where institution_id = institution
        ) as f
        left join consentry.intermediaries i on i.institution_id = institution and i.intermediary_id = f.intermediary_id
        order by f.intermediary_id, f.rank, f.line, f.entry
    $$;
comment on function consentry.intermediaries_after_import(integer, boolean) is
    'The stored ones (a mirror''s give way to the file''s) and the file''s, with what is then set; line 0 is the store.';

create or replace function consentry.publish_parties(institution integer, mirror boolean)
    returns table (intermediaries_added integer, intermediaries_changed integer, applications_added integer, applications_changed integer)
    language plpgsql volatile
    as $$
begin
    insert into consentry.intermediaries (institution_id, intermediary_id, name, status, request_limit, request_period,
                                          allowed_addresses, approval)
        select institution, m.intermediary_id, m.name, coalesce(m.settings ->> 'status', 'active'),
               (m.settings -> 'request_limit' ->> 'requests')::integer, m.settings -> 'request_limit' ->> 'period',
               coalesce(m.settings -> 'allowed_networks', '[]'), coalesce(m.settings ->> 'approval', 'by_hand')
        from consentry.intermediaries_after_import(institution, mirror) m
        where m.stored_name is null
          and (m.origin <> 'list' or exists (select from consentry.applications_after_import(institution, mirror) a
                                             where a.intermediary_id = m.intermediary_id));
    get diagnostics intermediaries_added = row_count;
    update consentry.intermediaries i
        set name = m.name, status = m.settings ->> 'status',
            request_limit = (m.settings -> 'request_limit' ->> 'requests')::integer,
            request_period = m.settings -> 'request_limit' ->> 'period',
            allowed_addresses = m.settings -> 'allowed_networks', approval = m.settings ->> 'approval', version = i.version + 1,
            status_reason = case when i.status = m.settings ->> 'status' then i.status_reason else 'As the mirrored system has it.' end,
            status_changed_at = case when i.status = m.settings ->> 'status' then i.status_changed_at else consentry.now() end
        from consentry.intermediaries_after_import(institution, mirror) m
        where i.institution_id = institution and i.intermediary_id = m.intermediary_id
          and (i.name, consentry.settings_of(i)) is distinct from (m.name, m.settings);
    get diagnostics intermediaries_changed = row_count;
    insert into consentry.applications (institution_id, application_id, name, icon_url, purpose, intermediary_id, status, category, website)
        select institution, a.application_id, a.name, a.icon_url, a.purpose, a.intermediary_id, a.status, a.category, a.website
        from consentry.applications_after_import(institution, mirror) a
        where (a.stored).application_id is null;
    get diagnostics applications_added = row_count;
    -- What another system that still decides says of an app's access stands in the log like what staff decide.
    insert into consentry.application_decisions (institution_id, decision_id, application_id, at, status_before, status_after, reason,
                                                 customers, actor_kind)
        select institution, consentry.time_ordered_id(consentry.now()), a.application_id, consentry.now(), (a.stored).status, a.status,
               'As the mirrored system has it.', coalesce(c.customers, 0), 'system'
        from consentry.applications_after_import(institution, mirror) a
        left join consentry.application_counts c on c.institution_id = institution and c.application_id = a.application_id
        where (a.stored).status <> a.status;
    update consentry.applications s
        set name = a.name, icon_url = a.icon_url, purpose = a.purpose, intermediary_id = a.intermediary_id, status = a.status,
            category = a.category, website = a.website,
            status_reason = case when s.status = a.status then s.status_reason else 'As the mirrored system has it.' end,
            status_changed_at = case when s.status = a.status then s.status_changed_at else consentry.now() end
        from consentry.applications_after_import(institution, mirror) a
        where s.institution_id = institution and s.application_id = a.application_id
          and (s.name, s.icon_url, s.purpose, s.intermediary_id, s.status, s.category, s.website)
              is distinct from (a.name, a.icon_url, a.purpose, a.intermediary_id, a.status, a.category, a.website);
    get diagnostics applications_changed = row_count;
    return next;
end $$;

revoke execute on function consentry.settings_of(consentry.intermediaries), consentry.intermediaries_after_import(integer, boolean)
    from public;
grant execute on function consentry.settings_of(consentry.intermediaries), consentry.intermediaries_after_import(integer, boolean)
    to consentry_app;
