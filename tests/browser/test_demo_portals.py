"""From `make demo` to a token with credentials of one's own: in a real browser, by what the terminal says."""

import asyncio
import json
import re
import smtplib
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from consentry.sandbox.demo_file import Demo as Told
from consentry.sandbox.demo_file import SignIn, read_demo
from tests.browser.office import copied
from tests.browser.portals import looked_at
from tests.browser.watch import Watch
from tests.flows.demo import Demo, demo_folder


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with demo_folder() as started:
        yield started.start()


@pytest.fixture
def told(demo: Demo) -> Told:
    read = read_demo(demo.folder / "var")
    assert read is not None
    return read


@pytest_asyncio.fixture(loop_scope="session")
async def page(desk: BrowserContext) -> Page:
    return await desk.new_page()


def _person(told: Told, name: str) -> SignIn:
    return next(person for person in told.sign_ins if person.name == name)


def _pasted(command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", "--noprofile", "--norc"], input=command, capture_output=True, text=True)


async def _led_to_provider(page: Page, told: Told, url: str) -> None:
    await page.goto(url)
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    assert page.url.startswith(f"{told.provider}/")


async def test_a_new_admin_comes_to_a_token_by_what_the_terminal_says(demo: Demo, told: Told, page: Page) -> None:
    """The three steps that are printed last, clicked as they are worded."""
    steps = [line.strip() for line in demo.said if re.match(r"  [123]\. ", line)]
    assert len(steps) == 3
    url, name = re.findall(r"Open (\S+), sign in, and pick (.+)\.", steps[0])[0]
    await _led_to_provider(page, told, url)
    await looked_at(page, "identity-provider", area="demo")
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_text(name).first).to_be_visible()
    group, section, action = re.findall(r"Under (\w+) choose (.+), and there (.+)\.", steps[1])[0]
    menu = page.get_by_role("navigation").filter(has_text=group).first
    await menu.get_by_role("link", name=section).click()
    await page.get_by_role("button", name=action).click()
    await page.get_by_label("Client secret", exact=True).wait_for()
    command = await copied(page.get_by_role("button", name="Copy: ").first)
    answered = await asyncio.to_thread(_pasted, command)
    assert json.loads(answered.stdout)["access_token"], answered.stderr
    assert "access_token" in steps[2]
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(f"{told.base_url}/admin/overview")
    assert urlsplit(page.url).path == "/admin/sign-in"


async def test_who_is_not_on_the_team_is_told_whom_to_ask(told: Told, page: Page, watch: Watch) -> None:
    watch.tolerate("status of 403")
    await _led_to_provider(page, told, _person(told, "Ada Brindle").url)
    await page.get_by_text("Somebody from another house").click()
    await page.get_by_role("button", name="Nell Ashby").click()
    await expect(page.get_by_role("heading", name="You are not on this team yet")).to_be_visible()
    assert page.url.startswith(told.base_url)


async def test_who_does_not_sign_in_comes_back_to_the_portal(told: Told, page: Page, watch: Watch) -> None:
    watch.tolerate("status of 403")
    await _led_to_provider(page, told, _person(told, "Pia Lindqvist").url)
    await page.get_by_role("button", name="Don't sign in").click()
    await page.wait_for_url(f"{told.base_url}/partner/**")
    await expect(page.get_by_text("The identity provider did not sign you in")).to_be_visible()


async def test_the_inbox_shows_e_mails_to_everybody(told: Told, page: Page) -> None:
    await page.goto(told.inbox)
    await looked_at(page, "empty-inbox", area="demo")
    with smtplib.SMTP("127.0.0.1", int(told.smtp.rpartition(":")[2]), timeout=60) as client:
        text = f"From: x@demo.example\r\nSubject: {'Long ' * 30}<b>\r\n\r\n{'wide' * 60}\r\n{told.base_url}/admin\r\n"
        client.sendmail("x@demo.example", ["somebody.with.a.long.address@hazel-lantern.example"], text)
    await page.get_by_role("link", name="Look again").click()
    await looked_at(page, "inbox", area="demo")
    await page.get_by_role("link", name="Long Long").click()
    await expect(page.get_by_role("link", name=f"{told.base_url}/admin")).to_be_visible()
    await looked_at(page, "e-mail", area="demo")
