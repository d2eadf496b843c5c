"""The page in which a customer decides: opened by a token, used while it lives, ended."""
