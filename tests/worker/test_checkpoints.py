"""Checkpoints: signed, out of the database's reach before they count, at least every minute while a chain moves."""

import json
import socket
from base64 import urlsafe_b64decode
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consentry.usecases.audit.checkpoint_all import PACE, checkpoint_all
from consentry.usecases.audit.checkpoint_key import open_checkpoint_key
from consentry.usecases.audit.witnesses import Witnesses, checkpoint_public_keys, read_witnesses
from consentry.usecases.services import Services
from consentry.worker.jobs import CHECKPOINT_EVERY, SEAL_EVERY
from consentry.worker.publishing import all_of, file_witness, syslog_witness
from tests.builders import Tenant
from tests.worker.trail import Trail


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_checkpoint_is_an_ordinary_jws_that_any_library_can_check(trail: Trail) -> None:
    """RFC 8037: checked here without the product's own code."""
    (statement,) = trail.published
    header, payload, signature = statement.split(".")
    named = json.loads(decoded(header))
    assert named.keys() == {"alg", "kid", "typ"}
    (public_key,) = (await checkpoint_public_keys(trail.services.session)).values()
    key = json.loads(public_key)
    assert (key["kid"], "d" in key) == (named["kid"], False)
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    said = json.loads(decoded(payload))
    assert (said["institution"], said["sequence"], said.keys()) == (
        "bku",
        10,
        {"institution", "sequence", "hash", "at"},
    )


async def test_a_chain_that_did_not_move_gets_no_second_checkpoint(trail: Trail) -> None:
    await trail.witness()
    assert len(trail.published) == 1
    await trail.write(1)
    await trail.witness()
    assert len(trail.published) == 1, "nothing new is sealed"
    await trail.seal()
    await trail.witness()
    assert len(trail.published) == 2
    assert (await trail.verify()).faults == ()


async def test_a_busy_chain_gets_about_one_a_minute(trail: Trail) -> None:
    """R131: at least every minute."""
    assert timedelta(seconds=SEAL_EVERY + CHECKPOINT_EVERY) + PACE < timedelta(minutes=1)
    await trail.write(1)
    await trail.seal()
    made = await checkpoint_all(
        trail.services.session,
        key=await open_checkpoint_key(trail.services.session, trail.services.keyring),
        publish=trail.published.append,
        on_broken=lambda *_: None,
    )
    assert made == []


async def test_a_checkpoint_that_reached_no_witness_does_not_count(
    trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    def refuse(_: str) -> None:
        raise OSError("no space left")

    await trail.write(1)
    await trail.seal()
    published, trail.published = trail.published, []
    with pytest.raises(OSError, match="no space"):
        await checkpoint_all(
            trail.services.session,
            key=await open_checkpoint_key(trail.services.session, trail.services.keyring),
            publish=refuse,
            on_broken=lambda *_: None,
            pace=timedelta(0),
        )
    assert await super_connection.fetchval("select count(*) from consentry.audit_checkpoints") == len(published)
    await trail.witness()
    assert len(trail.published) == 1


async def test_two_processes_that_need_the_key_first_agree_on_one(services: Services) -> None:
    keys = [await open_checkpoint_key(services.session, services.keyring) for _ in range(3)]
    assert len({key.kid for key in keys}) == 1
    assert "secret" not in repr(keys[0])


async def test_the_private_half_is_not_in_the_database(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    key = await open_checkpoint_key(services.session, services.keyring)
    (stored,) = await super_connection.fetch("select * from consentry.installation_keys")
    private = json.loads(key.secret)["d"]
    assert private not in str(dict(stored))
    assert decoded(private) not in stored["sealed_key"]


async def test_the_file_has_each_checkpoint_as_a_line_that_reads_back(trail: Trail, tmp_path: Path) -> None:
    file = tmp_path / "new" / "checkpoints.jsonl"
    publish = file_witness(file)
    for statement in (*trail.published, *trail.published):
        publish(statement)
    read = Witnesses()
    keys = await checkpoint_public_keys(trail.services.session)
    lines = [*file.read_text().splitlines(), "", trail.published[0], '{"other": 1}']
    read_witnesses(lines, public_keys=keys, place="the file", into=read)
    assert read.hashes("bku").keys() == {10}
    assert [fault.split(" is ")[0] for fault in read.faults] == ["Line 5 of the file"]


def test_syslog_gets_each_statement_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    address = tmp_path / "log"
    with pytest.raises(OSError, match="syslog can't be reached"):
        syslog_witness(address)("a.b.c")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(address))
        daemon.settimeout(60)
        written: list[str] = []
        all_of([written.append, syslog_witness(address)])("a.b.c")
        received = daemon.recv(4096).decode()
    assert received.startswith("<37>consentry[")
    assert received.endswith("audit checkpoint a.b.c")
    assert written == ["a.b.c"]
