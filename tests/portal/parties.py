"""Apps and intermediaries of an institution as the tests of the portals need them, written by SQL."""

from typing import Any

from consentry.store.session import Connection, Session
from tests.builders import Tenant


async def add_app(session: Session, tenant: Tenant, application_id: str, **columns: Any) -> None:
    """Store an app; `columns` override the defaults, `customers` and `live_consents` are its counts."""
    counts = {name: columns.pop(name) for name in ("customers", "live_consents") if name in columns}
    values = {
        "institution_id": tenant.institution_id,
        "application_id": application_id,
        "name": application_id.title(),
        **columns,
    }
    async with session.begin(tenant.institution_id) as connection:
        await _insert(connection, "applications", values)
        for name, count in counts.items():
            await connection.execute(
                f"""update consentry.application_counts set {name} = $3
                    where institution_id = $1 and application_id = $2""",
                tenant.institution_id,
                application_id,
                count,
            )


async def add_intermediary(session: Session, tenant: Tenant, intermediary_id: str, **columns: Any) -> None:
    """Store an intermediary."""
    values = {
        "institution_id": tenant.institution_id,
        "intermediary_id": intermediary_id,
        "name": intermediary_id.title(),
        **columns,
    }
    async with session.begin(tenant.institution_id) as connection:
        await _insert(connection, "intermediaries", values)


async def _insert(connection: Connection, table: str, values: dict[str, Any]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"insert into consentry.{table} ({', '.join(values)}) values ({places})", *values.values())
