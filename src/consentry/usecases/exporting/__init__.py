"""Exports: everything of an institution, in the form of an import."""
