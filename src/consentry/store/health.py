"""Whether the store can do its work at this moment."""

from consentry.store.session import Connection


async def problems(connection: Connection) -> list[str]:
    """Give a sentence for each thing that keeps the store from recording decisions; none means it is ready."""
    read_only, can_audit, current = await connection.fetchrow(
        """select current_setting('transaction_read_only')::boolean,
                  has_table_privilege('consentry.audit_entries', 'insert'),
                  exists (select from pg_inherits join pg_class on oid = inhrelid
                          where inhparent = 'consentry.tokens'::regclass
                            and relname = 'tokens_'
                                || to_char(date_trunc('week', consentry.now() at time zone 'UTC'), 'YYYYMMDD'))"""
    ) or (False, False, False)
    found = []
    if read_only:
        found.append("The database is read-only.")
    if not can_audit:
        found.append("The audit can't be written.")
    if not current:
        found.append("There is no partition for this week's tokens; run consentry worker or consentry migrate.")
    return found
