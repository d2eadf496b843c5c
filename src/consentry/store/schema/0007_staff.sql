-- Who works at an institution or a channel partner: identity providers, members, sessions, invitations.
--
-- A house is an institution or a partner that looks after several. A partner is a row of consentry.institutions of its
-- own kind, so that its audit has a chain and its rows the same wall; in the tables below institution_id is the house's.

-- ---------------------------------------------------------------------------------------------- houses

alter table consentry.institutions
    add column kind text not null default 'institution' check (kind in ('institution', 'partner')),
    add column partner_id integer references consentry.institutions,
    add constraint partners_stand_alone check (kind = 'institution' or partner_id is null);
create index institutions_of_partner on consentry.institutions (partner_id) where partner_id is not null;
comment on column consentry.institutions.kind is 'A partner has no customers, applications or credentials.';
comment on column consentry.institutions.partner_id is 'The channel partner that looks after the institution.';

create or replace function consentry.institution_ids() returns table (institution_id integer, public_id text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select institution_id, public_id from consentry.institutions where kind = 'institution' order by institution_id $$;

create function consentry.house_ids() returns table (institution_id integer, public_id text, kind text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select institution_id, public_id, kind from consentry.institutions order by institution_id $$;

create function consentry.house_of(wanted text, asked_host text, wanted_kind text)
    returns table (institution_id integer, public_id text, name text, host text, kind text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select institution_id, public_id, name, host, kind from consentry.institutions
        where kind = wanted_kind
          and case when exists (select from consentry.institutions where host = asked_host) then host = asked_host
                   else public_id = wanted end
    $$;
comment on function consentry.house_of(text, text, text) is
    'The house that a host name belongs to; where it belongs to none, the one with this public id.';

create function consentry.add_partner(public_id text, name text, host text) returns integer
    language sql security definer set search_path = pg_catalog, pg_temp
    as $$
        with added as (
            insert into consentry.institutions (public_id, name, host, kind) values ($1, $2, $3, 'partner')
            returning institution_id
        ), chained as (
            insert into consentry.audit_chains (institution_id) select institution_id from added
        )
        select institution_id from added
    $$;

create function consentry.institutions_of_partner(partner integer) returns integer[]
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$ select coalesce(array_agg(institution_id order by institution_id), '{}') from consentry.institutions where partner_id = partner $$;

-- ---------------------------------------------------------------------------------------------- members

create table consentry.staff_members (
    institution_id    integer not null references consentry.institutions,
    member_id         uuid not null,
    email             text not null check (email = lower(email)),
    name              text,
    role              text not null check (role in ('admin', 'support', 'compliance', 'user')),
    issuer            text,
    subject           text,
    added_at          timestamptz not null,
    invited_until     timestamptz not null,
    last_signed_in_at timestamptz,
    removed_at        timestamptz,
    primary key (institution_id, member_id),
    check ((issuer is null) = (subject is null))
);
create unique index staff_members_by_email on consentry.staff_members (institution_id, email) where removed_at is null;
create unique index staff_members_by_subject on consentry.staff_members (institution_id, issuer, subject) where removed_at is null;
comment on column consentry.staff_members.subject is 'Who it is at the issuer, for good; null until the first sign-in.';

create table consentry.staff_setup_links (
    institution_id integer not null,
    link_id        uuid not null,
    member_id      uuid not null,
    mac            bytea not null unique,
    pepper_id      text not null,
    made_at        timestamptz not null,
    expires_at     timestamptz not null,
    used_at        timestamptz,
    primary key (institution_id, link_id),
    foreign key (institution_id, member_id) references consentry.staff_members
);
comment on table consentry.staff_setup_links is
    'Single-use links that open the set-up of the staff''s provider for a first admin; HMAC-SHA-256 under the pepper named by pepper_id.';

create function consentry.house_of_setup_link(macs bytea[]) returns table (institution_id integer, kind text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select l.institution_id, i.kind
        from consentry.staff_setup_links l join consentry.institutions i using (institution_id)
        where l.mac = any (macs)
    $$;

-- ---------------------------------------------------------------------------------------------- identity providers

create table consentry.staff_providers (
    institution_id integer not null references consentry.institutions,
    state          text not null check (state in ('current', 'pending')),
    discovery_url  text not null,
    issuer         text not null,
    client_id      text not null,
    sealed_secret  bytea,
    sealed_under   text,
    version        integer not null,
    changed_at     timestamptz not null,
    primary key (institution_id, state),
    check ((sealed_secret is null) = (sealed_under is null))
);
comment on table consentry.staff_providers is
    'The OpenID provider of a house''s staff; a pending one becomes current when an admin has signed in through it.';
comment on column consentry.staff_providers.sealed_secret is
    'The client secret, encrypted under the key-encryption key named by sealed_under; null after that key was lost.';

create table consentry.staff_sign_ins (
    institution_id integer not null,
    state          bytea not null,
    spent_at       timestamptz not null,
    primary key (institution_id, state)
);
comment on table consentry.staff_sign_ins is 'Sign-ins that were answered, by SHA-256 of their state: none is answered twice.';

-- ---------------------------------------------------------------------------------------------- sessions

create table consentry.staff_sessions (
    institution_id integer not null,
    session_id     uuid not null,
    member_id      uuid not null,
    kind           text not null check (kind in ('staff', 'setup')),
    mac            bytea not null unique,
    pepper_id      text not null,
    csrf           text not null,
    began_at       timestamptz not null,
    used_at        timestamptz not null,
    expires_at     timestamptz not null,
    ended_at       timestamptz,
    source         text,
    browser        text,
    primary key (institution_id, session_id),
    foreign key (institution_id, member_id) references consentry.staff_members
) with (fillfactor = 80);
create index staff_sessions_of_member on consentry.staff_sessions (institution_id, member_id) where ended_at is null;
comment on column consentry.staff_sessions.mac is 'HMAC-SHA-256 of what the cookie holds, under the pepper named by pepper_id.';

create function consentry.use_staff_session(macs bytea[], wanted_kind text, wanted_house text, asked_host text, idle interval)
    returns table (institution_id integer, public_id text, house_name text, session_id uuid, csrf text, expires_at timestamptz,
                   member_id uuid, email text, name text, role text, moment timestamptz)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
#variable_conflict use_column
declare
    live record;
begin
    select s.institution_id, i.public_id, i.name as house_name, s.session_id, s.csrf, s.expires_at,
           m.member_id, m.email, m.name, m.role, s.used_at
    into live
    from consentry.staff_sessions s
    join consentry.staff_members m on m.institution_id = s.institution_id and m.member_id = s.member_id
    join consentry.institutions i on i.institution_id = s.institution_id
    where s.mac = any (macs) and s.kind = wanted_kind and i.kind = wanted_house
      and s.ended_at is null and s.expires_at > consentry.now() and s.used_at > consentry.now() - idle
      and m.removed_at is null
      and not exists (select from consentry.institutions h where h.host = asked_host and h.institution_id <> s.institution_id);
    if not found then
        return;
    end if;
    if live.used_at < consentry.now() - interval '20 seconds' then
        update consentry.staff_sessions s set used_at = consentry.now()
        where s.institution_id = live.institution_id and s.session_id = live.session_id and s.ended_at is null;
    end if;
    return query select live.institution_id, live.public_id, live.house_name, live.session_id, live.csrf, live.expires_at,
                        live.member_id, live.email, live.name, live.role, consentry.now();
end $$;
comment on function consentry.use_staff_session(bytea[], text, text, text, interval) is
    'Who a session is, if it lives at this moment; its use is remembered to within 20 seconds.';

-- ---------------------------------------------------------------------------------------------- e-mail

create table consentry.mails (
    institution_id integer not null references consentry.institutions,
    mail_id        uuid not null,
    kind           text not null,
    recipient      text not null,
    subject        text not null,
    body           text not null,
    written_at     timestamptz not null,
    next_try_at    timestamptz,
    tries          integer not null default 0,
    sent_at        timestamptz,
    last_error     text,
    primary key (institution_id, mail_id)
);
create index mails_to_send on consentry.mails (institution_id, next_try_at) where next_try_at is not null;
comment on table consentry.mails is 'The outbox of e-mails, written with what they tell of; a worker sends them.';
comment on column consentry.mails.next_try_at is 'Null once it is sent or given up.';

-- ---------------------------------------------------------------------------------------------- what staff did

-- The portal's log: all but what customers and the institutions' own servers did, and everything that was refused.
create index audit_entries_of_staff on consentry.audit_entries (institution_id, entry_id)
    where actor_kind not in ('customer', 'institution') or outcome = 'refused';

-- ---------------------------------------------------------------------------------------------- the second wall

do $$
declare
    protected text;
begin
    foreach protected in array array[
        'staff_members', 'staff_setup_links', 'staff_providers', 'staff_sign_ins', 'staff_sessions', 'mails']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant update (partner_id) on consentry.institutions to consentry_app;
grant select, insert, update (email, name, role, issuer, subject, invited_until, last_signed_in_at, removed_at)
    on consentry.staff_members to consentry_app;
grant select, insert, update (used_at) on consentry.staff_setup_links to consentry_app;
grant select, insert, update, delete on consentry.staff_providers to consentry_app;
grant select, insert, delete on consentry.staff_sign_ins to consentry_app;
grant select, insert, update (used_at, ended_at), delete on consentry.staff_sessions to consentry_app;
grant select, insert, update (next_try_at, tries, sent_at, last_error), delete on consentry.mails to consentry_app;

revoke execute on all functions in schema consentry from public;
grant execute on all functions in schema consentry to consentry_app;
