"""Export the audit: one JSON object a line, in the order of the chain, with what is needed to check the chain offline.

A line has the members of the entry's canonical form (domain/audit.py) and `institution` (the public id), `sequence`
and `hash` (hexadecimal); the last two are null while an entry waits for its seal. docs/guides/backup.md tells what
restoring does with it.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from consentry.domain.audit import AuditEntry
from consentry.store import institutions, sealing
from consentry.store.sealing import SealedEntry
from consentry.store.session import Session


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """An entry as an export has it, and whose it is."""

    institution: str
    sealed: SealedEntry


class MalformedExport(Exception):
    """A line of an export is not one that this product writes."""


class _Line(msgspec.Struct, frozen=True):
    institution: str
    sequence: int | None
    hash: str | None
    entry_id: UUID
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    action: str
    outcome: str
    actor_kind: str
    actor_id: str | None
    subject_kind: str
    subject_id: str | None
    before: msgspec.Raw
    after: msgspec.Raw
    source: str | None
    request_id: str | None


_decode = msgspec.json.Decoder(_Line).decode


async def export_audit(session: Session, institution_id: int) -> AsyncIterator[bytes]:
    """Give an institution's audit as lines, sealed entries first, all as of one moment.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.begin(institution_id, snapshot=True) as connection:
        (institution,) = await institutions.visible(connection)
        async for found in sealing.sealed_entries(connection, institution_id):
            yield write_line(ExportedEntry(institution=institution.public_id, sealed=found))


def write_line(exported: ExportedEntry) -> bytes:
    """Write an entry as a line, with its end."""
    found = exported.sealed
    about = {
        "institution": exported.institution,
        "sequence": found.sequence,
        "hash": None if found.hash is None else found.hash.hex(),
    }
    return (json.dumps(about)[:-1] + ", ").encode() + found.entry.canonical_bytes()[1:] + b"\n"


def read_line(line: bytes) -> ExportedEntry:
    """Read a line of an export.

    Raises:
        MalformedExport: it is none; the message says what is wrong.
    """
    try:
        found = _decode(line)
        digest = None if found.hash is None else bytes.fromhex(found.hash)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedExport(str(error)) from None
    entry = AuditEntry(
        entry_id=found.entry_id,
        at=found.at,
        action=found.action,
        outcome=found.outcome,
        actor_kind=found.actor_kind,
        actor_id=found.actor_id,
        subject_kind=found.subject_kind,
        subject_id=found.subject_id,
        before=_text(found.before),
        after=_text(found.after),
        source=found.source,
        request_id=found.request_id,
    )
    return ExportedEntry(
        institution=found.institution, sealed=SealedEntry(entry=entry, sequence=found.sequence, hash=digest)
    )


def _text(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    return None if text == "null" else text
