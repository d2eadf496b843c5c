"""What stands around the bank in the demo, in use: its app, its staff's identity provider, the inbox."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from consentry.sandbox.browsing import Browser, Page
from consentry.sandbox.demo_file import Demo as Told
from consentry.sandbox.demo_file import SignIn, read_demo
from consentry.sandbox.portals import UnexpectedPage, Visit, sign_in
from tests.flows.demo import Demo, demo_folder

TOKEN = re.compile(r'name="access_token" value="([\w.-]+)"')
LINK = re.compile(r"http://127\.0\.0\.1:\d+/admin/\S+")
PATIENCE = 120
VISIT = re.compile(r'data-visit="([\w-]+)"')


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with demo_folder() as started:
        yield started.start()


@pytest.fixture
def told(demo: Demo) -> dict[str, Any]:
    return demo.told()


@pytest.fixture
def bank(told: dict[str, Any]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=told["bank_app"], trust_env=False, timeout=60) as client:
        yield client


def _found(pattern: "re.Pattern[str]", page: httpx.Response) -> str:
    found = pattern.search(page.raise_for_status().text)
    assert found is not None, page.text
    return found[1]


def _renewed(bank: httpx.Client, page: httpx.Response) -> str:
    """Ask for a new token as the script of a page does."""
    answer = bank.post("/token", params={"visit": _found(VISIT, page)}).raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _listed(told: dict[str, Any], token: str) -> httpx.Response:
    return httpx.get(
        f"{told['base_url']}/api/v6/consent_management",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )


def test_the_first_customer_is_the_walk_throughs_and_any_other_may_be_picked(
    bank: httpx.Client, told: dict[str, Any]
) -> None:
    first = max(told["customers"], key=lambda customer: customer["sharing"])["customer_id"]
    assert f'<option value="{first}" selected>' in bank.get("/").text
    for customer in told["customers"][-3:]:
        page = bank.get("/", params={"customer": customer["customer_id"]})
        assert f'<option value="{customer["customer_id"]}" selected>' in page.text
        assert ("No app receives data" in page.text) is (customer["consents"] == 0)


def test_each_way_of_embedding_bears_a_new_token_of_this_customer(bank: httpx.Client, told: dict[str, Any]) -> None:
    customer = told["customers"][3]
    choices = {"customer": customer["customer_id"], "locale": "es", "theme": "dark"}
    by_post = bank.get("/connected-apps", params={**choices, "way": "post"})
    by_get = bank.get("/connected-apps", params={**choices, "way": "get"})
    by_component = bank.get("/connected-apps", params={**choices, "way": "component"})
    tokens = [
        _found(TOKEN, by_post),
        _found(re.compile(r'<iframe[^>]* src="[^"]*access_token=([\w.-]+)"'), by_get),
        _renewed(bank, by_component),
    ]
    assert len(set(tokens)) == 3
    assert f'action="{told["base_url"]}/embed/authorizations?locale=es&amp;theme=dark"' in by_post.text
    assert f'src="{told["base_url"]}/embed/authorizations?locale=es&amp;theme=dark&amp;' in by_get.text
    assert f'src="{told["base_url"]}/embed/consentry.js"' in by_component.text
    assert re.search(r'<consentry-dashboard token-url="[^"]+" locale="es" theme="dark">', by_component.text)
    for page, token, times in zip((by_post, by_get, by_component), tokens, (1, 1, 0), strict=True):
        assert page.headers["cache-control"] == "no-store"
        assert f"frame-src {told['base_url']};" in page.headers["content-security-policy"]
        assert page.text.count(token) == times
        assert told["client_secret"] not in page.text


def test_an_expired_dashboard_gets_a_new_token_and_signing_out_revokes_both(
    bank: httpx.Client, told: dict[str, Any]
) -> None:
    page = bank.get("/connected-apps")
    first, visit = _found(TOKEN, page), _found(VISIT, page)
    second = _renewed(bank, page)
    assert [_listed(told, token).status_code for token in (first, second)] == [200, 200]
    signed_out = bank.post("/sign-out", data={"visit": visit})
    assert (signed_out.status_code, signed_out.headers["location"]) == (303, "/signed-out")
    assert [_listed(told, token).status_code for token in (first, second)] == [401, 401]
    assert bank.post("/token", params={"visit": visit}).status_code == 401
    assert "You have signed out" in bank.get("/signed-out").text


def test_another_site_gets_no_token(bank: httpx.Client) -> None:
    visit = _found(VISIT, bank.get("/connected-apps"))
    refused = bank.post("/token", params={"visit": visit}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 401
    assert bank.get("/connected-apps", headers={"Host": "rebound.example"}).status_code == 400


def test_the_bank_reads_its_secret_anew_after_a_rotation(bank: httpx.Client, demo: Demo) -> None:
    told = demo.told()
    rotated = httpx.post(
        f"{told['base_url']}/api/v4/api_access_credentials",
        auth=(told["client_id"], told["client_secret"]),
        json={"name": "consent_management"},
        trust_env=False,
        timeout=60,
    ).raise_for_status()
    demo.file.write_text(demo.file.read_text().replace(told["client_secret"], "cns_secret_lost"))
    unavailable = bank.get("/connected-apps")
    assert (unavailable.status_code, "invalid_client" in unavailable.text) == (503, True)
    demo.file.write_text(demo.file.read_text().replace("cns_secret_lost", rotated.json()["client_secret"]))
    assert bank.get("/connected-apps").status_code == 200


# --- staff ------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(demo: Demo) -> Told:
    read = read_demo(demo.folder / "var")
    assert read is not None
    return read


def _person(world: Told, name: str) -> SignIn:
    return next(person for person in world.sign_ins if person.name == name)


def _sent(visit: Visit, path: str, fields: dict[str, str]) -> Page:
    """Open a page with a form and send it."""
    base = visit.page.address.partition("/admin")[0]
    form = visit.browser.open(f"{base}{path}").form_to(path)
    assert form is not None
    return visit.browser.send(form, fields)


def _awaited_mail(world: Told, recipient: str) -> str:
    """Give the text of an e-mail once it is in the inbox."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        for mail in httpx.get(f"{world.inbox}/mails.json", trust_env=False, timeout=60).raise_for_status().json():
            if mail["to"] == [recipient]:
                return str(mail["text"])
    raise AssertionError(f"no e-mail came to {recipient}")


