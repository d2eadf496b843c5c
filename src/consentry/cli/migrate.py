"""`consentry migrate`: bring the tables to the version of this code, as the owner."""

from consentry.cli.installation import InstallationError, hold_database
from consentry.cli.options import Json
from consentry.cli.output import note, write_document, write_line
from consentry.config import Settings
from consentry.store import migrate
from consentry.store.connecting import connected


async def migrate_schema(*, as_json: Json = False) -> None:
    """Bring the database's tables to the version of this code.

    Connects as the owner, CONSENTRY_MIGRATION_URL, applies what is missing, each step in a transaction of its own, and
    says what that was. Run again, it finds nothing to do. The running version goes on meanwhile.

    Example: `consentry migrate`
    """
    settings = Settings.read()
    with hold_database(settings) as database:
        if database.owner_url is None:
            raise InstallationError(
                "no_owner", "Set CONSENTRY_MIGRATION_URL to the database's address for the role that owns the tables."
            )
        async with connected(database.owner_url) as connection:
            applied = await migrate.migrate(
                connection, on_step=lambda name: None if as_json else note(f"applying {name}")
            )
            version = (await migrate.status(connection)).applied
    if as_json:
        write_document({"applied": applied, "version": version})
    elif applied:
        write_line(f"Applied {', '.join(applied)}; the schema has version {version}.")
    else:
        write_line(f"Nothing to apply: the schema has version {version}.")
