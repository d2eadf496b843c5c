"""Calls to what others run: identity providers today."""
