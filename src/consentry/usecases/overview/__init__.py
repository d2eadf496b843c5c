"""Read what has been counted, for overviews."""
