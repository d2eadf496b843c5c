"""How an institution's pages look: shown and changed."""
