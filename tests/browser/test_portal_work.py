"""Staff at work in a real browser: signing in, credentials, the team, apps, customers on the phone."""

import asyncio
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
from playwright.async_api import Page, expect

from consentry.domain.staff import Role
from consentry.store import staff
from consentry.usecases.institution.add import add_institution
from consentry.usecases.services import Services
from tests.browser.conftest import Contexts
from tests.browser.households import Household
from tests.browser.office import Office, copied
from tests.browser.stage import Stage
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.idp import Person, establish, person

DESK = {"width": 1200, "height": 800}
PROVIDERS_OWN = ("pico", "favicon")
"""What the provider's page, which others wrote, asks of others; it gets nothing."""
DASHBOARD = "/admin/configuration/consent-dashboard"


async def sign_in(page: Page, office: Office, tenant: Tenant, who: Person) -> None:
    """Sign somebody in as they do: the portal's button, the provider's form, and back."""
    async with httpx.AsyncClient(timeout=60) as provider:
        (await provider.put(f"{who.issuer}/users/{who.sub}", json=who.claims)).raise_for_status()
    await page.goto(office.address(f"/admin/sign-in?institution={tenant.public_id}"))
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await page.wait_for_url(f"{who.issuer}/**")
    await page.locator("input[name=sub]").fill(who.sub)
    await page.locator("form:has(input[name=sub]) button").first.click()
    await page.wait_for_url(office.address("/admin/**"))


async def test_a_new_admin_has_a_token_with_credentials_made_in_the_portal(
    contexts: Contexts, office: Office, services: Services, issuer: str, tmp_path: Path, watch: Watch
) -> None:
    """The way of the issue: sign in, Configuration, Consent Dashboard Management, Generate, copy, paste."""
    watch.tolerate(*PROVIDERS_OWN)
    added = await add_institution(services, public_id="newcomer", name="Newcomer Union", actor=OPERATOR)
    tenant = Tenant(added.institution_id, "newcomer", "", "")
    await establish(services, tenant, issuer)
    async with services.session.begin(tenant.institution_id) as connection:
        await staff.add(
            connection, tenant.institution_id, email="nora@bank.example", role=Role.ADMIN, valid=timedelta(days=1)
        )
    context = await contexts.new(viewport=DESK, permissions=["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await sign_in(page, office, tenant, person(issuer, "nora"))
    await page.get_by_role("link", name="Consent Dashboard Management").click()
    await page.get_by_role("button", name="Generate API credentials").click()
    secret = await page.get_by_role("textbox", name="Client secret").input_value()
    assert await copied(page.locator("[data-once-shown]").get_by_role("button", name="Copy").first) == secret
    curl = await page.locator("pre").first.inner_text()
    asked = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", curl], capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path
    )
    assert '"access_token"' in asked.stdout


async def test_a_rotation_under_load_fails_no_request(contexts: Contexts, office: Office, bku: Tenant) -> None:
    """R45."""
    page = await office.enter(await contexts.new(viewport=DESK), bku)
    secrets, statuses, is_over = [bku.client_secret], list[int](), asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            answer = await client.post(
                office.address("/api/v4/token"),
                auth=(bku.client_id, secrets[-1] if len(statuses) % 2 else secrets[0]),
                json={"type": "consent_management", "scopes": "customer.modify_consent:anna"},
            )
            statuses.append(answer.status_code)

    async with httpx.AsyncClient(timeout=30) as client:
        askers = [asyncio.create_task(ask(client)) for _ in range(4)]
        await page.goto(office.address(f"{DASHBOARD}/rotate"))
        await page.get_by_role("button", name="Rotate the secret").click()
        secrets.append(await page.get_by_role("textbox", name="Client secret").input_value())
        asked = len(statuses)
        while len(statuses) < asked + 50:
            await asyncio.wait(askers, timeout=0.05)
        is_over.set()
        await asyncio.gather(*askers)
    assert set(statuses) == {200}
    assert len(statuses) >= 50
    assert secrets[0] != secrets[1]


async def test_somebody_invited_signs_in_and_finds_what_their_role_may(
    contexts: Contexts, office: Office, services: Services, bku: Tenant, issuer: str, watch: Watch
) -> None:
    watch.tolerate(*PROVIDERS_OWN)
    await establish(services, bku, issuer)
    page = await office.enter(await contexts.new(viewport=DESK), bku)
    await page.goto(office.address("/admin/settings/team/invite"))
    await page.get_by_label("E-mail address").fill("rita@bank.example")
    await page.get_by_role("radio", name="User").check()
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.locator("main")).to_contain_text("rita@bank.example")
    theirs = await (await contexts.new(viewport=DESK)).new_page()
    await sign_in(theirs, office, bku, person(issuer, f"rita-{bku.public_id}", email="rita@bank.example", name="Rita"))
    menu = theirs.get_by_role("navigation", name="Portal")
    await expect(menu).to_contain_text("Overview")
    for hidden in ("Customers", "Consent Dashboard Management", "Team members", "Logs"):
        await expect(menu).not_to_contain_text(hidden)
    await page.goto(office.address("/admin/settings/team"))
    await page.get_by_role("link", name="Rita").click()
    await page.get_by_role("link", name="Remove").click()
    await page.locator("main").get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Team members")
    await theirs.reload()
    await expect(theirs.get_by_role("button", name="Sign in with your identity provider")).to_be_visible()


