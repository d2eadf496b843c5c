-- What an institution configures: addresses, lifetimes, the identity provider of its customers.
select null;
