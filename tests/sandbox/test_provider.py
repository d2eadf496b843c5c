"""The demo's identity provider by itself: who may be picked, and what it says of them."""

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from consentry.sandbox.people import HOUSES, PEOPLE, house_of, people_of
from consentry.sandbox.provider.app import make_app

# What the provider's package does with the library it stands on is that package's business.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BACK = "http://127.0.0.1:8080/admin/signed-in"
ASKED = {
    "response_type": "code",
    "client_id": "consentry-bku",
    "redirect_uri": BACK,
    "scope": "openid email profile",
    "state": "state",
    "nonce": "nonce",
}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    return make_app().test_client()


def _picked(provider: Client, subject: str) -> dict[str, Any]:
    """Sign somebody in, and give what their ID token says."""
    sent = provider.post("/oauth2/authorize", query_string=ASKED, data={"sub": subject})
    back = urlsplit(sent.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    code = parse_qs(back.query)["code"][0]
    answer: TestResponse = provider.post(
        "/oauth2/token",
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": BACK},
        auth=("consentry-bku", "any"),
    )
    payload = answer.json["id_token"].split(".")[1] if answer.json else ""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_the_people_of_the_house_that_asks_come_first(provider: Client) -> None:
    page = provider.get("/oauth2/authorize", query_string=ASKED).text
    own, _, others = page.partition("<details>")
    for person in PEOPLE:
        assert (person.email in own) is (person.house == "bku")
        assert (person.email in others) is (person.house != "bku")


def test_it_tells_when_somebody_signed_in(provider: Client) -> None:
    """R87: the portals ask for it; nobody is signed in here longer than one picks them."""
    before = int(time.time())
    assert before <= _picked(provider, PEOPLE[0].email)["auth_time"] <= int(time.time())


def test_everybody_is_who_the_demo_says(provider: Client) -> None:
    for person in PEOPLE:
        claims = _picked(provider, person.email)
        assert (claims["sub"], claims["email"], claims["name"]) == (person.email, person.email, person.name)
        assert claims["email_verified"] is True
        assert claims["nonce"] == "nonce"


def test_somebody_who_was_invited_signs_in_with_their_address(provider: Client) -> None:
    claims = _picked(provider, "new.colleague@bku.example")
    assert (claims["email"], claims["email_verified"]) == ("new.colleague@bku.example", True)
    assert claims["name"] == "New Colleague"


def test_who_gives_no_address_has_none_that_is_verified(provider: Client) -> None:
    assert "email_verified" not in _picked(provider, "nobody")


def test_who_will_not_sign_in_goes_back_with_an_error(provider: Client) -> None:
    sent = provider.post("/oauth2/authorize", query_string=ASKED, data={"action": "deny"})
    back = urlsplit(sent.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    answered = parse_qs(back.query)
    assert (answered["error"], answered["state"]) == (["access_denied"], ["state"])


def test_who_asks_without_a_state_gets_none_back(provider: Client) -> None:
    asked = {name: value for name, value in ASKED.items() if name != "state"}
    sent = provider.post("/oauth2/authorize", query_string=asked, data={"action": "deny"})
    assert "state" not in parse_qs(urlsplit(sent.headers["location"]).query)


def test_its_pages_ask_nobody_else_and_show_no_debugger(provider: Client) -> None:
    for path in ("/", "/oauth2/authorize", "/oauth2/end_session"):
        page = provider.get(path, query_string=ASKED)
        assert "//" not in page.text.replace(BACK, "").replace("http://localhost", "")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert provider.get("/?__debugger__=yes&cmd=resource&f=style.css").text.startswith("<!doctype html>")
    assert provider.get("/", headers={"Host": "rebound.example"}).status_code == 400


def test_the_demo_has_everybody_whom_the_portals_have_pages_for() -> None:
    assert {person.role.value for person in people_of("bku")} == {"admin", "support", "compliance", "user"}
    assert {person.role.value for person in people_of("ternbridge")} == {"admin", "user"}
    assert [person.role.value for person in people_of("hazel")] == ["admin"]
    assert len({person.email for person in PEOPLE}) == len(PEOPLE)
    assert {house.public_id for house in HOUSES} == {house_of(person.house).public_id for person in PEOPLE}