async def test_a_disabled_app_keeps_its_consents_and_the_customer_is_told(
    contexts: Contexts, office: Office, bku: Tenant, household: Household, stage: Stage, watch: Watch
) -> None:
    watch.tolerate("422")
    customer = await household.single()
    page = await office.enter(await contexts.new(viewport=DESK), bku)
    await page.goto(office.address("/admin/apps"))
    await page.get_by_role("link", name="Budget Buddy").click()
    await page.get_by_role("link", name="Disable").click()
    await page.get_by_label("Reason").fill("x")
    await page.get_by_role("button", name="Disable").click()
    await expect(page.get_by_label("Reason")).to_have_value("x")
    await expect(page.locator(".problem")).to_contain_text("3 to 500")
    await page.get_by_label("Reason").fill("Its servers were broken into on Tuesday")
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator("main")).to_contain_text("Disabled")
    opened = await stage.open(await (await contexts.new(viewport=DESK)).new_page(), customer)
    await expect(opened.view.locator("main")).to_contain_text("Paused by your bank")


async def test_a_customer_on_the_phone_is_helped_without_scripts(
    contexts: Contexts, office: Office, bku: Tenant, household: Household, stage: Stage
) -> None:
    customer = await household.single("phone")
    page = await office.enter(await contexts.new(viewport=DESK, java_script_enabled=False), bku, Role.SUPPORT)
    await page.goto(office.address("/admin/customers"))
    await page.get_by_label("Account's last four digits").fill("5678")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("link", name=customer).click()
    await page.get_by_label("Reason or ticket").fill("Ticket 4711: on the phone")
    await page.get_by_role("button", name="Open").click()
    await page.get_by_role("link", name="Stop sharing: Budget Buddy").click()
    await page.get_by_label("Reason, which the customer reads").fill("You asked us to on the phone.")
    await page.get_by_role("button", name="Stop sharing").click()
    await expect(page.locator("main")).to_contain_text("Stopped by your bank")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Receipt as PDF").click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    opened = await stage.open(await (await contexts.new(viewport=DESK)).new_page(), customer)
    await opened.view.locator("summary").first.click()
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await expect(opened.view.locator("main")).to_contain_text("You asked us to on the phone.")


async def test_evidence_can_be_downloaded_again_from_the_page_that_stays(
    contexts: Contexts, office: Office, bku: Tenant, household: Household
) -> None:
    page = await office.enter(await contexts.new(viewport=DESK), bku, Role.SUPPORT)
    await office.open_customer(page, await household.single("twice"))
    await page.get_by_role("link", name="Download evidence").click()
    await page.get_by_label("What for").fill("Ticket 4711: a complaint")
    for _ in range(2):
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download evidence").click()
        assert (await download.value).suggested_filename.endswith(".zip")
