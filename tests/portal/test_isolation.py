"""R90: an institution's portal shows and changes nothing of another's, nor what a role may not see of its own.

A spider follows every link and collects every form that the institution's own admin finds. Then others go to the same
addresses and send the same forms.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from consentry.domain.staff import House, Role
from consentry.store import houses
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import Database
from tests.portal.conftest import SignIn
from tests.portal.customers import opened
from tests.portal.forgetting import Forgetful, forgetful_service
from tests.portal.furnished import CUSTOMER, MARK, furnish
from tests.portal.spider import Crawled, crawl
from tests.portal.visiting import Visitor

OWN = ("/admin/sign-out", "/admin/account", "/partner/sign-out", "/partner/account")
"""Forms about one's own sessions: whoever sends them speaks of themselves."""
READS = {"audit_entries", "staff_sessions", "customer_looks", "receipt_keys"}
"""What changes when somebody who may change nothing looks around: that they did."""


async def crawled_by_admin(signed_in: SignIn, services: Services, bku: Tenant) -> Crawled:
    """Fill the institution and have its admin find everything there is."""
    await furnish(services, bku)
    admin = await signed_in(Role.ADMIN, tenant=bku)
    customer = opened(admin, f"{CUSTOMER}-0", reason=f"{MARK} ticket")
    found = crawl(admin, "/admin", customer, f"/admin/customers?customer={CUSTOMER}")
    broken = {path: answer.status_code for path, answer in found.pages.items() if answer.status_code >= 400}
    assert broken == {}, "a link of the portal leads nowhere"
    assert len(found.pages) > 40
    assert len(found.forms) > 20
    assert any(CUSTOMER in answer.text for answer in found.pages.values())
    return found


async def state_of(db: Any, institution_id: int) -> dict[str, str]:
    """Give a digest of each table's rows of an institution."""
    tables = await db.fetch(
        """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'institution_id'
           where c.relnamespace = 'consentry'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"""
    )
    digests = {}
    for (table,) in tables:
        rows = await db.fetch(
            f"select t::text from consentry.{table} t where institution_id = $1 order by 1", institution_id
        )
        digests[table] = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
    return digests


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table, digest in after.items() if before[table] != digest}


def said(visitor: Visitor, found: Crawled) -> Iterable[tuple[str, str, int]]:
    """Go everywhere and send everything; give what was answered."""
    for path in found.pages:
        answer = visitor.get(path)
        yield path, answer.text, answer.status_code
    for form in found.forms:
        if not form.action.startswith(OWN):
            answer = visitor.post(form.action, dict(form.fields))
            yield f"POST {form.action}", answer.text, answer.status_code


def without_echo(text: str, path: str) -> str:
    """Leave out the address that was asked, which a page may repeat."""
    return text.replace(path, "").replace(quote(path, safe=""), "")


async def test_another_institutions_admin_finds_and_changes_nothing(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    found = await crawled_by_admin(signed_in, services, bku)
    stranger = await signed_in(Role.ADMIN, tenant=other)
    before = await state_of(super_connection, bku.institution_id)
    for path, text, status in said(stranger, found):
        assert status < 500, path
        assert MARK not in text, path
        assert f"{CUSTOMER} " not in text, (path, "shows an account")
        assert f"_{CUSTOMER}" not in without_echo(text, path.removeprefix("POST ")), path
    assert changed(before, await state_of(super_connection, bku.institution_id)) == set()


@pytest.mark.parametrize("role", [Role.USER, Role.COMPLIANCE])
async def test_who_may_only_read_changes_nothing_by_page_by_address_or_by_form(
    role: Role, signed_in: SignIn, services: Services, bku: Tenant, super_connection: Any
) -> None:
    found = await crawled_by_admin(signed_in, services, bku)
    reader = await signed_in(role, tenant=bku)
    own = crawl(reader, "/admin")
    before = await state_of(super_connection, bku.institution_id)
    for path, text, status in said(reader, found):
        assert status < 500, path
        if role is Role.USER:
            assert CUSTOMER not in without_echo(text, path.removeprefix("POST ")), path
    assert changed(before, await state_of(super_connection, bku.institution_id)) <= READS
    for path, answer in own.pages.items():
        assert answer.status_code < 400, (path, "a link leads where this role may not go")
        assert role is not Role.USER or CUSTOMER not in answer.text, path


async def test_a_partner_sees_no_customer_and_a_rival_nothing(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant, partner: Tenant, super_connection: Any
) -> None:
    """What a partner's admin finds shows no customer; an admin of a rival finds and changes nothing of it."""
    await furnish(services, bku)
    async with services.session.begin(bku.institution_id) as connection:
        await houses.give_to_partner(connection, bku.institution_id, partner_id=partner.institution_id)
    admin = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    found = crawl(admin, "/partner")
    assert any(MARK in answer.text for answer in found.pages.values())
    for path, answer in found.pages.items():
        assert answer.status_code < 400, path
        assert CUSTOMER not in answer.text, path
    async with services.session.begin() as connection:
        rival_id = await houses.add_partner(connection, public_id=f"rival-{bku.public_id}", name="Rival", host=None)
    rival = await signed_in(Role.ADMIN, tenant=replace(other, institution_id=rival_id), house=House.PARTNER)
    houses_of_partner = (bku.institution_id, partner.institution_id)
    before = [await state_of(super_connection, house) for house in houses_of_partner]
    for path, text, status in said(rival, found):
        assert status < 500, path
        assert MARK not in text, path
        assert f">{bku.public_id}<" not in text, path
    assert [await state_of(super_connection, house) for house in houses_of_partner] == before


@pytest.mark.parametrize("walls", ["the second wall alone", "no wall"])
async def test_row_level_security_holds_when_every_query_forgets(
    walls: str,
    signed_in: SignIn,
    services: Services,
    bku: Tenant,
    other: Tenant,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With no wall at all the same spider soon finds what it should not: so it was the second that held."""
    await furnish(services, bku)
    stranger = await signed_in(Role.ADMIN, tenant=other)
    url = database.super_url if walls == "no wall" else database.app_url
    before = Forgetful.forgot
    with forgetful_service(database, monkeypatch, url=url, folder=tmp_path) as address:
        stranger.base_url = address
        beginnings = ("/admin", "/admin/customers?customer=cus", "/admin/apps/budget", f"/admin/apps?name={MARK[:3]}")
        found = crawl(stranger, *beginnings, until=(MARK, CUSTOMER))
    assert Forgetful.forgot > before + (0 if walls == "no wall" else 20)
    shown = {path for path, answer in found.pages.items() if MARK in answer.text or CUSTOMER in answer.text}
    assert bool(shown) == (walls == "no wall"), shown
