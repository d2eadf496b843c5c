"""Apps and intermediaries of an institution as the tests of the portals need them, written by SQL."""

from typing import Any

from consentry.store.session import Session
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
        await connection.execute(
            f"""insert into consentry.applications ({", ".join(values)})
                values ({", ".join(f"${n}" for n in range(1, len(values) + 1))})""",
            *values.values(),
        )
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
        await connection.execute(
            f"""insert into consentry.intermediaries ({", ".join(values)})
                values ({", ".join(f"${n}" for n in range(1, len(values) + 1))})""",
            *values.values(),
        )
