"""Institutions: added and listed."""
