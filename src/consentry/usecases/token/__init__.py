"""Tokens of the Consent Management API: issued, verified, revoked."""
