"""Opening the dashboard: one token, one page, framed by nobody but the bank's own sites (R72 to R77)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.dashboard import InvalidOrigin
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.institution.change_origins import add_origin
from consentry.usecases.page.forget import forget_pages
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant
from tests.serving import Service
from tests.web.calls import Api
from tests.web.screens import SECRET, Dashboard, Screen

OPERATOR = Actor(ActorKind.OPERATOR, "tester")
BANK = "https://www.bank.example"


@pytest.fixture
def dashboard(service: Service, client: httpx.Client) -> Dashboard:
    return Dashboard(client, service.base_url)


def ended(screen: Screen) -> bool:
    return screen.answer.status_code == 401 and screen.name == "ended" and not SECRET.search(screen.answer.text)


def test_a_token_opens_one_page_and_is_dead_for_everything_afterwards(api: Api, dashboard: Dashboard) -> None:
    """R72."""
    token = api.token()
    first = dashboard.open(token)
    assert (first.answer.status_code, first.name) == (200, "list")
    assert "Budget" in first.text
    assert ended(dashboard.open(token))
    assert api.bearer(token, "GET").status_code == 401
    assert dashboard.post("/embed/apps", first.secret).name == "list", "the page itself lives on"


def test_a_link_opens_it_too_and_its_answer_is_kept_nowhere(api: Api, dashboard: Dashboard) -> None:
    """R73."""
    answer = dashboard.client.get(
        f"{dashboard.base_url}/embed/authorizations", params={"access_token": api.token(), "locale": "fr"}
    )
    assert answer.status_code == 200
    assert 'lang="fr"' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers, "R75: it works without cookies"


@pytest.mark.parametrize("institution", ["%00", "b%00ku", "%ED%A0%80", "nobody", ""])
def test_a_page_that_is_over_knows_no_institution_by_what_is_no_id(dashboard: Dashboard, institution: str) -> None:
    address = f"{dashboard.base_url}/embed/authorizations?institution={institution}"
    assert ended(Screen(dashboard.client.get(address)))
    logo = dashboard.client.get(f"{dashboard.base_url}/embed/looks/{institution or '-'}/logo")
    assert logo.status_code == 404


def test_of_many_openings_at_once_one_succeeds(api: Api, dashboard: Dashboard) -> None:
    """R72: 64 at once."""
    token = api.token()
    with ThreadPoolExecutor(16) as pool:
        screens = list(pool.map(lambda _: dashboard.open(token), range(64)))
    assert sorted(screen.answer.status_code for screen in screens) == [200] + [401] * 63


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"}, {"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "script"}, {"Sec-Fetch-Dest": "empty"},
    ],
)  # fmt: skip
def test_what_looks_ahead_spends_nothing(api: Api, dashboard: Dashboard, headers: dict[str, str]) -> None:
    """R74."""
    token = api.token()
    address = f"{dashboard.base_url}/embed/authorizations?access_token={token}"
    assert dashboard.client.get(address, headers=headers).status_code == 425
    assert dashboard.client.head(address).status_code == 200
    assert dashboard.open(token).answer.status_code == 200


async def test_only_registered_sites_may_frame_the_page(
    api: Api, dashboard: Dashboard, services: Services, bku: Tenant
) -> None:
    """R76."""
    assert ancestors(dashboard.open(api.token())) == "frame-ancestors 'none'"
    assert await add_origin(services, bku.institution_id, BANK, actor=OPERATOR) == [BANK]
    assert ancestors(dashboard.open(api.token())) == f"frame-ancestors {BANK}"
    assert ancestors(dashboard.open("nonsense")) == "frame-ancestors 'none'"
    stranger = dashboard.open(api.token(), Origin="https://evil.example")
    assert (stranger.answer.status_code, stranger.name) == (403, "refused")
    assert dashboard.open(api.token(), Origin="http://[").answer.status_code == stranger.answer.status_code
    assert dashboard.open(api.token(), Origin=BANK).answer.status_code == 200


def ancestors(screen: Screen) -> str:
    parts = [part.strip() for part in screen.answer.headers["content-security-policy"].split(";")]
    return next(part for part in parts if part.startswith("frame-ancestors"))


@pytest.mark.parametrize("origin", ["http://www.bank.example", "https://*.bank.example", "https://bank.example/a", "x"])
async def test_what_is_no_origin_is_not_registered(services: Services, bku: Tenant, origin: str) -> None:
    with pytest.raises(InvalidOrigin):
        await add_origin(services, bku.institution_id, origin, actor=OPERATOR)


def test_the_bank_ends_a_page_by_revoking_the_token_that_opened_it(api: Api, dashboard: Dashboard) -> None:
    token = api.token()
    secret = dashboard.open(token).secret
    assert dashboard.post("/embed/apps", secret).answer.status_code == 200
    assert api.call("DELETE", f"/token/{token}", auth=api.tenant.basic).status_code == 200
    assert ended(dashboard.post("/embed/apps", secret))
    assert ended(dashboard.post("/embed/apps/_budget1/stop/confirmed", secret))
    consents = api.consents(api.token())
    assert all(consent["revoked_at"] is None for consent in consents)


async def test_a_leak_ends_all_pages(api: Api, dashboard: Dashboard, services: Services, bku: Tenant) -> None:
    """R65."""
    secret = dashboard.open(api.token()).secret
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR)
    assert ended(dashboard.post("/embed/apps", secret))


def test_done_ends_the_page(api: Api, dashboard: Dashboard) -> None:
    """R84."""
    secret = dashboard.open(api.token()).secret
    done = dashboard.post("/embed/done", secret)
    assert (done.answer.status_code, done.name) == (200, "done")
    assert not SECRET.search(done.answer.text)
    assert ended(dashboard.post("/embed/apps", secret))


async def test_ten_idle_minutes_end_a_page_and_so_do_sixty_in_all(
    api: Api, dashboard: Dashboard, super_connection: Any
) -> None:
    """R84, R25: by the database's clock."""
    move = "update consentry.page_sessions set {column} = consentry.now() - $1::interval where customer_id = 'cust-1'"
    secret = dashboard.open(api.token()).secret
    await super_connection.execute(move.format(column="used_at"), timedelta(minutes=9))
    assert dashboard.post("/embed/continue", secret).answer.status_code == 200
    await super_connection.execute(move.format(column="used_at"), timedelta(minutes=10))
    assert ended(dashboard.post("/embed/continue", secret))
    other = dashboard.open(api.token()).secret
    await super_connection.execute(move.format(column="opened_at"), timedelta(minutes=60))
    assert ended(dashboard.post("/embed/apps", other))


