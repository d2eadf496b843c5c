"""What the browser tests stand on: parents on origins of their own, and a watch that sees what goes wrong."""

from playwright.async_api import Page

from tests.browser.parent import Parent
from tests.browser.watch import Watch
from tests.flows.caller import eventually
from tests.serving import Service


async def test_two_hosts_of_the_parent_are_two_origins(page: Page, parent: Parent) -> None:
    parent.show("/empty", "<p>Nothing</p>")
    for tls in (True, False):
        await page.goto(f"{parent.origin('bank', tls=tls)}/empty")
        assert await page.evaluate("origin") == parent.origin("bank", tls=tls)
        assert await page.evaluate("isSecureContext")
    assert parent.origin("bank") != parent.origin("stranger")


async def test_no_stranger_frames_the_api_reference(page: Page, parent: Parent, service: Service, watch: Watch) -> None:
    watch.tolerate("frame-ancestors 'none'")
    parent.show("/frames", f'<iframe title="reference" src="{service.base_url}/docs"></iframe>')
    async with page.expect_console_message(lambda message: "frame-ancestors 'none'" in message.text):
        await page.goto(f"{parent.origin('stranger')}/frames")
    assert not any(frame.url.startswith(service.base_url) for frame in page.frames)


async def test_the_watch_sees_what_leaves_the_machine_what_fails_and_what_a_policy_stops(
    page: Page, parent: Parent, watch: Watch
) -> None:
    parent.show(
        "/broken",
        """<meta http-equiv="Content-Security-Policy" content="img-src 'none'">
        <img alt="" src="/picture.png">
        <script src="https://elsewhere.example/script.js"></script>
        <script>setTimeout(() => { alert(1); throw new Error("broken") })</script>""",
    )
    await page.goto(f"{parent.origin()}/broken")
    expected = (
        "a request left this machine: https://elsewhere.example/script.js",
        "a dialog opened: 1",
        "a script failed: broken",
        "img-src 'none'",
    )

    async def all_is_seen() -> bool:
        return all(any(text in complaint for complaint in watch.complaints) for text in expected)

    await eventually(all_is_seen)
    watch.tolerate(".")
