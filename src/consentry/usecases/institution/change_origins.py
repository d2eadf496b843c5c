"""Say which origins may embed an institution's dashboard."""

from consentry.domain.actor import Actor
from consentry.domain.page import check_origin
from consentry.store import audit, branding
from consentry.usecases.services import Services


async def list_origins(services: Services, institution_id: int) -> list[str]:
    """Give the origins that may embed the dashboard, in order."""
    async with services.session.begin(institution_id) as connection:
        return await branding.origins(connection)


async def add_origin(
    services: Services, institution_id: int, origin: str, *, actor: Actor, allow_loopback: bool = False
) -> list[str]:
    """Let an origin embed the dashboard and give all that may; one that may already leaves no trace.

    `allow_loopback` lets http pass on the machine itself; the sandbox asks for that, and a portal on one's own machine.

    Raises:
        InvalidOrigin: it is no https origin.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    checked = check_origin(origin, allow_loopback=allow_loopback)
    async with services.session.begin(institution_id) as connection:
        if await branding.add_origin(connection, institution_id, checked):
            await audit.record(
                connection, institution_id, action="origin.added", actor=actor, subject=("origin", checked)
            )
        return await branding.origins(connection)


async def remove_origin(services: Services, institution_id: int, origin: str, *, actor: Actor) -> list[str]:
    """Let an origin embed the dashboard no longer and give those that may; one that might not anyway leaves no trace.

    Pages that are open stay so until they end.

    Raises:
        InvalidOrigin: it is no origin.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    checked = check_origin(origin, allow_loopback=True)
    async with services.session.begin(institution_id) as connection:
        if await branding.remove_origin(connection, checked):
            await audit.record(
                connection, institution_id, action="origin.removed", actor=actor, subject=("origin", checked)
            )
        return await branding.origins(connection)
