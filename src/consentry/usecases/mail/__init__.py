"""E-mails: what they say, and how those that wait are sent."""
