"""Whether a PostgreSQL can be trusted with acknowledged work, and the role with other institutions' rows.

Owns the questions and the sentences of the answers; refusing to serve, or warning, is left to the command line.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consentry.store.session import Connection

_OLDEST: Final = 15
_UNSAFE: Final = (
    ("fsync", "off", "a power cut can destroy the whole database"),
    ("full_page_writes", "off", "a power cut can leave torn pages behind"),
    ("data_sync_retry", "on", "after a failed write to the disk, what is lost can count as stored"),
)


async def unsafe_settings(connection: "Connection") -> list[str]:
    """Return a sentence for each reason why this server must not hold consents: its age, or settings that lose data."""
    found = []
    version = connection.get_server_version()
    if version.major < _OLDEST:
        found.append(f"This is PostgreSQL {version.major}; version {_OLDEST} or later is needed.")
    for name, value, harm in _UNSAFE:
        if await connection.fetchval("select current_setting($1, true)", name) == value:
            found.append(f"{name} is {value}: {harm}. Turn it {'on' if value == 'off' else 'off'} in postgresql.conf.")
    return found


async def warnings(connection: "Connection") -> list[str]:
    """Return a sentence for each setting of this session under which a crash can take back what was answered."""
    level = await connection.fetchval("select current_setting('synchronous_commit')")
    standbys = await connection.fetchval("select current_setting('synchronous_standby_names')")
    found = []
    if level == "off":
        found.append("synchronous_commit is off: a crash takes back the last moments of what was answered. Turn it on.")
    if standbys and level in ("local", "remote_write"):
        found.append(
            f"synchronous_commit is {level} although there are synchronous standbys: a failover can take back what was "
            "answered. Set it to on or remote_apply."
        )
    return found


async def role_problems(connection: "Connection") -> list[str]:
    """Return a sentence for each power by which this connection's role could pass the row-level security.

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
