"""Stopping all apps at once: every live consent ends once, together or not at all, whatever else happens meanwhile."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from consentry.domain.refusal.request import ConsentNotActive, InvalidToken, TemporarilyUnavailable
from consentry.store.consents import Subject
from consentry.usecases.consent.share_account import share_account
from consentry.usecases.consent.stop_all import stop_all
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.flows.caller import eventually
from tests.records.asking import SOURCE, about, customer_actor, token_of

MANY = 64
SAVINGS = ACCOUNTS[1]["account_id"]
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
ANNAS = ("_budget", "_lender", "_mirror", "_paused", "_revoked", "_expired")


@pytest.fixture
async def anna(services: Services, bku: Tenant) -> Subject:
    """A customer with two plain consents, a mirrored, a paused, a revoked and an expired one."""
    await add_customer(services.session, bku, "anna")
    states: dict[str, dict[str, object]] = {
        "_budget": {},
        "_lender": {},
        "_mirror": {"read_only": True},
        "_paused": {"paused_at": LONG_AGO},
        "_revoked": {"revoked_at": LONG_AGO, "revoked_by": "recipient", "revocation_reason": "user_action"},
        "_expired": {"expires_at": LONG_AGO},
    }
    for number, (consent_id, columns) in enumerate(states.items()):
        await add_consent(services.session, bku, "anna", f"app{number}", consent_id, **columns)
    return await token_of(services, bku, "anna")


async def rows(db: Any, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await db.fetch(query)]


async def test_every_live_consent_ends_with_history_audit_entry_and_event(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    done = await stop_all(services.changes, anna, actor=customer_actor(anna, "r7"))
    assert {consent.consent_id for consent in done.stopped} == {"_budget", "_lender", "_paused"}
    assert [consent.consent_id for consent in done.still_live] == ["_mirror"]
    assert {(c.revoked_by, c.revocation_reason, c.version) for c in done.stopped} == {("customer", "user_action", 2)}
    assert len({consent.revoked_at for consent in done.stopped}) == 1

    ended = ["_budget", "_lender", "_paused"]
    assert await rows(
        super_connection,
        "select consent_id, version, kind, actor_id, request_id from consentry.consent_changes order by 1",
    ) == [(consent_id, 2, "revoked", "anna", "r7") for consent_id in ended]
    assert await rows(
        super_connection,
        """select subject_id, source, request_id from consentry.audit_entries
           where action = 'consent.revoked' order by 1""",
    ) == [(consent_id, SOURCE, "r7") for consent_id in ended]
    assert await rows(super_connection, "select consent_id, kind from consentry.events order by 1") == [
        (consent_id, "CONSENT_REVOKED") for consent_id in ended
    ]
    live = "select consent_id from consentry.consents where revoked_at is null order by 1"
    assert await rows(super_connection, live) == [("_expired",), ("_mirror",)]


async def test_stopping_all_again_stops_nothing_and_records_nothing(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    await stop_all(services.changes, anna, actor=customer_actor(anna))
    again = await stop_all(services.changes, anna, actor=customer_actor(anna))
    assert again.stopped == ()
    assert [consent.consent_id for consent in again.still_live] == ["_mirror"]
    assert len(await rows(super_connection, "select from consentry.consent_changes")) == 3


async def test_a_customer_without_consents_has_nothing_to_stop(services: Services, bku: Tenant) -> None:
    nobody = await token_of(services, bku, "nobody")
    done = await stop_all(services.changes, nobody, actor=customer_actor(nobody))
    assert (done.stopped, done.still_live) == ((), ())


async def test_a_dead_token_stops_nothing(services: Services, anna: Subject, super_connection: Any) -> None:
    await super_connection.execute("update consentry.tokens set revoked_at = now()")
    with pytest.raises(InvalidToken):
        await stop_all(services.changes, anna, actor=customer_actor(anna))
    forged = Subject(anna.institution_id, None, UUID(int=7), "anna")
    with pytest.raises(InvalidToken):
        await stop_all(services.changes, forged, actor=customer_actor(anna))
    assert await rows(super_connection, "select from consentry.consent_changes") == []


async def test_nobody_elses_consents_are_touched(
    services: Services, anna: Subject, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    await add_customer(services.session, bku, "bob")
    await add_consent(services.session, bku, "bob", "app0", "_bobs")
    await add_customer(services.session, other, "anna")
    await add_consent(services.session, other, "anna", "app0", "_budget")
    await stop_all(services.changes, anna, actor=customer_actor(anna))
    untouched = await rows(
        super_connection,
        f"""select consent_id, version, revoked_at from consentry.consents
            where customer_id = 'bob' or institution_id = {other.institution_id} order by 1""",
    )
    assert untouched == [("_bobs", 1, None), ("_budget", 1, None)]


async def test_one_consent_that_cannot_be_written_leaves_all_as_they_were(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    await super_connection.execute(
        """create function consentry.refuse() returns trigger language plpgsql as
               $$ begin raise exception 'no' using errcode = '55P03'; end $$;
           create trigger refuse before update on consentry.consents for each row
               when (old.consent_id = '_paused') execute function consentry.refuse()"""
    )
    with pytest.raises(TemporarilyUnavailable):
        await stop_all(services.changes, anna, actor=customer_actor(anna))
    for table in ("consent_changes", "events"):
        assert await rows(super_connection, f"select from consentry.{table}") == []
    live = "select from consentry.consents where revoked_at is null"
    assert len(await rows(super_connection, live)) == len(ANNAS) - 1


async def test_many_who_stop_all_while_many_toggle_end_each_consent_once(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    async def toggle(number: int) -> str:
        try:
            consent_id = ("_budget", "_lender")[number % 2]
            await share_account(services.changes, about(anna, consent_id), account_id=SAVINGS, enabled=number % 4 < 2)
        except ConsentNotActive:
            return "too late"
        return "toggled"

    async def stop(number: int) -> str:
        done = await stop_all(services.changes, anna, actor=customer_actor(anna, f"s{number}"))
        return "stopped" if done.stopped else "nothing left"

    asked = [toggle(number) if number % 2 else stop(number) for number in range(MANY)]
    told = Counter(await asyncio.gather(*(toggle(number) for number in range(4)), *asked))
    assert told["stopped"] == 1
    assert told["nothing left"] == MANY // 2 - 1
    assert told["toggled"] + told["too late"] == MANY // 2 + 4

    revocations = "select consent_id from consentry.consent_changes where kind = 'revoked' order by 1"
    assert await rows(super_connection, revocations) == [("_budget",), ("_lender",), ("_paused",)]
    for consent_id in ("_budget", "_lender"):
        kinds = await rows(
            super_connection,
            f"select version, kind from consentry.consent_changes where consent_id = '{consent_id}' order by version",
        )
        assert [version for version, _ in kinds] == list(range(2, len(kinds) + 2))
        assert [kind for _, kind in kinds].index("revoked") == len(kinds) - 1, "changed after it had ended"


async def test_a_consent_that_is_being_given_is_waited_for_and_stopped_as_well(
    services: Services, anna: Subject, bku: Tenant, super_connection: Any
) -> None:
    giving = super_connection.transaction()
    await giving.start()
    await super_connection.execute(
        """insert into consentry.consents (institution_id, consent_id, customer_id, application_id,
                                           created_at, consented_on)
           values ($1, '_just_now', 'anna', 'app0', now(), now())""",
        bku.institution_id,
    )
    stopping = asyncio.create_task(stop_all(services.changes, anna, actor=customer_actor(anna)))

    async def it_waits() -> bool:
        return bool(await super_connection.fetchval("select exists (select from pg_locks where not granted)"))

    await eventually(it_waits)
    assert not stopping.done()
    await giving.commit()
    assert "_just_now" in {consent.consent_id for consent in (await stopping).stopped}
