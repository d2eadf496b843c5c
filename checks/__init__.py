"""Rules of the repository that no ready-made linter knows; `make check` runs them all.

Owns those rules; leaves format, lint, types and the direction of imports to ruff, mypy and import-linter.
"""
