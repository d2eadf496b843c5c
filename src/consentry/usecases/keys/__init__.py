"""The installation's own keys: what is stored under them moves to new ones."""
