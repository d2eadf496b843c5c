"""An invitation on its whole way: from the page through a worker to a mail server, and what the page says of it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from consentry.domain.staff import Role
from tests.builders import Tenant
from tests.conftest import Database
from tests.mail_server import Inbox, mail_server
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, text_of
from tests.serving import environment, start_service

TEAM = "/admin/settings/team"


@pytest.fixture
async def inbox(database: Database) -> AsyncIterator[Inbox]:
    """A mail server, and a worker that sends what waits to it."""
    async with mail_server() as opened:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "consentry",
            "worker",
            env=environment({**database.environment, **settings(opened)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
        yield opened
        worker.terminate()
        await worker.communicate()


def settings(inbox: Inbox) -> dict[str, str]:
    return {
        "CONSENTRY_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}",
        "CONSENTRY_MAIL_FROM": "Consents of BKU <consents@bku.example>",
    }


async def test_an_invitation_arrives_and_the_page_says_whether_it_did(
    database: Database, inbox: Inbox, signed_in: SignIn, bku: Tenant, client: httpx.Client, tmp_path: Path
) -> None:
    folder = {"CONSENTRY_DATA_DIR": str(tmp_path), "CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "portal"}
    service = await asyncio.to_thread(start_service, {**database.environment, **settings(inbox), **folder})
    try:
        admin = replace(await signed_in(Role.ADMIN), base_url=service.base_url)
        assert "E-mail is not set up" not in text_of(await _got(admin, TEAM))
        member = await _invited(admin, "grace@bank.example")
        assert "sent by e-mail on" in await _said(admin, member, "sent by e-mail")
        sent = [mail for mail in inbox.mails if mail["to"] == "grace@bank.example"]
        assert len(sent) == 1
        assert f"{service.base_url}/admin/sign-in?institution={bku.public_id}" in sent[0].get_content()
        inbox.refuse = "550 no such mailbox"
        refused = await _invited(admin, "nobody@bank.example")
        assert "the recipient was refused: [550]" in await _said(admin, refused, "Not delivered")
    finally:
        await asyncio.to_thread(client.close)
        await asyncio.to_thread(service.stop)


async def _invited(admin: Visitor, email: str) -> str:
    answer = await asyncio.to_thread(admin.post, f"{TEAM}/invite", {"email": email, "role": "support"})
    assert answer.status_code == 303
    return answer.headers["location"]


async def _got(admin: Visitor, path: str) -> httpx.Response:
    return await asyncio.to_thread(admin.get, path)


async def _said(admin: Visitor, path: str, awaited: str) -> str:
    """Give what a page says once it says what is awaited."""
    deadline = time.monotonic() + 120
    while awaited not in (said := text_of(await _got(admin, path))):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.05)
    return said
