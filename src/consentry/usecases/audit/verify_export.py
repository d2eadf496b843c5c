"""Verify an export of the audit offline: with nothing but the export, checkpoints and a public key."""

from collections.abc import Iterable
from dataclasses import dataclass

from consentry.domain.audit import GENESIS
from consentry.usecases.audit.export import ExportedEntry
from consentry.usecases.audit.verify import AuditVerdict, ChainCheck
from consentry.usecases.audit.witnesses import Witnesses


@dataclass(slots=True)
class _Progress:
    check: ChainCheck
    entries: int = 0
    first: int | None = None
    witnessed: int = 0


def verify_export(exported: Iterable[ExportedEntry], *, witnesses: Witnesses) -> dict[str, AuditVerdict]:
    """Follow the chains of an export from the first entry of each, and give a verdict by institution.

    Where retention has dropped the beginning, the first entry's own hash is what the rest is verified from; then a
    checkpoint must witness a later one. A chain that no checkpoint witnesses may have been made anew as a whole: that
    is a fault.
    """
    found: dict[str, _Progress] = {}
    for line in exported:
        sequence = line.sealed.sequence
        state = found.get(line.institution)
        if state is None:
            state = found[line.institution] = _Progress(ChainCheck(hash=GENESIS))
        state.entries += 1
        if sequence is None or line.sealed.hash is None:
            continue
        hashes = witnesses.hashes(line.institution)
        if state.first is None:
            state.first = sequence
            if sequence > 1:
                state.check = ChainCheck(number=sequence, hash=line.sealed.hash)
                continue
        state.witnessed += sequence in hashes
        state.check.take(line.sealed, witnessed=hashes.get(sequence))
    return {institution: _verdict(institution, state, witnesses) for institution, state in found.items()}


def _verdict(institution: str, state: _Progress, witnesses: Witnesses) -> AuditVerdict:
    check = state.check
    check.end(witnesses.hashes(institution))
    if not state.witnessed and check.number:
        check.faults.append(f"No checkpoint witnesses any entry of {institution}: give the file of its checkpoints.")
    return AuditVerdict(
        entries=state.entries,
        sealed=check.number,
        last_hash=check.hash,
        faults=tuple(check.faults),
        pruned=0 if state.first is None else state.first - 1,
    )
