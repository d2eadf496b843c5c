-- What staff look at: counts by day, blocks of new connections, looks at customers.
select null;
