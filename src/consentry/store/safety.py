"""Whether a PostgreSQL can be trusted with acknowledged work, and the role with other institutions' rows.

Owns the questions and the sentences of the answers; refusing to serve, or warning, is left to the command line.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consentry.store.session import Connection

_OLDEST: Final = 15
_UNSAFE: Final = {
    ("fsync", "off"): "fsync is off: a power cut can destroy the whole database. Set fsync = on.",
    (
        "full_page_writes",
        "off",
    ): "full_page_writes is off: a power cut can leave torn pages. Set full_page_writes = on.",
    (
        "data_sync_retry",
        "on",
    ): "data_sync_retry is on: after a failed write to disk, lost data can count as stored. Set data_sync_retry = off.",
}


async def unsafe_settings(connection: "Connection") -> list[str]:
    """Return a sentence for each reason why this server must not hold consents: its version, or settings that lose what was committed."""
    found = []
    version = connection.get_server_version()
    if version.major < _OLDEST:
        found.append(f"This is PostgreSQL {version.major}; version {_OLDEST} or later is needed.")
    for (name, value), sentence in _UNSAFE.items():
        if await connection.fetchval("select current_setting($1, true)", name) == value:
            found.append(sentence)
    return found


async def warnings(connection: "Connection") -> list[str]:
    """Return a sentence for each setting under which a crash can take back what was answered already, for this connection's role."""
    level = await connection.fetchval("select current_setting('synchronous_commit')")
    standbys = await connection.fetchval("select current_setting('synchronous_standby_names')")
    if level == "off":
        return [
            "synchronous_commit is off: a crash takes back the last moments of acknowledged work. Set "
            "synchronous_commit = on."
        ]
    if standbys and level in ("local", "remote_write"):
        return [
            f"synchronous_commit is {level} although there are synchronous standbys: a failover can take back "
            "acknowledged work. "
            "Set synchronous_commit = on or remote_apply."
        ]
    return []


async def role_problems(connection: "Connection") -> list[str]:
    """Return a sentence for each power by which this connection's role could pass the row-level security that keeps institutions apart.

    Looked for: being a superuser, BYPASSRLS, owning something of the schema `consentry`, and being able to become a
    role of these.
    """
    rows = await connection.fetch(
        """
        select r.rolname, r.rolname = session_user as itself, r.rolsuper, r.rolbypassrls,
               exists (select from pg_class c where c.relnamespace = to_regnamespace('consentry') and c.relowner =
               r.oid) or exists (select from pg_namespace n where n.nspname = 'consentry' and n.nspowner = r.oid) as
               owns from pg_roles r where pg_has_role(session_user, r.oid, 'member') and (r.rolname = session_user or
               not (select rolsuper from pg_roles where rolname = session_user)) order by itself desc, r.rolname
        """
    )
    powers = {
        "rolsuper": "a superuser",
        "rolbypassrls": "a role with BYPASSRLS",
        "owns": "an owner of the schema consentry or of its tables",
    }
    found = []
    for row in rows:
        for column, power in powers.items():
            if row[column]:
                who = f"The role {row['rolname']} is" if row["itself"] else f"The role can become {row['rolname']},"
                found.append(f"{who} {power}: connect as a role that is not, such as consentry_app.")
    return found
