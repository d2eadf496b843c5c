-- Imports: consents that another system has, read in steps that can be resumed and published in one transaction.
--
-- What is read is staged first, in chunks that commit one by one. The staged tables and the record of their chunks are
-- unlogged: after a crash of PostgreSQL they are empty together, and the import starts over. Rows are written by INSERT
-- from arrays, because COPY FROM does not work under row-level security. A staged row knows its line, counted from 1, and
-- its entry: the index in a line's list of consents, or -1.

-- ---------------------------------------------------------------------------------------------- what is kept

create table consentry.imports (
    institution_id integer not null,
    import_id      uuid not null,
    name           text not null,
    kind           text not null check (kind in ('plain', 'mirror', 'cut_over')),
    state          text not null check (state in ('staging', 'published', 'discarded')),
    started_at     timestamptz not null default consentry.now(),
    finished_at    timestamptz,
    lines          bigint not null default 0,
    digest         bytea,
    counts         jsonb not null default '{}',
    primary key (institution_id, import_id),
    check ((state = 'staging') = (finished_at is null))
);
create unique index imports_unfinished on consentry.imports (institution_id) where state = 'staging';
comment on table consentry.imports is 'Every import and cut-over; at most one of an institution is unfinished.';
comment on column consentry.imports.institution_id is 'May be a reserved one, until the import that adds the institution is published.';

create table consentry.import_differences (
    institution_id integer not null references consentry.institutions,
    consent_id     text not null,
    kind           text not null check (kind in ('vanished', 'kept_ended')),
    import_id      uuid not null,
    primary key (institution_id, consent_id)
);
comment on table consentry.import_differences is
    'Where the mirror and the last mirrored file disagree: live here and not in the file, or ended here and live in the file.';

create table consentry.reserved_institutions (
    institution_id integer primary key,
    public_id      text not null unique
);
comment on table consentry.reserved_institutions is 'Ids for institutions that an unfinished import will add.';

alter table consentry.consents add column import_id uuid;
comment on column consentry.consents.import_id is 'The import that brought the consent in, if one did.';

-- ---------------------------------------------------------------------------------------------- what is staged

create unlogged table consentry.import_chunks (
    institution_id integer not null,
    number         integer not null,
    last_line      bigint not null,
    digest         bytea not null,
    primary key (institution_id, number)
);
comment on column consentry.import_chunks.digest is 'Of the input from its beginning to the end of this chunk.';

create unlogged table consentry.staged_institutions (
    institution_id integer not null,
    line           bigint not null,
    name           text not null,
    host           text,
    primary key (institution_id, line)
);
create unlogged table consentry.staged_intermediaries (
    institution_id  integer not null,
    line            bigint not null,
    entry        integer not null,
    origin          text not null check (origin in ('line', 'application', 'list')),
    intermediary_id text not null,
    name            text not null,
    primary key (institution_id, line, entry)
);
create unlogged table consentry.staged_applications (
    institution_id  integer not null,
    line            bigint not null,
    application_id  text not null,
    name            text not null,
    icon_url        text,
    purpose         text,
    intermediary_id text,
    status          text,
    primary key (institution_id, line)
);
create unlogged table consentry.staged_mentions (
    institution_id      integer not null,
    application_id      text not null,
    key                 bytea not null,
    line                bigint not null,
    entry            integer not null,
    describes           boolean not null,
    name                text,
    icon_stated         boolean not null,
    icon_url            text,
    intermediary_stated boolean not null,
    intermediary_id     text,
    intermediary_name   text,
    primary key (institution_id, application_id, key)
);
comment on table consentry.staged_mentions is 'What consents say of their application, once for each wording.';
comment on column consentry.staged_mentions.describes is 'Good enough to add the application: told by a list, which has nothing else to tell it.';

create unlogged table consentry.staged_customers (
    institution_id integer not null,
    line           bigint not null,
    customer_id    text not null,
    accounts       jsonb not null,
    primary key (institution_id, line)
);
create unlogged table consentry.staged_account_lists (
    institution_id integer not null,
    customer_id    text not null,
    key            bytea not null,
    line           bigint not null,
    entry       integer not null,
    accounts       jsonb not null,
    primary key (institution_id, customer_id, key)
);
comment on table consentry.staged_account_lists is 'What consents say of their customer''s accounts, once for each wording.';

