-- Apps and intermediaries in the portal: how they are found, what is imported of them, and registration tokens.

-- ---------------------------------------------------------------------------------------------- how they are found

create index applications_by_status on consentry.applications (institution_id, status, sort_name, application_id);
create index applications_by_category on consentry.applications (institution_id, category, sort_name, application_id)
    where category is not null;
comment on column consentry.applications.category is 'What kind of app it is, as the institution or an import puts it.';
comment on column consentry.applications.website is 'Where the app is at home: https, shown as text.';

create index intermediaries_by_age on consentry.intermediaries (institution_id, created_at, intermediary_id);
alter table consentry.intermediaries
    add column status_reason text,
    add column status_changed_at timestamptz;
comment on column consentry.intermediaries.status_reason is 'Why staff disabled or enabled the intermediary, as they put it.';

create function consentry.intermediary_of_registration_token(macs bytea[])
    returns table (institution_id integer, intermediary_id text, number integer, pepper_id text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select t.institution_id, t.intermediary_id, t.number, t.pepper_id
        from consentry.registration_tokens t
        join consentry.intermediaries m on m.institution_id = t.institution_id and m.intermediary_id = t.intermediary_id
        join consentry.institutions i on i.institution_id = t.institution_id
        where t.mac = any (macs) and (t.expires_at is null or t.expires_at > consentry.now())
          and m.status = 'active' and i.status = 'enabled'
    $$;
comment on function consentry.intermediary_of_registration_token(bytea[]) is
    'Whose a live registration token is, by its keyed hash under each pepper.';
grant update (mac, pepper_id) on consentry.registration_tokens to consentry_app;

-- ---------------------------------------------------------------------------------------------- what is imported

alter table consentry.staged_applications
    add column category text,
    add column website text;

drop function consentry.applications_after_import(integer, boolean);
create function consentry.applications_after_import(institution integer, mirror boolean)
    returns table (application_id text, name text, icon_url text, purpose text, intermediary_id text, status text, line bigint,
                   stored consentry.applications, category text, website text)
    language sql stable
    as $$
        select distinct on (f.application_id) f.application_id, f.name, f.icon_url, coalesce(f.purpose, a.purpose),
               case when f.intermediary_stated then f.intermediary_id else a.intermediary_id end,
               coalesce(f.status, a.status, 'active'), f.line, a,
               coalesce(f.category, a.category), coalesce(f.website, a.website)
        from (
            select application_id, name, icon_url, purpose, true as intermediary_stated, intermediary_id, status, category, website,
                   line, 0 as entry, 1 as rank
            from consentry.staged_applications where institution_id = institution
            union all
            select application_id, name, icon_url, null, intermediary_stated, intermediary_id, null, null, null, line, entry, 2
            from consentry.staged_mentions where institution_id = institution and describes
            union all
            select application_id, name, icon_url, purpose, true, intermediary_id, status, category, website,
                   0, 0, case when mirror then 3 else 0 end
            from consentry.applications where institution_id = institution
        ) as f
        left join consentry.applications a on a.institution_id = institution and a.application_id = f.application_id
        order by f.application_id, f.rank, f.line, f.entry
    $$;

create or replace function consentry.publish_parties(institution integer, mirror boolean)
    returns table (intermediaries_added integer, intermediaries_changed integer, applications_added integer, applications_changed integer)
    language plpgsql volatile
    as $$
begin
    insert into consentry.intermediaries (institution_id, intermediary_id, name)
        select institution, m.intermediary_id, m.name
        from consentry.intermediaries_after_import(institution, mirror) m
        where m.stored_name is null
          and (m.origin <> 'list' or exists (select from consentry.applications_after_import(institution, mirror) a
                                             where a.intermediary_id = m.intermediary_id));
    get diagnostics intermediaries_added = row_count;
    update consentry.intermediaries i set name = m.name
        from consentry.intermediaries_after_import(institution, mirror) m
        where i.institution_id = institution and i.intermediary_id = m.intermediary_id and i.name <> m.name;
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

revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
