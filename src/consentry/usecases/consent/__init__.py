"""A customer's consents: listed and changed."""
