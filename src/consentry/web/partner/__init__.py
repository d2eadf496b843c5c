"""The Channel Partner Portal, at /partner: for companies that look after several institutions."""
