"""The houses of the sandbox beside its bank: two more institutions, and the partner that looks after all three.

Each is made when it is missing. Who works there is `staffing`'s business.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.counting import day_of
from consentry.domain.institution import Institution
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.staff import House
from consentry.sandbox.bank import SEED, made_applications
from consentry.sandbox.crowd import make_crowd
from consentry.sandbox.people import CHECKED, NEWCOMER, PARTNER, house_of
from consentry.sandbox.visits import make_visits
from consentry.sandbox.words import INSTITUTION, INTERMEDIARIES
from consentry.store import audit, clock, houses, sandbox
from consentry.store.sandbox import MadeUpBank
from consentry.usecases.institution.add import add_institution
from consentry.usecases.institution.list_all import find_institution
from consentry.usecases.partner.add import add_partner
from consentry.usecases.partner.give import give_institution
from consentry.usecases.services import Services

ACTOR: Final = Actor(ActorKind.OPERATOR, "sandbox")
CROWDS: Final = {INSTITUTION: 1800, NEWCOMER: 240, CHECKED: 90}
_SEEDS: Final = {INSTITUTION: SEED, NEWCOMER: SEED + 1, CHECKED: SEED + 2}


async def make_institution(services: Services, public_id: str) -> Institution:
    """Give an institution of the sandbox, made now if it is missing."""
    try:
        return await find_institution(services, public_id)
    except UnknownInstitution:
        return await add_institution(services, public_id=public_id, name=house_of(public_id).name, actor=ACTOR)


async def look_after(services: Services, institution: Institution, *, on_step: Callable[[str], None]) -> dict[str, int]:
    """Make the other institutions and the partner; give the internal ids of all houses by their public ids."""
    ids = {institution.public_id: institution.institution_id}
    for public_id in (NEWCOMER, CHECKED):
        other = await make_institution(services, public_id)
        nobody = MadeUpBank(intermediaries=INTERMEDIARIES, applications=made_applications(), customers=(), consents=())
        await fill(services, other, nobody, on_step=on_step)
        ids[public_id] = other.institution_id
    ids[PARTNER] = await _partner(services, list(ids))
    return ids


async def fill(
    services: Services, institution: Institution, bank: MadeUpBank, *, on_step: Callable[[str], None]
) -> bool:
    """Write a bank, its crowd and their year in one transaction; False if there are customers already."""
    institution_id = institution.institution_id
    async with services.session.begin(institution_id) as connection:
        if await sandbox.is_filled(connection):
            return False
        on_step(f"making up a year of the {institution.name}")
        today = day_of(await clock.now(connection))
        seed = _SEEDS[institution.public_id]
        customers, consents = make_crowd(seed, today, customers=CROWDS[institution.public_id])
        whole = replace(bank, customers=(*bank.customers, *customers), consents=(*bank.consents, *consents))
        visits = make_visits(seed, today, whole.consents)
        await sandbox.fill(connection, institution_id, whole)
        await sandbox.add_past_visits(connection, institution_id, visits.days, visits.last_seen)
        await audit.record(
            connection,
            institution_id,
            action="sandbox.filled",
            actor=ACTOR,
            subject=("institution", institution.public_id),
            after={"seed": seed, "customers": len(whole.customers), "consents": len(whole.consents)},
        )
    return True


async def _partner(services: Services, looked_after: Sequence[str]) -> int:
    """Give the partner's internal id; it looks after these institutions from when it is made."""
    async with services.session.begin() as connection:
        found = await houses.find(connection, PARTNER, host=None, kind=House.PARTNER)
    if found is not None:
        return found.institution_id
    added = await add_partner(services, public_id=PARTNER, name=house_of(PARTNER).name, actor=ACTOR)
    for public_id in looked_after:
        await give_institution(services, public_id, partner=PARTNER, actor=ACTOR)
    return added.institution_id
