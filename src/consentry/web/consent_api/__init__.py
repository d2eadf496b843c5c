"""The Consent Management API, wire-compatible with version 4 of MX's (consent-api.md)."""
