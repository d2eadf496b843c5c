"""Whether the staff of the demo can sign in, and come to a token with credentials that the portal made.

Owns what is looked for on the way, as a person would go it; that the pages work in a real browser is the browser tests'
to show.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

from consentry.sandbox.browsing import Browser, Form, Page
from consentry.sandbox.checking import CheckedStep, Failure
from consentry.sandbox.demo_file import Demo, SignIn
from consentry.sandbox.people import CHECKED
from consentry.sandbox.walkthrough import Step

_SIGN_IN: Final = Step("Sign in to the portals as each of their people", "", ())
_CREDENTIALS: Final = Step("Get a token with credentials that the portal made", "", ())
_DASHBOARD: Final = "/admin/configuration/consent-dashboard"
_SECONDS: Final = 30


class UnexpectedPage(Exception):
    """A page is not as it should be: where, what it said, and what was expected."""

    def __init__(self, page: Page, expected: str) -> None:
        super().__init__(expected)
        self.page = page
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in, and the page to which that led."""

    browser: Browser
    page: Page


def check_portals(demo: Demo) -> Iterator[CheckedStep]:
    """Sign everybody in and out; then generate credentials, or rotate them, and use them as the page says."""
    yield _checked(_SIGN_IN, demo, _sign_everybody_in)
    yield _checked(_CREDENTIALS, demo, _come_to_a_token)


def _sign_everybody_in(demo: Demo) -> None:
    for person in demo.sign_ins:
        visit = sign_in(demo, person)
        account = visit.browser.open(urljoin(visit.page.address, "account"))
        if person.email not in account.text:
            raise UnexpectedPage(account, f"the account of {person.email}")


def sign_in(demo: Demo, person: SignIn) -> Visit:
    """Begin at the address that was printed, pick the person, and come back to the portal.

    Raises:
        UnexpectedPage: that led elsewhere.
        OSError: somebody does not answer.
    """
    browser = Browser()
    begun = browser.open(person.url)
    form = begun.form_to(urlsplit(person.url).path)
    if form is None:
        raise UnexpectedPage(begun, "a way to the identity provider")
    picking = browser.send(form)
    if not picking.address.startswith(f"{demo.provider}/"):
        raise UnexpectedPage(picking, "to be led to the identity provider")
    form = _form_for(picking, person.email)
    page = browser.send(form, {"sub": person.email})
    if not page.address.startswith(f"{demo.base_url}/") or page.status != 200:
        raise UnexpectedPage(page, f"the first page of the portal, for {person.name}")
    return Visit(browser, page)


def _come_to_a_token(demo: Demo) -> None:
    admin = next(person for person in demo.sign_ins if person.institution == CHECKED)
    visit = sign_in(demo, admin)
    made = _made(visit.browser, visit.browser.open(f"{demo.base_url}{_DASHBOARD}"))
    command, secret = made.texts.get("curl", ""), made.texts.get("client-secret", "")
    if not secret or secret not in command:
        hidden = made if not secret else replace(made, text=made.text.replace(secret, "..."))
        raise UnexpectedPage(hidden, "a new secret, and a command with it to paste")
    answered = subprocess.run(
        ["bash", "--noprofile", "--norc"],  # noqa: S607 - the user's own bash, as they would use it
        input=command,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    ).stdout
    with suppress(ValueError, TypeError):
        if json.loads(answered)["access_token"]:
            return
    hidden = replace(made, text=answered.replace(secret, "..."))
    raise UnexpectedPage(hidden, "an access_token from the command on that page")


def _made(browser: Browser, page: Page) -> Page:
    """Generate credentials; where there are some from an earlier check, rotate them at once."""
    generate = page.form_to(_DASHBOARD)
    if generate is not None:
        return browser.send(generate)
    asked = browser.open(f"{page.address}/rotate")
    rotate = asked.form_to(f"{_DASHBOARD}/rotate")
    if rotate is None:
        raise UnexpectedPage(page, "a way to generate or rotate credentials")
    return browser.send(rotate, {"how": "now"})


def _form_for(page: Page, email: str) -> Form:
    """Find the form with a button for somebody, or else the one into which an address is typed."""
    for form in page.forms:
        if ("sub", email) in form.buttons:
            return form
    for form in page.forms:
        if "sub" in form.fields:
            return form
    raise UnexpectedPage(page, f"a button for {email}")


def _checked(step: Step, demo: Demo, act: Callable[[Demo], None]) -> CheckedStep:
    try:
        act(demo)
    except UnexpectedPage as found:
        said = f"status {found.page.status}: {' '.join(found.page.text.split())[:2000]}"
        return _failed(step, found.page.address, said, found.expected)
    except OSError as error:
        return _failed(step, demo.base_url, str(error), "an answer")
    return CheckedStep(step, "", None)


def _failed(step: Step, address: str, said: str, expected: str) -> CheckedStep:
    remedy = (
        "Stop the demo and start it again. If somebody changed a team or its sign-in in the portal, start over: "
        "consentry sandbox reset"
    )
    return CheckedStep(step, "", Failure(command=f"GET {address}", said=said, expected=expected, remedy=remedy))
