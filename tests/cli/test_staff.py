"""`consentry staff` and `consentry partner`: first admins, the way out of a lock-out, and who looks after whom."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from consentry.cli.app import run
from consentry.domain.staff import Role
from consentry.usecases.configuration.api_settings import change_api_settings, show_api_settings
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider, show_provider
from tests.builders import Tenant
from tests.cli.commands import Ran
from tests.conftest import OPERATOR, Database
from tests.portal.visiting import make_member

Command = Callable[..., Awaitable[Ran]]
SECRET = "the-secret-of-the-staff's-provider"


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command as the process would, without waiting for one to start."""
    for name, value in database.environment.items():
        monkeypatch.setenv(name, value)

    async def ran(*words: str) -> Ran:
        code = await asyncio.to_thread(run, [*words, "--json"])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return ran


async def establish(services: Services, tenant: Tenant) -> None:
    await establish_provider(
        services,
        tenant.institution_id,
        discovery_url="https://idp.bank.example",
        issuer="https://idp.bank.example",
        client_id="portal",
        client_secret=SECRET,
        actor=OPERATOR,
    )


async def actions(db: Any, tenant: Tenant) -> list[str]:
    rows = await db.fetch(
        "select action from consentry.audit_entries where institution_id = $1 order by entry_id", tenant.institution_id
    )
    return [row[0] for row in rows]


async def test_a_link_for_a_first_admin_is_printed_once_and_stored_nowhere(
    command: Command, services: Services, bku: Tenant, super_connection: Any
) -> None:
    """R43, R93: the code is behind the #, where no server sees it, and the database has its hash alone."""
    made = (await command("staff", "first-admin", "bku", "Ada@Bank.example")).document
    parts = urlsplit(made["link"])
    assert (parts.path, made["email"]) == ("/admin/set-up", "ada@bank.example")
    assert parts.fragment.startswith("cns_setup_")
    rows = await super_connection.fetch("select t::text as row from consentry.staff_setup_links t")
    rows += await super_connection.fetch("select t::text as row from consentry.audit_entries t")
    assert not any(parts.fragment in row["row"] for row in rows)
    assert "staff.setup_link_made" in await actions(super_connection, bku)
    (listed,) = (await command("staff", "list", "bku")).document
    assert (listed["email"], listed["role"], listed["status"]) == ("ada@bank.example", "admin", "invited")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("first-admin", "nobody", "ada@bank.example"), "unknown_institution"),
        (("first-admin", "bku", "ada"), "invalid_settings"),
        (("first-admin", "bku", "ada@bank.example", "--url", "https://a.example/path"), "invalid_origin"),
        (("list", "nobody"), "unknown_institution"),
        (("remove", "bku", "ada@bank.example"), "unknown_member"),
        (("provider", "reset", "bku"), "no_staff_provider"),
    ],
)
async def test_what_cannot_be_done_is_refused(command: Command, bku: Tenant, words: tuple[str, ...], code: str) -> None:
    refused = await command("staff", *words)
    assert (refused.code, refused.refusal) == (1, code)


async def test_the_link_leads_to_where_the_institution_is_found(
    command: Command, services: Services, bku: Tenant
) -> None:
    shown = await show_api_settings(services, bku.institution_id)
    await change_api_settings(
        services,
        bku.institution_id,
        replace(shown.settings, public_url="https://consents.bku.example"),
        secret_overlap=shown.institution.secret_overlap,
        actor=OPERATOR,
    )
    made = (await command("staff", "first-admin", "bku", "ada@bank.example")).document
    assert made["link"].startswith("https://consents.bku.example/admin/set-up#")
    inside = ("--url", "https://portal.bku.example")
    made = (await command("staff", "first-admin", "bku", "ada@bank.example", *inside)).document
    assert made["link"].startswith("https://portal.bku.example/admin/set-up#")


async def test_a_lock_out_is_rescued_from_the_command_line(
    command: Command, services: Services, bku: Tenant, super_connection: Any
) -> None:
    await establish(services, bku)
    await make_member(services, bku.institution_id, Role.ADMIN, email="ada@bank.example")
    refused = await command("staff", "first-admin", "bku", "ada@bank.example")
    assert (refused.code, refused.refusal) == (1, "provider_in_force")
    refused = await command("staff", "remove", "bku", "ada@bank.example")
    assert (refused.code, refused.refusal) == (1, "last_admin")
    assert (await command("staff", "provider", "reset", "bku")).document["reset"] == "bku"
    assert await show_provider(services, bku.institution_id) is None
    assert (await command("staff", "first-admin", "bku", "bob@bank.example")).code == 0
    assert "staff_provider.forgotten" in await actions(super_connection, bku)
    await make_member(services, bku.institution_id, Role.ADMIN, email="eve@bank.example")
    assert (await command("staff", "remove", "bku", "eve@bank.example")).document == {"removed": "eve@bank.example"}


async def test_a_partner_is_added_given_institutions_and_a_first_admin(
    command: Command, services: Services, bku: Tenant, super_connection: Any
) -> None:
    added = (await command("partner", "add", "platform", "Platform", "--host", "Platform.example")).document
    assert (added["id"], added["host"], added["institutions"]) == ("platform", "platform.example", [])
    for taken in ("bku", "Bku"):
        again = await command("partner", "add", taken, "Another")
        assert (again.code, again.refusal) == (1, "institution_exists")
    assert (await command("partner", "give", "platform", "bku")).code == 0
    (listed,) = (await command("partner", "list")).document
    assert listed["institutions"] == ["bku"]
    assert "institution.given" in await actions(super_connection, bku)
    assert (await command("partner", "give", "bku", "bku")).refusal == "unknown_partner"
    assert (await command("partner", "give", "platform", "platform")).refusal == "unknown_institution"
    assert (await command("partner", "take", "bku")).document["partner"] is None
    made = (await command("staff", "first-admin", "platform", "pat@platform.example")).document
    assert made["link"].startswith("https://platform.example/partner/set-up#")
    assert [institution["id"] for institution in (await command("institution", "list")).document] == ["bku"]