create unlogged table consentry.staged_consents (
    institution_id    integer not null,
    line              bigint not null,
    entry          integer not null,
    consent_id        text not null,
    customer_id       text not null,
    application_id    text not null,
    created_at        timestamptz not null,
    consented_on      timestamptz not null,
    expires_at        timestamptz,
    paused_at         timestamptz,
    revoked_at        timestamptz,
    revoked_by        text,
    revocation_reason text,
    auto_share        boolean not null,
    shared_accounts   jsonb not null,
    data_clusters     jsonb not null,
    last_accessed     timestamptz,
    primary key (institution_id, line, entry)
);

create function consentry.clear_staging(institution integer, after_line bigint) returns void
    language sql volatile
    as $$
        delete from consentry.import_chunks where institution_id = institution and last_line > after_line;
        delete from consentry.staged_institutions where institution_id = institution and line > after_line;
        delete from consentry.staged_intermediaries where institution_id = institution and line > after_line;
        delete from consentry.staged_applications where institution_id = institution and line > after_line;
        delete from consentry.staged_mentions where institution_id = institution and line > after_line;
        delete from consentry.staged_customers where institution_id = institution and line > after_line;
        delete from consentry.staged_account_lists where institution_id = institution and line > after_line;
        delete from consentry.staged_consents where institution_id = institution and line > after_line;
    $$;

create function consentry.import_path(entry integer, field text) returns text
    language sql immutable parallel safe
    as $$ select case when entry < 0 then field else format('consents[%s].%s', entry, field) end $$;

-- ---------------------------------------------------------------------------------------------- what will be

create function consentry.intermediaries_after_import(institution integer, mirror boolean)
    returns table (intermediary_id text, name text, line bigint, origin text, stored_name text)
    language sql stable
    as $$
        select distinct on (f.intermediary_id) f.intermediary_id, f.name, f.line, f.origin, i.name
        from (
            select intermediary_id, name, line, entry, origin,
                   case origin when 'line' then 1 when 'application' then 2 else 3 end as rank
            from consentry.staged_intermediaries where institution_id = institution
            union all
            select intermediary_id, name, 0, -1, 'store', case when mirror then 4 else 0 end
            from consentry.intermediaries where institution_id = institution
        ) as f
        left join consentry.intermediaries i on i.institution_id = institution and i.intermediary_id = f.intermediary_id
        order by f.intermediary_id, f.rank, f.line, f.entry
    $$;
comment on function consentry.intermediaries_after_import(integer, boolean) is
    'The stored ones (a mirror''s give way to the file''s) and the file''s; line 0 is the store.';

create function consentry.applications_after_import(institution integer, mirror boolean)
    returns table (application_id text, name text, icon_url text, purpose text, intermediary_id text, status text, line bigint, stored consentry.applications)
    language sql stable
    as $$
        select distinct on (f.application_id) f.application_id, f.name, f.icon_url, coalesce(f.purpose, a.purpose),
               case when f.intermediary_stated then f.intermediary_id else a.intermediary_id end,
               coalesce(f.status, a.status, 'active'), f.line, a
        from (
            select application_id, name, icon_url, purpose, true as intermediary_stated, intermediary_id, status, line, 0 as entry, 1 as rank
            from consentry.staged_applications where institution_id = institution
            union all
            select application_id, name, icon_url, null, intermediary_stated, intermediary_id, null, line, entry, 2
            from consentry.staged_mentions where institution_id = institution and describes
            union all
            select application_id, name, icon_url, purpose, true, intermediary_id, status, 0, 0, case when mirror then 3 else 0 end
            from consentry.applications where institution_id = institution
        ) as f
        left join consentry.applications a on a.institution_id = institution and a.application_id = f.application_id
        order by f.application_id, f.rank, f.line, f.entry
    $$;

