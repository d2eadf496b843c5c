"""The past of the restore drill: a service works, is backed up, works on, and is lost; and what is remembered of it."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from consentry.domain.audit import ChainStatement
from consentry.store import clock, sealing
from consentry.usecases.audit.checkpoint_key import open_checkpoint_key
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.institution.list_all import find_institution
from consentry.worker.publishing import file_witness
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import OPERATOR, make_tenant
from tests.faults.homes import Home, export_everything, seal_everything
from tests.serving import Service
from tests.web.calls import Api

CHECKING, SAVINGS, CARD = (account["account_id"] for account in ACCOUNTS)
BURNT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Past:
    """What there was before the old machine was lost: its backup and its last audit, and what is remembered of it."""

    home: Home
    backup: Path
    export: Path
    checkpoints: Path
    bku: Tenant
    other: Tenant
    tokens: dict[str, str]
    ann_at_backup: list[dict[str, Any]]
    ann_at_the_end: dict[str, dict[str, Any]]
    bob_at_backup: list[dict[str, Any]]
    heads: dict[str, sealing.ChainHead]


def live(home: Home, folder: Path) -> Past:
    """Work, back up, work on, and export the audit."""
    bku, other = asyncio.run(_found(home))
    with running(home) as service, httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku, version="v6")
        tokens = {name: api.token("ann") for name in ("live", "used", "revoked before", "revoked after")}
        ann = api.consents(tokens["used"])
        bob = api.consents(api.token("bob"))
        heads = asyncio.run(_sealed_heads(home))
        revoke(api, tokens["revoked before"])  # so that the backup also has an entry that waits for its seal
        backup = folder / "backup.tar"
        done = home.run("backup", str(backup))
        assert done.returncode == 0, done.stderr

        revoke(api, tokens["revoked after"])
        tokens["made after"] = api.token("ann")
        change(api, tokens["made after"], f"/_budget/accounts/{CARD}", {"enabled": False})
        change(api, tokens["made after"], f"/_tax/accounts/{CARD}", {"enabled": False})
        change(api, tokens["made after"], f"/_tax/accounts/{CARD}", {"enabled": True})
        change(api, tokens["made after"], f"/_tax/accounts/{SAVINGS}", {"enabled": True})
        change(api, tokens["made after"], "/_tax/accounts", {"automatic_access": False})
        change(api, tokens["made after"], "/_lender/disable_app_sharing", None)
        at_the_end = {consent["id"]: consent for consent in api.consents(tokens["made after"])}
        rotated = home.run("credentials", "rotate", "--institution", "bku", "--at-once", "--json")
        assert rotated.returncode == 0, rotated.stderr
    export = folder / "audit.jsonl"
    checkpoints = folder / "checkpoints.jsonl"
    asyncio.run(_end(home, export, checkpoints))
    return Past(home, backup, export, checkpoints, bku, other, tokens, ann, at_the_end, bob, heads)


async def _found(home: Home) -> tuple[Tenant, Tenant]:
    async with home.services() as services:
        bku, other = await make_tenant(services, "bku"), await make_tenant(services, "other")
        for customer in ("ann", "bob"):
            await add_customer(services.session, bku, customer)
        every = json.dumps([CHECKING, SAVINGS, CARD])
        for consent_id, shared in (("_budget", every), ("_lender", every), ("_tax", json.dumps([CHECKING, CARD]))):
            await add_consent(
                services.session, bku, "ann", consent_id[1:], consent_id, shared_accounts=shared, auto_share=True
            )
        await add_consent(services.session, bku, "bob", "budget", "_bobs")
    connection = await asyncpg.connect(home.server.super_url)
    try:
        for _ in range(BURNT):  # so that the old machine's transactions have numbers that the new one's have not
            await connection.execute("select pg_current_xact_id()")
    finally:
        await connection.close()
    return bku, other


async def _sealed_heads(home: Home) -> dict[str, sealing.ChainHead]:
    """Seal what waits, and give how far the chains are then."""
    async with home.services() as services:
        await open_checkpoint_key(services.session, services.keyring)
        await seal_everything(services)
        heads = {}
        for name in ("bku", "other"):
            institution = await find_institution(services, name)
            async with services.session.begin(institution.institution_id) as connection:
                heads[name] = await sealing.head(connection, institution.institution_id)
    return heads


async def _end(home: Home, export: Path, checkpoints: Path) -> None:
    """End the other's credentials too, and leave an export of the whole audit and a checkpoint of its end."""
    async with home.services() as services:
        other = await find_institution(services, "other")
        await end_leaked_credentials(services, other.institution_id, actor=OPERATOR)
        await seal_everything(services)
        await export_everything(services, export)
        key = await open_checkpoint_key(services.session, services.keyring)
        bku = await find_institution(services, "bku")
        async with services.session.begin(bku.institution_id) as connection:
            head = await sealing.head(connection, bku.institution_id)
            now = await clock.now(connection)
        file_witness(checkpoints)(
            key.sign(ChainStatement(institution="bku", sequence=head.sequence, hash=head.hash, at=now))
        )


@contextlib.contextmanager
def running(home: Home) -> Iterator[Service]:
    service = home.start()
    try:
        yield service
    finally:
        service.stop()
        service.log.close()


def revoke(api: Api, token: str) -> None:
    answer = api.client.delete(f"{api.base_url}/api/v6/token/{token}", auth=api.tenant.basic)
    assert answer.status_code == 200, answer.text


def change(api: Api, token: str, path: str, body: dict[str, bool] | None) -> None:
    arguments: dict[str, Any] = {} if body is None else {"json": body}
    answer = api.bearer(token, "PUT", path, **arguments)
    assert answer.status_code == 200, answer.text
