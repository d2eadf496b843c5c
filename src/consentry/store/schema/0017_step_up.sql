-- When who a session belongs to signed in at the provider: what gives access needs a recent sign-in.

alter table consentry.staff_sessions add column authenticated_at timestamptz;
comment on column consentry.staff_sessions.authenticated_at is
    'When the provider says that it authenticated the person (auth_time); null for sessions from before that was asked.';

drop function consentry.use_staff_session(bytea[], text, text, text, interval);
create function consentry.use_staff_session(macs bytea[], wanted_kind text, wanted_house text, asked_host text, idle interval)
    returns table (institution_id integer, public_id text, house_name text, session_id uuid, csrf text, expires_at timestamptz,
                   authenticated_at timestamptz, member_id uuid, email text, name text, role text, moment timestamptz)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
#variable_conflict use_column
declare
    live record;
begin
    select s.institution_id, i.public_id, i.name as house_name, s.session_id, s.csrf, s.expires_at, s.authenticated_at,
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
                        live.authenticated_at, live.member_id, live.email, live.name, live.role, consentry.now();
end $$;
comment on function consentry.use_staff_session(bytea[], text, text, text, interval) is
    'Who a session is, if it lives at this moment; its use is remembered to within 20 seconds.';

revoke execute on function consentry.use_staff_session(bytea[], text, text, text, interval) from public;
grant execute on function consentry.use_staff_session(bytea[], text, text, text, interval) to consentry_app;
