"""Staff: who comes into the portals, how, and who decides about it."""
