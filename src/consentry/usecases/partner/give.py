"""Let a channel partner look after an institution, or none any more.

What a partner could still open there ends with it: whoever gives an institution to somebody else trusts them instead.
"""

from consentry.domain.actor import Actor
from consentry.domain.refusal.institution import UnknownInstitution, UnknownPartner
from consentry.domain.staff import House
from consentry.store import audit, houses, institutions, staff
from consentry.store.session import Connection
from consentry.usecases.services import Services
from consentry.usecases.staff.setup_links import end_setup_links


async def give_institution(services: Services, public_id: str, *, partner: str | None, actor: Actor) -> None:
    """Let the partner with this public id look after an institution from now on, alone; None: nobody does.

    Links for first admins that the partner before it has seen open nothing any more, what was begun with them ends, and
    whom they invited is removed, unless they have signed in already.

    Raises:
        UnknownInstitution, UnknownPartner: there is none with this public id.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin() as connection:
        institution_id = await _id_of(connection, public_id, House.INSTITUTION)
        if institution_id is None:
            raise UnknownInstitution
        partner_id = None if partner is None else await _id_of(connection, partner, House.PARTNER)
        if partner is not None and partner_id is None:
            raise UnknownPartner
        names = await houses.partner_ids(connection)
        await institutions.show(connection, institution_id)
        await institutions.lock(connection, institution_id)
        before = await houses.partner_of(connection, institution_id)
        if before == partner_id:
            return
        ended = 0
        if before is not None:
            there = await staff.lock(connection, institution_id)
            ended = await end_setup_links(connection, institution_id, there=there, actor=actor)
        await houses.give_to_partner(connection, institution_id, partner_id=partner_id)
        concerned = [house for house in (before, partner_id) if house is not None]
        await institutions.show(connection, institution_id, *concerned)
        for house in (institution_id, *concerned):
            await audit.record(
                connection,
                house,
                action="institution.given",
                actor=actor,
                subject=("institution", public_id),
                before={"partner": None if before is None else names.get(before)},
                after={"partner": partner, **({"setup_links_ended": ended} if ended else {})},
            )


async def _id_of(connection: Connection, public_id: str, kind: House) -> int | None:
    found = await houses.named(connection, public_id)
    return found[0] if found is not None and found[1] is kind else None
