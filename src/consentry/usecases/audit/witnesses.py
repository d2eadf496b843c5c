"""Read checkpoints that were kept outside: who said what of which chain, and whether the signatures hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from consentry import jose
from consentry.domain.audit import ChainStatement
from consentry.store import installation_keys, sealing
from consentry.store.installation_keys import CHECKPOINT
from consentry.store.session import Session
from consentry.usecases.audit.checkpoint_key import STATEMENT_KIND


class _Line(msgspec.Struct, frozen=True):
    checkpoint: str


_LEAST_KEPT: Final = timedelta(days=365)


@dataclass(slots=True)
class Witnesses:
    """Statements by institution and number, and a sentence for each that can't be trusted or contradicts another."""

    by_institution: dict[str, dict[int, ChainStatement]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, text: str, *, public_keys: Mapping[str, str], place: str) -> None:
        """Take one signed statement; `place` says where it was found."""
        try:
            payload = jose.read_statement(text, kind=STATEMENT_KIND, public_keys=public_keys)
            statement = ChainStatement.from_json(payload)
        except (jose.InvalidStatement, ValueError) as error:
            why = str(error) if isinstance(error, jose.InvalidStatement) else "it says something else"
            self.faults.append(f"{place} is no checkpoint: {why}.")
            return
        known = self.by_institution.setdefault(statement.institution, {}).setdefault(statement.sequence, statement)
        if known.hash != statement.hash:
            self.faults.append(
                f"{place} contradicts another checkpoint of entry {statement.sequence} of {statement.institution}:"
                " the chain was forked."
            )

    def hashes(self, institution: str) -> dict[int, bytes]:
        """Give the witnessed hashes of an institution's chain by number."""
        return {number: found.hash for number, found in self.by_institution.get(institution, {}).items()}

    def pruned_too_early(self, institution: str, *, pruned: int, now: datetime) -> list[str]:
        """Say which witnessed entries are said to be dropped by retention although they are younger than a year."""
        return [
            f"Entry {number} of {institution} was dropped although its checkpoint is younger than a year."
            for number, found in sorted(self.by_institution.get(institution, {}).items())
            if number <= pruned and found.at > now - _LEAST_KEPT
        ]


def read_witnesses(lines: Iterable[str], *, public_keys: Mapping[str, str], place: str, into: Witnesses) -> None:
    """Read one signed statement a line, bare or as `{"checkpoint": "..."}`; empty lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            into.add(_statement_of(line.strip()), public_keys=public_keys, place=f"Line {number} of {place}")


def _statement_of(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        return msgspec.json.decode(line, type=_Line).checkpoint
    except msgspec.DecodeError:
        return line


async def checkpoint_public_keys(session: Session) -> dict[str, str]:
    """Give the public keys, JWKs by id, that checkpoints of this installation were ever signed with.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.connection() as connection:
        return await installation_keys.public_keys(connection, CHECKPOINT)


async def add_kept_witnesses(
    session: Session, institution_id: int, witnesses: Witnesses, *, public_keys: Mapping[str, str]
) -> None:
    """Add the copies of checkpoints that the database itself keeps: they witness against a careless change.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.begin(institution_id) as connection:
        kept = await sealing.checkpoints(connection, institution_id)
    for found in kept:
        witnesses.add(
            found.statement, public_keys=public_keys, place=f"The database's checkpoint of entry {found.sequence}"
        )