create function consentry.customers_after_import(institution integer) returns table (customer_id text, accounts jsonb)
    language sql stable
    as $$
        with told as (
            select l.*, count(*) over (partition by l.customer_id) as wordings
            from consentry.staged_account_lists l
            where l.institution_id = institution
              and not exists (select from consentry.staged_customers s
                              where s.institution_id = institution and s.customer_id = l.customer_id)
        ), each as (
            select distinct on (t.customer_id, e.account ->> 'account_id') t.customer_id, e.account, t.line, t.entry, e.place
            from told t cross join lateral jsonb_array_elements(t.accounts) with ordinality as e (account, place)
            where t.wordings > 1
            order by t.customer_id, e.account ->> 'account_id', t.line, t.entry, e.place
        )
        select customer_id, accounts from consentry.staged_customers where institution_id = institution
        union all
        select customer_id, accounts from told where wordings = 1
        union all
        select customer_id, jsonb_agg(account order by line, entry, place) from each group by customer_id
    $$;
comment on function consentry.customers_after_import(integer) is
    'The customers of the file; where only consents tell of accounts, all of them in the order in which they appear.';

create function consentry.same_ids(one jsonb, other jsonb) returns boolean
    language sql immutable parallel safe
    as $$ select one @> other and other @> one $$;

create view consentry.staged_differences with (security_invoker = true) as
    select s.institution_id, s.line, s.entry, s.consent_id, c.read_only, d.columns, to_jsonb(c) as stored,
           coalesce(c.revoked_at is not null or c.expires_at <= consentry.now(), false) as has_ended,
           coalesce(s.revoked_at is not null or s.expires_at <= consentry.now(), false) as ends
    from consentry.staged_consents s
    join consentry.consents c on c.institution_id = s.institution_id and c.consent_id = s.consent_id
    cross join lateral (select array_remove(array[
        case when s.customer_id <> c.customer_id then 'customer_id' end,
        case when s.application_id <> c.application_id then 'application_id' end,
        case when s.created_at <> c.created_at then 'created_at' end,
        case when s.consented_on <> c.consented_on then 'consented_on' end,
        case when s.expires_at is distinct from c.expires_at then 'expires_at' end,
        case when s.paused_at is distinct from c.paused_at then 'paused_at' end,
        case when s.revoked_at is distinct from c.revoked_at then 'revoked_at'
             when s.revoked_by is distinct from c.revoked_by then 'revoked_by'
             when s.revocation_reason is distinct from c.revocation_reason then 'revocation_reason' end,
        case when s.auto_share <> c.auto_share then 'auto_share' end,
        case when not consentry.same_ids(s.shared_accounts, c.shared_accounts)
              and not consentry.same_ids(s.shared_accounts, (
                  select coalesce(jsonb_agg(id), '[]') from jsonb_array_elements(c.shared_accounts) as id
                  where exists (
                      select from consentry.customers k where k.institution_id = c.institution_id and k.customer_id = c.customer_id
                         and k.accounts @> jsonb_build_array(jsonb_build_object('account_id', id)))))
             then 'shared_accounts' end,
        case when s.data_clusters <> c.data_clusters then 'data_clusters' end,
        case when s.last_accessed > coalesce(c.last_accessed, '-infinity') then 'last_accessed' end
    ], null) as columns) as d
    where d.columns <> '{}';
comment on view consentry.staged_differences is
    'Which columns of stored consents differ from the file; a later last access here, and shared accounts that are gone, do not count.';

-- ---------------------------------------------------------------------------------------------- publishing

create function consentry.publish_parties(institution integer, mirror boolean)
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
    insert into consentry.applications (institution_id, application_id, name, icon_url, purpose, intermediary_id, status)
        select institution, a.application_id, a.name, a.icon_url, a.purpose, a.intermediary_id, a.status
        from consentry.applications_after_import(institution, mirror) a
        where (a.stored).application_id is null;
    get diagnostics applications_added = row_count;
    update consentry.applications s
        set name = a.name, icon_url = a.icon_url, purpose = a.purpose, intermediary_id = a.intermediary_id, status = a.status
        from consentry.applications_after_import(institution, mirror) a
        where s.institution_id = institution and s.application_id = a.application_id
          and (s.name, s.icon_url, s.purpose, s.intermediary_id, s.status)
              is distinct from (a.name, a.icon_url, a.purpose, a.intermediary_id, a.status);
    get diagnostics applications_changed = row_count;
    return next;
end $$;

create function consentry.publish_customers(institution integer, mirror boolean)
    returns table (customers_added integer, customers_changed integer)
    language plpgsql volatile
    as $$
