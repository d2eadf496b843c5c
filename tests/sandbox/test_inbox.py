"""The demo's inbox by itself: what a real client sends over SMTP, and what its pages show of it."""

import asyncio
import smtplib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage

import httpx
import pytest

from consentry.sandbox.inbox.app import make_app, pieces_of
from consentry.sandbox.inbox.mailbox import LARGEST_MAIL, MOST_MAILS, Mailbox
from consentry.sandbox.inbox.smtp import receiving

NOW = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def pages(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(mailbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:1") as client:
        yield client


def _mail(text: str, *, subject: str = "An invitation") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "The demo <consentry@demo.example>"
    message["To"] = "new@bku.example"
    message["Subject"] = subject
    message.set_content(text)
    return message


async def _send(mailbox: Mailbox, *messages: EmailMessage) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]

    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            for message in messages:
                client.send_message(message)

    async with receiving(mailbox, listener):
        await asyncio.to_thread(deliver)


async def test_what_was_sent_is_shown_newest_first(mailbox: Mailbox, pages: httpx.AsyncClient) -> None:
    await _send(mailbox, _mail("Come in, Zoë.", subject="First"), _mail("Again.", subject="Second"))
    told = (await pages.get("/mails.json")).json()
    assert [mail["subject"] for mail in told] == ["Second", "First"]
    assert told[1]["to"] == ["new@bku.example"]
    assert told[1]["text"] == "Come in, Zoë."
    listed = (await pages.get("/")).text
    assert listed.index("Second") < listed.index("First")
    assert "Come in, Zoë." in (await pages.get(f"/mails/{told[1]['number']}")).text


async def test_what_an_e_mail_says_stays_text(mailbox: Mailbox, pages: httpx.AsyncClient) -> None:
    mailbox.put(
        bytes(_mail("<script>alert(1)</script>", subject="<img src=x>")), recipients=["<b>@x.example"], arrived=NOW
    )
    for page in (await pages.get("/"), await pages.get("/mails/1")):
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert "<b>@" not in page.text
        assert "script" not in page.headers["content-security-policy"].replace("default-src 'none'", "")


async def test_an_e_mail_without_plain_text_is_not_rendered(mailbox: Mailbox) -> None:
    message = EmailMessage()
    message["Subject"] = "Pretty"
    message.set_content("<h1>Hello</h1>", subtype="html")
    assert "Hello" not in mailbox.put(bytes(message), recipients=[], arrived=NOW).text
    odd = mailbox.put(b"Content-Type: text/plain; charset=klingon\r\n\r\nHello\xff", recipients=[], arrived=NOW)
    assert "Hello" not in odd.text


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Open http://127.0.0.1:8080/admin/sign-in?institution=bku.", ["http://127.0.0.1:8080/admin/sign-in?institution=bku"]),
        ("http://localhost:8092/", ["http://localhost:8092/"]),
        ("It is http://localhost/admin/set-up#cns_setup_x1.", ["http://localhost/admin/set-up#cns_setup_x1"]),
        ("http://localhost:80@evil.example/", []),
        ("http://localhost.evil.example/", []),
        ("http://127.0.0.1.evil.example/", []),
        ("https://bank.example/ javascript:alert(1)", []),
    ],
)  # fmt: skip
def test_only_addresses_on_this_machine_become_links(text: str, links: list[str]) -> None:
    pieces = pieces_of(text)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.is_link] == links


async def test_of_many_e_mails_the_oldest_are_forgotten(mailbox: Mailbox, pages: httpx.AsyncClient) -> None:
    for _ in range(MOST_MAILS + 1):
        mailbox.put(b"Subject: x\r\n\r\nx", recipients=[], arrived=NOW)
    assert len(mailbox.newest_first()) == MOST_MAILS
    assert (await pages.get("/mails/1")).status_code == 404
    assert (await pages.get("/mails/2")).status_code == 200


async def test_an_e_mail_that_is_too_large_is_refused(mailbox: Mailbox) -> None:
    with pytest.raises(smtplib.SMTPException):
        await _send(mailbox, _mail("x\n" * LARGEST_MAIL))
    assert mailbox.newest_first() == ()


async def test_another_name_than_this_machines_gets_no_e_mail(pages: httpx.AsyncClient) -> None:
    assert (await pages.get("/", headers={"Host": "rebound.example"})).status_code == 400
