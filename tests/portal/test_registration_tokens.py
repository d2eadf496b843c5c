"""The token with which an intermediary registers apps: shown once, found nowhere again, replaced, and recognised."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import InvalidToken
from consentry.domain.registration_token import is_registration_token
from consentry.domain.staff import Role
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.intermediary.recognise_token import RecognisedIntermediary, recognise_registration_token
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.parties import add_intermediary
from tests.portal.visiting import Visitor, text_of
from tests.serving import Service

TOKEN = re.compile(r"cns_registration_[0-9A-Za-z]{34}")
ADMIN = Actor(ActorKind.STAFF, "00000000-0000-7000-8000-000000000000")
PATH = "/admin/intermediaries/agg/token"


@pytest.fixture
async def agg(services: Services, bku: Tenant) -> RecognisedIntermediary:
    await add_intermediary(services.session, bku, "agg", name="Aggregator")
    return RecognisedIntermediary(bku.institution_id, "agg")


def issue(visitor: Visitor, *, newest: int, overlap: str = "day") -> str:
    answer = visitor.post(PATH, {"newest": str(newest), "overlap": overlap})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    token: str
    (token,) = set(TOKEN.findall(answer.text))
    assert is_registration_token(token)
    return token


async def is_recognised(services: Services, token: str) -> bool:
    try:
        await recognise_registration_token(services, token)
    except InvalidToken:
        return False
    return True


async def test_a_token_is_shown_once_and_never_again(
    signed_in: SignIn, services: Services, service: Service, agg: RecognisedIntermediary, super_connection: Any
) -> None:
    """R43, R91: in no page, file, log, audit, event or table."""
    visitor = await signed_in(Role.ADMIN)
    token = issue(visitor, newest=0)
    assert await recognise_registration_token(services, token) == agg
    shown = visitor.get("/admin/intermediaries/agg")
    assert f"cns_registration_…{token[-4:]}" in text_of(shown)
    pages = [shown, visitor.get(PATH), visitor.get("/admin/intermediaries"), visitor.get("/admin/intermediaries.csv")]
    assert all(token not in page.text for page in pages)
    assert token not in service.logged()
    tables = await super_connection.fetch(
        """select relname from pg_class where relnamespace = 'consentry'::regnamespace and relkind in ('r', 'p')
           and not relispartition"""
    )
    for (table,) in tables:
        found = await super_connection.fetchval(
            f"select count(*) from consentry.{table} as t where t::text like '%' || $1 || '%'", token
        )
        assert found == 0, table


async def test_the_form_sent_twice_makes_one_token(
    signed_in: SignIn, agg: RecognisedIntermediary, super_connection: Any
) -> None:
    visitor = await signed_in(Role.ADMIN)
    issue(visitor, newest=0)
    again = visitor.post(PATH, {"newest": "0", "overlap": "day"})
    assert again.status_code == 409
    assert not TOKEN.search(again.text)
    assert "changed since it was shown" in text_of(again)
    assert (
        await super_connection.fetchval(
            "select count(*) from consentry.registration_tokens where institution_id = $1", agg.institution_id
        )
        == 1
    )


async def test_a_token_of_a_disabled_intermediary_is_said_to_register_nothing_until_that_is_enabled(
    signed_in: SignIn, agg: RecognisedIntermediary, services: Services
) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert "With it, it registers apps, which need review." in text_of(visitor.get(PATH))
    assert visitor.post("/admin/intermediaries/agg/disable", {"reason": "Asked for by phone"}).status_code == 303
    asked = text_of(visitor.get(PATH))
    assert "until it is enabled, it registers nothing with the token. Then it registers apps, which need" in asked
    assert "With it, it registers" not in asked
    token = issue(visitor, newest=0)
    assert not await is_recognised(services, token)
    assert visitor.post("/admin/intermediaries/agg/enable", {"reason": "Asked for by phone"}).status_code == 303
    assert await is_recognised(services, token)


async def test_of_admins_who_rotate_at_once_one_does(services: Services, agg: RecognisedIntermediary) -> None:
    async def rotate() -> str:
        try:
            issued = await issue_registration_token(
                services, agg.institution_id, "agg", newest_seen=0, overlap=timedelta(0), actor=ADMIN
            )
        except ChangedMeanwhile:
            return ""
        return issued.token

    made = [token for token in await asyncio.gather(*(rotate() for _ in range(6))) if token]
    assert len(made) == 1
    assert await is_recognised(services, made[0])


async def test_the_previous_token_works_for_a_day_or_not_at_all(
    signed_in: SignIn, services: Services, agg: RecognisedIntermediary, super_connection: Any
) -> None:
    """R45."""
    visitor = await signed_in(Role.ADMIN)
    first = issue(visitor, newest=0)
    second = issue(visitor, newest=1, overlap="day")
    assert [await is_recognised(services, token) for token in (first, second)] == [True, True]
    left = await super_connection.fetchval(
        """select expires_at - created_at > interval '23 hours' and expires_at < now() + interval '24 hours'
           from consentry.registration_tokens where institution_id = $1 and number = 1""",
        agg.institution_id,
    )
    assert left is True
    third = issue(visitor, newest=2, overlap="none")
    assert [await is_recognised(services, token) for token in (first, second, third)] == [False, False, True]
    entries = await super_connection.fetch(
        """select action from consentry.audit_entries
           where institution_id = $1 and actor_kind = 'staff' order by entry_id""",
        agg.institution_id,
    )
    assert [entry["action"] for entry in entries] == [
        "registration_token.issued",
        "registration_token.rotated",
        "registration_token.rotated",
    ]


@pytest.mark.parametrize("overlap", ["", "week", "-1"])
async def test_an_overlap_that_there_is_not_is_refused(
    signed_in: SignIn, services: Services, agg: RecognisedIntermediary, overlap: str
) -> None:
    visitor = await signed_in(Role.ADMIN)
    token = issue(visitor, newest=0)
    answer = visitor.post(PATH, {"newest": "1", "overlap": overlap})
    assert answer.status_code == 422
    assert "Choose when the previous token ends" in text_of(answer)
    assert await is_recognised(services, token)


async def test_a_token_of_who_is_stopped_is_none(
    signed_in: SignIn, services: Services, bku: Tenant, agg: RecognisedIntermediary, super_connection: Any
) -> None:
    token = issue(await signed_in(Role.ADMIN), newest=0)
    for table, column, off, on in (
        ("intermediaries", "status", "disabled", "active"),
        ("institutions", "status", "disabled", "enabled"),
    ):
        statement = f"update consentry.{table} set {column} = $1 where institution_id = $2"
        await super_connection.execute(statement, off, bku.institution_id)
        assert not await is_recognised(services, token)
        await super_connection.execute(statement, on, bku.institution_id)
    assert await is_recognised(services, token)


@pytest.mark.parametrize(
    "text", ["", "cns_registration_" + "0" * 34, "cns_registration_…abcd", "cns_secret_" + "0" * 34]
)
async def test_what_is_no_token_is_recognised_as_nobodys(services: Services, text: str) -> None:
    assert not await is_recognised(services, text)
