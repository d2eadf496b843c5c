"""Who works in the houses of the sandbox: members who are invited, and the identity provider at which they sign in.

They are bound by their first sign-in, as everybody is. Where the provider listens elsewhere than last time it is
another issuer, so that they are bound anew.
"""

import secrets
from collections.abc import Mapping
from typing import Final

from consentry.domain.actor import Actor
from consentry.domain.customer_provider import DISCOVERY_PATH
from consentry.domain.staff import INVITATION_VALID
from consentry.sandbox.people import HOUSES, StaffHouse, people_of
from consentry.store import audit, staff
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider, show_provider

_SECRET_BYTES: Final = 24


async def staff_houses(services: Services, ids: Mapping[str, int], *, provider: str, actor: Actor) -> None:
    """Let the people of each house sign in at the provider with this origin; `ids` are the houses' internal ids."""
    for house in HOUSES:
        institution_id = ids[house.public_id]
        await _invite(services, institution_id, house, actor=actor)
        known = await show_provider(services, institution_id)
        # Another one that somebody set up in the portal stays; ours may listen elsewhere than last time.
        if known is None or (known.client_id == house.client_id and known.issuer != provider):
            await establish_provider(
                services,
                institution_id,
                discovery_url=provider + DISCOVERY_PATH,
                issuer=provider,
                client_id=house.client_id,
                client_secret=secrets.token_urlsafe(_SECRET_BYTES),  # of which the provider takes any
                actor=actor,
            )


async def _invite(services: Services, institution_id: int, house: StaffHouse, *, actor: Actor) -> None:
    """Invite everybody of a house that has no members, and those once more who have not come yet."""
    people = people_of(house.public_id)
    async with services.session.begin(institution_id) as connection:
        members = await staff.members(connection, institution_id)
        emails = {person.email for person in people}
        for member in members:
            if member.subject is None and member.email in emails:
                await staff.invite_again(connection, institution_id, member.member_id, valid=INVITATION_VALID)
        for person in people if not members else ():
            added = await staff.add(
                connection,
                institution_id,
                email=person.email,
                role=person.role,
                valid=INVITATION_VALID,
                name=person.name,
            )
            await audit.record(
                connection,
                institution_id,
                action="member.invited",
                actor=actor,
                subject=("member", str(added.member_id)),
                after={"email": person.email, "role": person.role.value},
            )
