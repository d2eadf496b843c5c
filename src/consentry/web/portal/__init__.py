"""What both portals stand on, and the Data Provider Portal, at /admin: what an institution's staff see and do."""
