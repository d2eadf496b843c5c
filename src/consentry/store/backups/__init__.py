"""Backups: one file with a dump of the schema and a manifest, and loading it again.

`archive` owns the file, `manifest` what it says of itself, `programs` PostgreSQL's pg_dump and pg_restore, `contents`
what is read of a database for it, `loading` and `settling` a database made from it. What is refused and re-applied is
left to usecases/backup.
"""
