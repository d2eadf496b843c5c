"""Audit entries: who did what, when, from where, with which outcome, and the chain that seals them.

An entry is written in the transaction of what it tells of. The chain is made afterwards by the sealer; its hash is
defined here so that anybody can check an export offline.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

GENESIS: Final = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of an institution's audit; `before` and `after` are JSON objects as text, or None."""

    entry_id: UUID
    at: datetime
    action: str
    outcome: str
    actor_kind: str
    actor_id: str | None
    subject_kind: str
    subject_id: str | None
    before: str | None
    after: str | None
    source: str | None
    request_id: str | None

    def canonical_bytes(self) -> bytes:
        """Give the bytes that are hashed: JSON, members sorted, no spaces, UTF-8, the time in microseconds UTC."""
        members = {
            "entry_id": str(self.entry_id),
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "action": self.action,
            "outcome": self.outcome,
            "actor_kind": self.actor_kind,
            "actor_id": self.actor_id,
            "subject_kind": self.subject_kind,
            "subject_id": self.subject_id,
            "before": None if self.before is None else json.loads(self.before),
            "after": None if self.after is None else json.loads(self.after),
            "source": self.source,
            "request_id": self.request_id,
        }
        return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def next_hash(previous: bytes, entry: AuditEntry) -> bytes:
    """Chain an entry to the hash before it: SHA-256 of the previous hash and the entry's canonical bytes."""
    return hashlib.sha256(previous + entry.canonical_bytes()).digest()


@dataclass(frozen=True, slots=True)
class ChainStatement:
    """What a checkpoint says: at this time the chain of this institution (its public id) had this hash at this number.

    Signed and kept outside, it shows later whether the chain was cut off or made anew.
    """

    institution: str
    sequence: int
    hash: bytes
    at: datetime

    def to_json(self) -> bytes:
        """Write the statement: JSON, members sorted, the hash in hexadecimal, the time in milliseconds UTC."""
        members = {
            "institution": self.institution,
            "sequence": self.sequence,
            "hash": self.hash.hex(),
            "at": self.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        }
        return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def from_json(text: bytes) -> "ChainStatement":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            members = json.loads(text)
            return ChainStatement(
                institution=str(members["institution"]),
                sequence=int(members["sequence"]),
                hash=bytes.fromhex(members["hash"]),
                at=datetime.fromisoformat(members["at"]),
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError("It is no statement of a chain's end.") from None
