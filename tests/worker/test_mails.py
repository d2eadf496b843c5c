"""The outbox of e-mails against a real mail server: sent once, tried again, given up, never in clear by mistake."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from consentry.config import MailServer
from consentry.connectors.smtp import MailSender, MailUndelivered, OutgoingMail
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.staff import Role
from consentry.store import clock, mails, staff
from consentry.store.session import Connection
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.mail.forget_old import forget_old_mails
from consentry.usecases.mail.send_waiting import MailRound, send_waiting
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.mail_server import Inbox, certificate, mail_server
from tests.portal.visiting import make_member

FROM = "Consents of BKU <consents@bku.example>"
SECRET = "https://portal.example/admin/set-up#cns_setup_canary"


def sender_to(inbox: Inbox, *, password: str | None = None, tls: bool = False, host: str = "127.0.0.1") -> MailSender:
    user = None if password is None else "consentry"
    return MailSender(MailServer(host=host, port=inbox.port, tls=tls, user=user, password=password), FROM)


async def write(services: Services, tenant: Tenant, *, subject: str = "Hello", body: str = SECRET) -> None:
    async with services.session.begin(tenant.institution_id) as connection:
        await mails.write(
            connection,
            tenant.institution_id,
            kind="set_up",
            recipient="ada@bank.example",
            subject=subject,
            body=body,
        )


async def stored(services: Services, tenant: Tenant) -> list[asyncpg.Record]:
    async with services.session.begin(tenant.institution_id) as connection:
        return await connection.fetch(
            "select body, tries, sent_at, last_error, next_try_at - consentry.now() as wait from consentry.mails"
            " where institution_id = $1 order by mail_id",
            tenant.institution_id,
        )


async def wait_no_longer(services: Services, tenant: Tenant) -> None:
    async with services.session.begin(tenant.institution_id) as connection:
        await connection.execute(
            "update consentry.mails set next_try_at = consentry.now() where next_try_at is not null"
        )


async def age(super_connection: "asyncpg.Connection[asyncpg.Record]", by: timedelta) -> None:
    await super_connection.execute(
        "update consentry.mails set written_at = written_at - $1::interval, sent_at = sent_at - $1::interval", by
    )


async def test_a_mail_is_sent_once_and_its_text_is_forgotten(services: Services, bku: Tenant) -> None:
    """R43: what opens a set-up does not stay where it was."""
    await write(services, bku, subject="Einladung für Åsa")
    async with mail_server() as inbox:
        for expected in (1, 0):
            assert (await send_waiting(services.session, sender_to(inbox))) == MailRound(sent=expected)
    (mail,) = inbox.mails
    assert mail["subject"] == "Einladung für Åsa"
    assert mail["to"] == "ada@bank.example"
    assert mail["from"] == FROM
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["message-id"].endswith("@bku.example>")
    assert mail["date"] is not None
    assert mail.get_content().strip() == SECRET
    (row,) = await stored(services, bku)
    assert row["body"] == ""
    assert row["sent_at"] is not None


async def test_what_is_rolled_back_is_not_sent(services: Services, bku: Tenant) -> None:
    with contextlib.suppress(LookupError):
        async with services.session.begin(bku.institution_id) as connection:
            await mails.write(
                connection, bku.institution_id, kind="x", recipient="a@bank.example", subject="s", body="b"
            )
            raise LookupError
    async with mail_server() as inbox:
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 0


@pytest.mark.parametrize("where", ["refuse", "refuse_data"])
async def test_a_passing_refusal_is_tried_again_later_and_later(services: Services, bku: Tenant, where: str) -> None:
    await write(services, bku)
    async with mail_server() as inbox:
        setattr(inbox, where, "451 try later")
        waits = []
        for tries in range(1, 12):
            assert (await send_waiting(services.session, sender_to(inbox))).failed == 1
            (row,) = await stored(services, bku)
            assert row["tries"] == tries
            assert "451" in row["last_error"]
            waits.append(round(row["wait"].total_seconds() / 60))
            assert (await send_waiting(services.session, sender_to(inbox))).failed == 0
            await wait_no_longer(services, bku)
        assert waits[:4] == [1, 2, 4, 8]
        assert waits[-1] == 360
        setattr(inbox, where, "")
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 1


@pytest.mark.parametrize("where", ["refuse", "refuse_data"])
async def test_a_refusal_for_good_is_given_up(services: Services, bku: Tenant, where: str) -> None:
    await write(services, bku)
    await write(services, bku)
    async with mail_server() as inbox:
        setattr(inbox, where, "550 no such mailbox")
        assert (await send_waiting(services.session, sender_to(inbox))) == MailRound(given_up=2)
        setattr(inbox, where, "")
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 0
    for row in await stored(services, bku):
        assert row["wait"] is None
        assert row["body"] == ""
        assert "550" in row["last_error"]


async def test_a_server_that_is_away_costs_no_mail(services: Services, bku: Tenant) -> None:
    for _ in range(3):
        await write(services, bku)
    async with mail_server() as inbox:
        away = sender_to(inbox)
    assert (await send_waiting(services.session, away)).failed == 1
    await wait_no_longer(services, bku)
    async with mail_server() as inbox:
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 3


async def test_mails_wait_while_no_server_is_set_up_and_are_given_up_after_three_days(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await write(services, bku)
    await age(super_connection, timedelta(days=2))
    assert (await send_waiting(services.session, None)) == MailRound()
    await write(services, bku)
    await age(super_connection, timedelta(days=2))
    assert (await send_waiting(services.session, None)) == MailRound(given_up=1)
    old, new = await stored(services, bku)
    assert (old["body"], new["body"]) == ("", SECRET)
    async with mail_server() as inbox:
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 1


async def test_what_was_sent_a_month_ago_is_deleted(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await write(services, bku)
    async with mail_server() as inbox:
        await send_waiting(services.session, sender_to(inbox))
    await write(services, bku)
    assert await forget_old_mails(services.session) == 0
    await age(super_connection, timedelta(days=31))
    assert await forget_old_mails(services.session) == 1
    assert len(await stored(services, bku)) == 1


async def test_two_workers_never_have_the_same_mail(services: Services, bku: Tenant) -> None:
    for _ in range(20):
        await write(services, bku)
    async with mail_server() as inbox:
        rounds = await asyncio.gather(*(send_waiting(services.session, sender_to(inbox)) for _ in range(4)))
    assert sum(done.sent for done in rounds) == 20
    assert len({mail["message-id"] for mail in inbox.mails}) == len(inbox.mails) == 20


async def test_a_mail_whose_worker_died_is_sent_by_another_under_the_same_id(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """R102: at least once, and recognisable."""
    await write(services, bku)
    async with mail_server() as inbox:
        async with services.session.begin(bku.institution_id) as connection:
            claimed = await mails.claim(connection)
        assert claimed is not None
        sender = sender_to(inbox)
        await sender.send(
            OutgoingMail(str(claimed.mail_id), claimed.recipient, claimed.subject, claimed.body, claimed.written_at)
        )
        assert (await send_waiting(services.session, sender)).sent == 0
        await super_connection.execute(
            "update consentry.mails set next_try_at = next_try_at - $1::interval", mails.CLAIM
        )
        assert (await send_waiting(services.session, sender)).sent == 1
    first, second = inbox.mails
    assert first["message-id"] == second["message-id"]


async def test_a_password_is_sent_over_tls_alone_and_only_to_whom_it_is_for(
    services: Services, bku: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate(tmp_path)
    await write(services, bku)
    async with mail_server(password="canary") as inbox:
        assert (await send_waiting(services.session, sender_to(inbox, password="canary", host="localhost"))).failed == 1
    async with mail_server(tls=tls, password="canary") as inbox:
        sender = sender_to(inbox, password="canary", host="localhost")
        await wait_no_longer(services, bku)
        assert (await send_waiting(services.session, sender)).failed == 1, "its certificate is not trusted"
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        wrong = sender_to(inbox, password="wrong", host="localhost")
        await wait_no_longer(services, bku)
        assert "535" in (await send_waiting(services.session, wrong)).why
        by_address = sender_to(inbox, password="canary", host="127.0.0.1")
        await wait_no_longer(services, bku)
        assert (await send_waiting(services.session, by_address)).failed == 1, "it speaks for another name"
        assert inbox.mails == []
        await wait_no_longer(services, bku)
        assert (await send_waiting(services.session, sender)).sent == 1
        assert inbox.encrypted == [True]


async def test_encryption_is_taken_where_it_is_offered_and_from_the_first_byte_where_it_is_asked_for(
    services: Services, bku: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate(tmp_path)
    await write(services, bku)
    async with mail_server(tls=tls) as inbox:
        assert (await send_waiting(services.session, sender_to(inbox))).sent == 1
        assert inbox.encrypted == [True]
    await write(services, bku)
    async with mail_server(tls=tls, from_the_first_byte=True) as inbox:
        sender = sender_to(inbox, tls=True, host="localhost")
        assert (await send_waiting(services.session, sender)).failed == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await wait_no_longer(services, bku)
        assert (await send_waiting(services.session, sender)).sent == 1


@pytest.mark.parametrize(
    ("recipient", "subject"),
    [
        ("ada@bank.example", "Hello\r\nBcc: eve@evil.example"),
        ("ada@bank.example", "Hello\nBcc: eve@evil.example"),
        ("ada@bank.example\r\nBcc: eve@evil.example", "Hello"),
        ("ada@bank.example, eve@evil.example", "Hello"),
        ("no address", "Hello"),
    ],
)
async def test_nothing_of_a_mail_adds_a_header_or_a_recipient(services: Services, recipient: str, subject: str) -> None:
    """R135."""
    async with services.session.connection() as connection:
        moment = await clock.now(connection)
    async with mail_server() as inbox:
        with pytest.raises(MailUndelivered) as refused:
            await sender_to(inbox).send(OutgoingMail("key", recipient, subject, "body", moment))
        assert refused.value.for_good
        assert inbox.raw == []


async def _mails_to(connection: Connection, kind: str) -> dict[str, str]:
    rows = await connection.fetch("select recipient, body from consentry.mails where kind = $1", kind)
    return {row["recipient"]: row["body"] for row in rows}


async def test_every_admin_and_nobody_else_is_told_of_a_rotation_and_of_a_leak(
    services: Services, bku: Tenant, other: Tenant
) -> None:
    """consent-api.md: every rotation tells the admins; the secret itself is in no mail."""
    admin = await make_member(services, bku.institution_id, Role.ADMIN, email="ada@bank.example")
    await make_member(services, bku.institution_id, Role.ADMIN, email="ben@bank.example")
    gone = await make_member(services, bku.institution_id, Role.ADMIN, email="gone@bank.example")
    await make_member(services, bku.institution_id, Role.COMPLIANCE, email="cleo@bank.example")
    await make_member(services, other.institution_id, Role.ADMIN, email="eve@bank.example")
    async with services.session.begin(bku.institution_id) as connection:
        await staff.add(
            connection, bku.institution_id, email="new@bank.example", role=Role.ADMIN, valid=timedelta(days=1)
        )
        await staff.remove(connection, bku.institution_id, gone)
    shown = await rotate_credentials(
        services, bku.institution_id, actor=Actor(ActorKind.STAFF, str(admin), "203.0.113.9", "r1")
    )
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR)
    async with services.session.begin(bku.institution_id, other.institution_id) as connection:
        rotated = await _mails_to(connection, "credentials_rotated")
        leaked = await _mails_to(connection, "credentials_leaked")
    assert rotated.keys() == leaked.keys() == {"ada@bank.example", "ben@bank.example"}
    assert "by Ada (ada@bank.example)" in rotated["ben@bank.example"]
    assert "BKU" in rotated["ben@bank.example"]
    assert "by the operator of the service" in leaked["ben@bank.example"]
    assert shown.client_secret not in str(rotated)