@pytest.mark.parametrize("secret", ["", "x", "cns_page_" + "a" * 34, "cns_secret_" + "a" * 34])
def test_what_is_no_secret_of_a_page_opens_nothing(dashboard: Dashboard, secret: str) -> None:
    assert ended(dashboard.post("/embed/apps", secret))


def test_another_site_can_do_nothing_even_with_the_secret(api: Api, dashboard: Dashboard) -> None:
    """R80."""
    secret = dashboard.open(api.token()).secret
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
    ):
        refused = dashboard.post_from(headers, "/embed/apps/_budget1/stop/confirmed", secret)
        assert (refused.answer.status_code, refused.name) == (403, "refused")
    assert dashboard.client.get(f"{dashboard.base_url}/embed/apps/_budget1").status_code == 405, "R80: no GET acts"
    assert all(consent["revoked_at"] is None for consent in api.consents(api.token()))


async def test_neither_token_nor_secret_is_logged_or_stored(
    api: Api, dashboard: Dashboard, service: Service, super_connection: Any
) -> None:
    """R43, R137."""
    token = api.token()
    answer = dashboard.client.get(f"{dashboard.base_url}/embed/authorizations?access_token={token}")
    secret = Screen(answer).secret
    dashboard.post("/embed/apps/_budget1", secret)
    logged = service.logged()
    assert token not in logged
    assert secret not in logged
    stored = str(await super_connection.fetch("select p::text from consentry.page_sessions p"))
    assert secret not in stored


def test_every_screen_has_the_headers_that_keep_it_to_itself(api: Api, dashboard: Dashboard) -> None:
    """R76, R77, R82: one sweep over all that the dashboard answers with a page."""
    secret = dashboard.open(api.token()).secret
    app = "/embed/apps/_budget1"
    screens = [
        *(dashboard.post(path, secret) for path in ("/embed/apps", "/embed/stop-all", "/embed/continue", app)),
        *(dashboard.post(f"{app}/{step}", secret) for step in ("stop", "dispute", "stop/confirmed")),
        dashboard.post("/embed/apps/_nothing", secret),
        dashboard.post_from({"Sec-Fetch-Site": "cross-site"}, "/embed/apps", secret),
        dashboard.open("nonsense"),
        dashboard.post("/embed/done", secret),
    ]
    for screen in screens:
        headers = screen.answer.headers
        policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
        assert policy["default-src"] == policy["base-uri"] == policy["object-src"] == ["'none'"], screen.name
        assert policy["frame-ancestors"] == ["'none'"]
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & {
            word for words in policy.values() for word in words
        }
        (nonce,) = (word for word in policy["style-src"] if word.startswith("'nonce-"))
        assert screen.answer.text.count("<style") == screen.answer.text.count(f'<style nonce="{nonce[7:-1]}"') == 1
        assert "set-cookie" not in headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["strict-transport-security"].startswith("max-age=31536000")


async def test_pages_of_yesterday_are_forgotten_and_todays_kept(
    api: Api, dashboard: Dashboard, services: Services, super_connection: Any
) -> None:
    old, new = (dashboard.open(api.token()).secret for _ in range(2))
    await super_connection.execute(
        """update consentry.page_sessions set opened_at = opened_at - interval '25 hours'
           where page_id = (select page_id from consentry.page_sessions where customer_id = 'cust-1'
                            and institution_id = $1 order by opened_at limit 1)""",
        api.tenant.institution_id,
    )
    assert await forget_pages(services.session) >= 1
    assert ended(dashboard.post("/embed/apps", old))
    assert dashboard.post("/embed/apps", new).answer.status_code == 200


def test_nothing_is_switched_after_the_opening_token_was_revoked(api: Api, dashboard: Dashboard) -> None:
    """R113: switches that race with the revocation come before it, or are refused; none commits behind it."""
    token = api.token()
    secret = dashboard.open(token).secret
    path = "/embed/apps/_lender1/accounts"

    def switch(number: int) -> int:
        account, enabled = ACCOUNTS[number % 3]["account_id"], "false" if number // 3 % 2 else "true"
        fields = {"account": account, "enabled": enabled, "confirmed": "true"}
        return dashboard.post(path, secret, **fields).answer.status_code

    with ThreadPoolExecutor(8) as pool:
        switched = [pool.submit(switch, number) for number in range(24)]
        revoked = pool.submit(api.call, "DELETE", f"/token/{token}", auth=api.tenant.basic)
        later = [pool.submit(switch, number) for number in range(24)]
        assert revoked.result().status_code == 200
        before = shared(api)
        assert {task.result() for task in [*switched, *later]} <= {200, 401}
    assert switch(0) == 401
    assert shared(api) == before


def shared(api: Api) -> list[bool]:
    (lender,) = (consent for consent in api.consents(api.token()) if consent["id"] == "_lender1")
    return [account["enabled"] for account in lender["accounts"]]
