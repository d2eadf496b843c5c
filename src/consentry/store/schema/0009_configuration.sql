-- What an institution configures in its portal: addresses and lifetimes, the identity provider of its customers, and the
-- customers that are no people.

create table consentry.api_settings (
    institution_id         integer primary key references consentry.institutions,
    public_url             text check (public_url ~ '^https?://[^/]+$'),
    access_token_lifetime  interval not null check (access_token_lifetime between '1 minute' and '10 minutes'),
    refresh_token_lifetime interval not null check (refresh_token_lifetime between '1 day' and '30 days'),
    version                integer not null default 1
);
comment on column consentry.api_settings.public_url is
    'The origin (RFC 6454) at which others reach the institution''s API and pages; null: whichever they ask at.';
comment on column consentry.api_settings.refresh_token_lifetime is
    'How long a recipient''s refresh token lives unused, for the authorization server.';

create table consentry.customer_providers (
    institution_id         integer primary key references consentry.institutions,
    discovery_url          text,
    issuer                 text,
    authorization_endpoint text,
    token_endpoint         text,
    jwks_uri               text,
    client_id              text not null,
    sealed_secret          bytea,
    sealed_under           text,
    user_id_claim          text not null,
    version                integer not null default 1,
    tested_version         integer,
    tested_at              timestamptz,
    test_passed            boolean,
    check (num_nonnulls(issuer, authorization_endpoint, token_endpoint, jwks_uri)
           = case when discovery_url is null then 4 else 0 end),
    check ((sealed_secret is null) = (sealed_under is null)),
    check (num_nulls(tested_version, tested_at, test_passed) in (0, 3))
);
comment on table consentry.customer_providers is
    'The OpenID provider at which an institution''s customers sign in: found by its discovery URL, or by single endpoints.';
comment on column consentry.customer_providers.sealed_secret is
    'The client secret, encrypted under the key-encryption key named by sealed_under; null after that key was lost.';
comment on column consentry.customer_providers.user_id_claim is 'The claim that holds a customer''s openid_connect_user_id.';
comment on column consentry.customer_providers.tested_version is 'Which version of the row the last test was of.';

create table consentry.test_customers (
    institution_id integer not null,
    customer_id    text not null,
    added_at       timestamptz not null default consentry.now(),
    primary key (institution_id, customer_id),
    foreign key (institution_id, customer_id) references consentry.customers
);
comment on table consentry.test_customers is
    'Customers that are no people: made by the product, never declared afterwards, so that nobody real can be among them.';

do $$
declare
    protected text;
begin
    foreach protected in array array['api_settings', 'customer_providers', 'test_customers']
    loop
        execute format('alter table consentry.%I enable row level security', protected);
        execute format(
            'create policy own_institutions on consentry.%I using '
            '(institution_id = any ((select nullif(current_setting(''consentry.institutions'', true), '''')::integer[])::integer[]))',
            protected);
    end loop;
end $$;

grant select, insert, update on consentry.api_settings, consentry.customer_providers to consentry_app;
grant select, insert on consentry.test_customers to consentry_app;
grant update (name) on consentry.institutions to consentry_app;
