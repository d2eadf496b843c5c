"""Receipts as files: composed in the customer's language, drawn as PDF, signed as JSON; and the published keys."""
