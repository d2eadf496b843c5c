"""The audit: sealed into a chain, and verified."""