def test_somebody_who_is_invited_gets_an_e_mail_and_signs_in_from_there(world: Told) -> None:
    address = "new.colleague@bku.example"
    admin = sign_in(world, _person(world, "Ada Brindle"))
    invited = _sent(admin, "/admin/settings/team/invite", {"email": address, "role": "support"})
    assert (invited.status, address in invited.text) == (200, True)
    link = LINK.search(_awaited_mail(world, address))
    assert link is not None
    page = Browser().open(f"{world.inbox}/")
    assert address in page.text
    visit = sign_in(world, SignIn(url=link[0], institution="bku", name="", email=address, role=""))
    account = visit.browser.open(f"{world.base_url}/admin/account")
    assert "New Colleague" in account.text


def test_who_works_elsewhere_is_refused_and_told_whom_to_ask(world: Told) -> None:
    stranger, elsewhere = _person(world, "Nell Ashby"), _person(world, "Ada Brindle")
    with pytest.raises(UnexpectedPage) as refused:
        sign_in(world, SignIn(elsewhere.url, elsewhere.institution, stranger.name, stranger.email, stranger.role))
    assert refused.value.page.status == 403
    assert "Birch Kettle Union" in refused.value.page.text


def test_the_logs_tell_what_the_staff_did_before_one_came(demo: Demo, world: Told) -> None:
    told = demo.run("audit", "export", "--institution", "bku")
    assert told.returncode == 0, told.stderr
    for action in ("application.disabled", "application.enabled", "customer.blocked", "member.invited"):
        assert f'"{action}"' in told.stdout
