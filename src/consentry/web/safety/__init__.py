"""What keeps requests within bounds: limits, sources, headers."""
