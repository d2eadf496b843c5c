-- The pages that customers see: who may embed them, how they look, and the sessions of pages.
--
-- A token opens one page, and is spent by it. The page's id is the token's with another version digit (UUID version 8,
-- RFC 9562, section 5.8), so that both have the same gate: what ends the token ends, in one order, what its page does. From
-- then on the id of the page stands wherever the functions of 0002 take the id of a token.

-- ---------------------------------------------------------------------------------------------- tables

create table consentry.page_sessions (
    institution_id integer not null references consentry.institutions,
    page_id        uuid not null,
    mac            bytea not null unique,
    pepper_id      text not null,
    customer_id    text not null,
    opened_at      timestamptz not null,
    used_at        timestamptz not null,
    ended_at       timestamptz,
    ended_by       text,
    locale         text not null,
    time_zone      text,
    mode           text not null check (mode in ('auto', 'light', 'dark')),
    primary key (institution_id, page_id)
) with (fillfactor = 80);
create index page_sessions_by_age on consentry.page_sessions (opened_at);
comment on column consentry.page_sessions.mac is
    'HMAC-SHA-256 of the secret that lives in the page, under the pepper named by pepper_id.';
comment on column consentry.page_sessions.time_zone is 'The customer''s, by its IANA name, where whoever embeds the page has said so.';

create table consentry.embedding_origins (
    institution_id integer not null references consentry.institutions,
    origin         text not null check (origin ~ '^https?://[^/]+$'),
    added_at       timestamptz not null default consentry.now(),
    primary key (institution_id, origin)
);
comment on table consentry.embedding_origins is 'The origins (RFC 6454) whose pages may frame the dashboard.';

create table consentry.branding (
    institution_id integer primary key references consentry.institutions,
    theme          jsonb not null default '{}' check (jsonb_typeof(theme) = 'object'),
    logo           bytea,
    logo_type      text,
    favicon        bytea,
    favicon_type   text,
    fraud_phone    text,
    version        integer not null default 1,
    check ((logo is null) = (logo_type is null)),
    check ((favicon is null) = (favicon_type is null))
);

alter table consentry.applications
    add column category text,
    add column website text;

do $$
declare
    protected text;
begin
    foreach protected in array array['page_sessions', 'embedding_origins', 'branding']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant select, insert, update (used_at, ended_at, ended_by) on consentry.page_sessions to consentry_app;
grant select, insert, delete on consentry.embedding_origins to consentry_app;
grant select, insert, update on consentry.branding to consentry_app;

-- ---------------------------------------------------------------------------------------------- ids and gates

create function consentry.page_of_token(jti uuid) returns uuid
    language sql immutable parallel safe
    as $$ select overlay(jti::text placing '8' from 15 for 1)::uuid $$;

create function consentry.is_page(id uuid) returns boolean
    language sql immutable parallel safe
    as $$ select substr(id::text, 15, 1) = '8' $$;

create function consentry.gate_of(id uuid) returns integer
    language sql immutable parallel safe
    as $$ select hashtext(overlay(id::text placing '7' from 15 for 1)) $$;
comment on function consentry.gate_of(uuid) is 'The key of the gate that a token and the page it opened share.';

create or replace function consentry.rely_on(institution_ids integer[], jtis uuid[]) returns void
    language plpgsql volatile
    as $$
begin
    perform pg_advisory_xact_lock_shared(1, id) from (select distinct unnest(institution_ids) as id order by 1) as ids;
    perform pg_advisory_xact_lock_shared(2, id) from (select distinct consentry.gate_of(jti) as id from unnest(jtis) as jti order by 1) as ids;
end $$;

create or replace function consentry.end_token(jti uuid) returns void
    language sql volatile
    as $$ select pg_advisory_xact_lock(2, consentry.gate_of(jti)) $$;

-- ---------------------------------------------------------------------------------------------- what is live

create function consentry.live_pages(institution_ids integer[], hosts text[], page_ids uuid[], customer_ids text[])
    returns table (number integer, institution_id integer, customer_id text)
    language sql stable rows 4
    as $$
        select q.number::integer, q.institution_id, q.customer_id
        from unnest(institution_ids, consentry.owners_of_hosts(hosts), page_ids, customer_ids) with ordinality
            as q (institution_id, host_owner, page_id, customer_id, number)
        join consentry.page_sessions s on s.institution_id = q.institution_id and s.page_id = q.page_id
        join consentry.institutions i on i.institution_id = q.institution_id
        where s.customer_id = q.customer_id and s.ended_at is null
          and s.used_at > consentry.now() - interval '10 minutes'
          and s.opened_at > consentry.now() - interval '60 minutes'
          and i.status = 'enabled' and s.opened_at >= i.tokens_valid_after
          and coalesce(q.host_owner, q.institution_id) = q.institution_id
    $$;
comment on function consentry.live_pages(integer[], text[], uuid[], text[]) is
    'Which of the asked pages (numbered from 1) live at this moment: ten minutes after their last use, sixty in all (domain/page.py).';

