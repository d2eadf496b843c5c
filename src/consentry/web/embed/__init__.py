"""The customer's dashboard, embedded in the bank's app or site (dashboard.md)."""
