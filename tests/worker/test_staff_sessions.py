"""What the worker does for every house: partners' trails are sealed, and what staff began long ago is forgotten."""

from datetime import timedelta
from typing import Any

from consentry.domain.staff import Role
from consentry.store import staff, staff_sessions
from consentry.usecases.audit.seal_waiting import seal_waiting
from consentry.usecases.partner.add import add_partner
from consentry.usecases.services import Services
from consentry.usecases.staff.forget_old import forget_old_sessions
from consentry.usecases.staff.sessions import Browser, begin_session
from tests.builders import Tenant
from tests.conftest import OPERATOR

DAY = timedelta(days=1)


async def test_a_partners_trail_is_sealed_as_an_institutions_is(services: Services, super_connection: Any) -> None:
    await add_partner(services, public_id="platform", name="Platform", actor=OPERATOR)
    assert await seal_waiting(services.session) == 1
    assert await super_connection.fetchval("select count(*) from consentry.audit_seals") == 1


async def test_sessions_that_ended_long_ago_are_forgotten_and_live_ones_stay(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    house = bku.institution_id
    async with services.session.begin(house) as connection:
        member = await staff.add(connection, house, email="ada@bank.example", role=Role.ADMIN, valid=DAY)
        begun = [
            await begin_session(services, connection, house, member_id=member.member_id, browser=Browser())
            for _ in range(2)
        ]
        await staff_sessions.end(connection, house, begun[0].session_id)
        for state in ("old", "new"):
            assert await staff_sessions.spend(connection, house, state)
        assert not await staff_sessions.spend(connection, house, "new")
    await super_connection.execute(
        "update consentry.staff_sessions set ended_at = now() - interval '31 days' where ended_at is not null"
    )
    await super_connection.execute(
        "update consentry.staff_sign_ins set spent_at = now() - interval '1 hour' where state = sha256('old')"
    )
    assert await forget_old_sessions(services.session) == 2
    assert await forget_old_sessions(services.session) == 0
    assert await super_connection.fetchval("select count(*) from consentry.staff_sessions") == 1
