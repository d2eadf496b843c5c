-- A partner gives an institution no host name at which others are found already.

create function consentry.is_public_host(wanted text) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select exists (select from consentry.api_settings
                       where regexp_replace(lower(public_url), '^https?://|:[0-9]+$', '', 'g') = lower(wanted))
    $$;
comment on function consentry.is_public_host(text) is 'Whether an institution has set a public URL with this host name.';

revoke execute on function consentry.is_public_host(text) from public;
grant execute on function consentry.is_public_host(text) to consentry_app;