create or replace function consentry.live_tokens(institution_ids integer[], hosts text[], jtis uuid[], customer_ids text[])
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
        -- Row by row, by the whole key: as a plain join all tokens of the hour were read for each one asked for, where
        -- PostgreSQL's statistics were of tokens that are gone.
        cross join lateral (
            select * from consentry.tokens s
            where s.institution_id = q.institution_id and s.jti = q.jti and s.jti between oldest and newest
            limit 1) t
        join consentry.institutions i on i.institution_id = q.institution_id
        where t.customer_id = q.customer_id and t.expires_at > moment and t.spent_at is null and t.revoked_at is null
          and i.status = 'enabled' and t.issued_at >= i.tokens_valid_after
          and coalesce(q.host_owner, q.institution_id) = q.institution_id;
    if exists (select from unnest(jtis) as asked (id) where consentry.is_page(asked.id)) then
        return query select * from consentry.live_pages(institution_ids, hosts, jtis, customer_ids);
    end if;
end $$;
comment on function consentry.live_tokens(integer[], text[], uuid[], text[]) is
    'Which of the asked tokens and pages (numbered from 1) are live at this moment and good for that customer and host.';

-- ---------------------------------------------------------------------------------------------- the life of a page

create function consentry.open_page(
    institution integer, host text, token uuid, customer text, page_mac bytea, pepper text,
    chosen_locale text, chosen_time_zone text, chosen_mode text, came_from text, request text)
    returns uuid
    language plpgsql volatile
    as $$
declare
    opened constant uuid := consentry.page_of_token(token);
    moment timestamptz;
begin
    perform set_config('consentry.institutions', array[institution]::text, true);
    perform consentry.rely_on(array[institution], '{}');
    perform consentry.end_token(token);
    -- The gate may have been waited for: the moment of the decision is this one.
    moment := consentry.now() + (clock_timestamp() - statement_timestamp());
    update consentry.tokens t set spent_at = moment
    where t.institution_id = institution and t.jti = token and t.spent_at is null and t.expires_at > moment
      and exists (select from consentry.live_tokens(array[institution], array[host], array[token], array[customer]));
    if not found then
        return null;
    end if;
    insert into consentry.page_sessions (institution_id, page_id, mac, pepper_id, customer_id, opened_at, used_at,
                                         locale, time_zone, mode)
    values (institution, opened, page_mac, pepper, customer, moment, moment, chosen_locale, chosen_time_zone, chosen_mode);
    insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, actor_id,
                                         subject_kind, subject_id, after, source, request_id)
    values (institution, consentry.time_ordered_id(moment), moment, 'page.opened', 'customer', customer,
            'page', opened::text, jsonb_build_object('token', token), came_from, request);
    return opened;
end $$;
comment on function consentry.open_page is
    'Spend a live token for a page, once, and give the page''s id; null if the token is not live or was spent before.';

-- Precedes the institution, and tells it only to who holds the page's secret.
create function consentry.page_of_macs(macs bytea[])
    returns table (institution_id integer, page_id uuid, customer_id text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select institution_id, page_id, customer_id from consentry.page_sessions where mac = any (macs) $$;

create function consentry.use_page(macs bytea[], host text)
    returns table (institution_id integer, page_id uuid, customer_id text, opened_at timestamptz, moment timestamptz,
                   locale text, time_zone text, mode text, is_live boolean)
    language plpgsql volatile
    as $$
#variable_conflict use_column
declare
    known record;
    used boolean;
begin
    select * into known from consentry.page_of_macs(macs);
    if not found then
        return;
    end if;
    perform set_config('consentry.institutions', array[known.institution_id]::text, true);
    -- Lost in a crash, it ends a page some milliseconds early: no answer waits for the disk.
    perform set_config('synchronous_commit', 'off', true);
    update consentry.page_sessions s set used_at = consentry.now()
    where s.institution_id = known.institution_id and s.page_id = known.page_id
      and exists (select from consentry.live_pages(
                      array[known.institution_id], array[use_page.host], array[known.page_id], array[known.customer_id]));
    used := found;
    return query
        select s.institution_id, s.page_id, s.customer_id, s.opened_at, consentry.now(), s.locale, s.time_zone, s.mode, used
        from consentry.page_sessions s
        where s.institution_id = known.institution_id and s.page_id = known.page_id;
end $$;
comment on function consentry.use_page(bytea[], text) is
    'Find the page of a secret and, if it lives, let it live on from now; nothing where there is none.';

create function consentry.forget_pages() returns bigint
    language sql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
        with gone as (delete from consentry.page_sessions where opened_at < consentry.now() - interval '1 day' returning 1)
        select count(*) from gone
    $$;
comment on function consentry.forget_pages() is 'Delete pages that ended long ago; that they were is in the audit.';

-- ---------------------------------------------------------------------------------------------- looks

create function consentry.look_of(institution integer)
    returns table (public_id text, name text, origins text[], theme text, version integer,
                   has_logo boolean, has_favicon boolean, fraud_phone text)
    language plpgsql volatile
    as $$
#variable_conflict use_column
begin
    perform set_config('consentry.institutions', array[institution]::text, true);
    return query
        select i.public_id, i.name,
               array(select o.origin from consentry.embedding_origins o where o.institution_id = institution order by 1),
               coalesce(b.theme, '{}')::text, coalesce(b.version, 0),
               b.logo is not null, b.favicon is not null, b.fraud_phone
        from consentry.institutions i
        left join consentry.branding b on b.institution_id = i.institution_id
        where i.institution_id = institution;
end $$;
comment on function consentry.look_of(integer) is 'What every page of an institution shows of it, and who may frame the page.';

revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
