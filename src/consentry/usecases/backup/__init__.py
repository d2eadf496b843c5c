"""Backups: made, verified and restored, so that nothing that was ended lives again."""
