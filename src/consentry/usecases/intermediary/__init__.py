"""Intermediaries in the hands of staff: listed, set up, stopped, and given the token with which they register apps."""