begin
    customers_changed := 0;
    if mirror then
        update consentry.customers k set accounts = f.accounts, version = k.version + 1
            from consentry.customers_after_import(institution) f
            where k.institution_id = institution and k.customer_id = f.customer_id and k.accounts <> f.accounts;
        get diagnostics customers_changed = row_count;
    end if;
    insert into consentry.customers (institution_id, customer_id, accounts)
        select institution, f.customer_id, f.accounts from consentry.customers_after_import(institution) f
        on conflict on constraint customers_pkey do nothing;
    get diagnostics customers_added = row_count;
    return next;
end $$;

create function consentry.publish_consents(institution integer, import uuid, mirror boolean, after_line bigint, until_line bigint)
    returns integer
    language plpgsql volatile
    as $$
declare added integer;
begin
    insert into consentry.consents (
            institution_id, consent_id, customer_id, application_id, created_at, consented_on, expires_at, paused_at, revoked_at,
            revoked_by, revocation_reason, auto_share, shared_accounts, data_clusters, last_accessed, read_only, import_id)
        select s.institution_id, s.consent_id, s.customer_id, s.application_id, s.created_at, s.consented_on, s.expires_at, s.paused_at,
               s.revoked_at, s.revoked_by, s.revocation_reason, s.auto_share, s.shared_accounts, s.data_clusters, s.last_accessed,
               mirror, import
        from consentry.staged_consents s
        where s.institution_id = institution and s.line > after_line and s.line <= until_line
        order by s.line, s.entry
        on conflict on constraint consents_pkey do nothing;
    get diagnostics added = row_count;
    return added;
end $$;
comment on function consentry.publish_consents(integer, uuid, boolean, bigint, bigint) is
    'Add the consents of some lines that are new; those that are stored are the same, or follow as a mirror.';

-- ---------------------------------------------------------------------------------------------- as the owner

create function consentry.reserve_institution(public_id text) returns integer
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
declare
    reserved integer;
begin
    insert into consentry.reserved_institutions as r (institution_id, public_id)
        values (nextval(pg_get_serial_sequence('consentry.institutions', 'institution_id')), reserve_institution.public_id)
        on conflict on constraint reserved_institutions_public_id_key do nothing;
    select r.institution_id into reserved from consentry.reserved_institutions r
        where r.public_id = reserve_institution.public_id;
    return reserved;
end $$;
comment on function consentry.reserve_institution(text) is 'The id that an institution will have when the import that adds it is published.';

create function consentry.reserved_id(public_id text) returns integer
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select r.institution_id from consentry.reserved_institutions r where r.public_id = reserved_id.public_id $$;

create function consentry.open_reserved_institution(institution integer, name text, host text) returns void
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
        insert into consentry.institutions (institution_id, public_id, name, host) overriding system value
            select r.institution_id, r.public_id, open_reserved_institution.name, open_reserved_institution.host
            from consentry.reserved_institutions r where r.institution_id = institution;
        insert into consentry.audit_chains (institution_id)
            select r.institution_id from consentry.reserved_institutions r where r.institution_id = institution;
        delete from consentry.reserved_institutions r where r.institution_id = institution;
    $$;

create function consentry.analyze_import() returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
begin
    analyze consentry.staged_mentions, consentry.staged_customers, consentry.staged_account_lists, consentry.staged_consents,
            consentry.customers, consentry.consents;
end $$;
comment on function consentry.analyze_import() is 'Tell the planner how much is staged and stored; it would learn it too late by itself.';

-- ---------------------------------------------------------------------------------------------- the second wall

do $$
declare
    protected text;
begin
    foreach protected in array array[
        'imports', 'import_differences', 'reserved_institutions', 'import_chunks', 'staged_institutions', 'staged_intermediaries',
        'staged_applications', 'staged_mentions', 'staged_customers', 'staged_account_lists', 'staged_consents']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
        if protected ~ '^(staged_|import_)' then
            execute format('grant select, insert, delete on consentry.%I to consentry_app', protected);
        end if;
    end loop;
end $$;

grant select, insert on consentry.imports to consentry_app;
grant update (name, kind, state, finished_at, lines, digest, counts) on consentry.imports to consentry_app;
grant select on consentry.staged_differences to consentry_app;
revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
