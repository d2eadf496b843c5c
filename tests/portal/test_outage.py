"""What pages say while the store is away, or while what they refuse can't be recorded."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from consentry.domain.staff import House, Role
from consentry.domain.staff_secret import StaffSecret, new_staff_secret
from consentry.web.portal import cookies
from tests.builders import Tenant
from tests.conftest import Database
from tests.faults.chaos_proxy import Trouble, chaos_proxy
from tests.portal.conftest import SignIn
from tests.portal.visiting import text_of
from tests.serving import Service

SESSION = new_staff_secret(StaffSecret.SESSION, secrets.choice)
FULL = """create function public.is_full() returns trigger language plpgsql as $$ begin
          raise exception 'no space left' using errcode = '53100'; end $$;
          create trigger is_full before insert on consentry.audit_entries for each row
          when (new.institution_id = {institution}) execute function public.is_full()"""


def is_told_to_wait(answer: httpx.Response) -> bool:
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "1"
    return True


def test_without_a_store_every_page_asks_to_wait(
    database: Database, start: Callable[..., Service], client: httpx.Client
) -> None:
    """R123: a session that can't be asked for is not taken for ended, nor the outage for a fault."""
    sockets = Path(parse_qs(urlsplit(database.app_url).query)["host"][0])
    with chaos_proxy(sockets) as proxy:
        url = f"postgresql://consentry_app@/{database.name}?host={quote(str(proxy.folder), safe='/')}"
        service = start(CONSENTRY_DATABASE_URL=url, CONSENTRY_SURFACES="api,embed,portal", CONSENTRY_WORKERS="1")
        proxy.set(Trouble.REFUSED)
        held = "; ".join(f"{cookies.SESSION[house]}={SESSION}" for house in House)
        for path in ("/admin", "/admin/account", "/partner", "/partner/institutions", "/admin/sign-in?institution=bku"):
            answer = client.get(f"{service.base_url}{path}", headers={"Cookie": held})
            assert is_told_to_wait(answer)
            assert "Not just now" in text_of(answer)
            assert "set-cookie" not in answer.headers
        for path in ("/embed/looks/bku/logo", "/receipts/bku/keys"):
            answer = client.get(f"{service.base_url}{path}")
            assert is_told_to_wait(answer)
            assert answer.json()["error"] == "temporarily_unavailable"
        proxy.set(Trouble.NONE)


async def test_what_is_refused_and_can_not_be_recorded_is_not_told_as_refused(
    signed_in: SignIn, bku: Tenant, super_connection: Any
) -> None:
    """R129."""
    user, admin = await signed_in(Role.USER), await signed_in(Role.ADMIN)
    csrf = admin.csrf
    await super_connection.execute(FULL.format(institution=bku.institution_id))
    try:
        assert is_told_to_wait(user.get("/admin/settings/team"))
        refused = admin.post("/admin/settings/team/invite", {"csrf": csrf, "email": "nobody", "role": "user"})
        assert is_told_to_wait(refused)
    finally:
        await super_connection.execute("drop function public.is_full cascade")
    assert user.get("/admin/settings/team").status_code == 403
