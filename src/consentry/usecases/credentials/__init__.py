"""An institution's credentials: generated, shown, rotated, ended."""
