"""Channel partners: companies that run the platform for several institutions."""
