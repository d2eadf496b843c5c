-- Bodies of lists, ready to be sent.
select null;
