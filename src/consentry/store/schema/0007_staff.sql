-- Who works at an institution or a channel partner: identity providers, members, sessions, invitations.
select null;
