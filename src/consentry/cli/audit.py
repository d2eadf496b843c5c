"""`consentry audit`: verify the sealed trail, here or offline, and export it."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
from cyclopts import App, Parameter

from consentry import jose
from consentry.cli.exit_codes import DONE, PROBLEMS_FOUND
from consentry.cli.installation import Installation, InstallationError, open_installation
from consentry.cli.options import InstitutionId, Json
from consentry.cli.output import write_document, write_line
from consentry.cli.progress import progress_bar
from consentry.config import Settings
from consentry.domain.institution import Institution
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.store import clock, sealing
from consentry.usecases.audit.export import ExportedEntry, MalformedExport, export_audit, read_line
from consentry.usecases.audit.verify import AuditVerdict, verify_audit
from consentry.usecases.audit.verify_export import verify_export
from consentry.usecases.audit.witnesses import (
    Witnesses,
    add_kept_witnesses,
    checkpoint_public_keys,
    read_witnesses,
)
from consentry.usecases.institution.list_all import list_houses

audit_app = App(name="audit", help="The sealed trail of who did what: verify it, export it.")

Checkpoints = Annotated[
    list[Path] | None, Parameter(name="--checkpoints", help="A file of checkpoints; may be given several times.")
]


@audit_app.command(name="verify")
async def verify(
    *,
    institution: Annotated[str | None, Parameter(help="The institution's id; else all.")] = None,
    checkpoints: Checkpoints = None,
    public_key: Annotated[Path | None, Parameter(help="The key of the checkpoints; else the database's own.")] = None,
    as_json: Json = False,
) -> int:
    """Recompute the chain of audit entries and compare it with the checkpoints.

    Names each place where the chain does not hold; exit code 3 then. Reads this installation's own file of checkpoints
    unless others are given: files that were kept on another machine prove more, and so does a key that was.

    Example: `consentry audit verify --checkpoints /mnt/witness/audit-checkpoints.jsonl`
    """
    settings = Settings.read()
    files = checkpoints if checkpoints is not None else [f for f in (settings.checkpoint_file,) if f.exists()]
    async with open_installation(settings) as installation:
        services = installation.services
        known = await list_houses(services)
        chosen = known if institution is None else [_named(known, institution)]
        keys = await checkpoint_public_keys(services.session) if public_key is None else _keys_in(public_key)
        witnesses = await asyncio.to_thread(_read_all, files, public_keys=keys)
        if institution is None:
            gone = witnesses.by_institution.keys() - {found.public_id for found in known}
            witnesses.faults += [f"The institution {name} has checkpoints but is not there." for name in sorted(gone)]
        verdicts = await _verify_all(installation, chosen, witnesses, public_keys=keys)
    return _report(verdicts, witnesses, as_json=as_json)


@audit_app.command(name="export")
async def export(
    *,
    institution: InstitutionId,
    output: Annotated[Path | None, Parameter(help="A new file to write to; else standard output.")] = None,
) -> None:
    """Write an institution's audit as JSON Lines, with all that is needed to verify it elsewhere.

    Example: `consentry audit export --institution bku --output bku-audit.jsonl`
    """
    async with open_installation(Settings.read()) as installation:
        found = _named(await list_houses(installation.services), institution)
        with _written(output) as write:
            async for line in export_audit(installation.services.session, found.institution_id):
                write(line)


@audit_app.command(name="public-key")
async def public_key() -> None:
    """Write the public keys of this installation's checkpoints, as a JSON Web Key Set.

    Keep it where the checkpoints are kept: apart from the database.

    Example: `consentry audit public-key > checkpoint-keys.json`
    """
    async with open_installation(Settings.read()) as installation:
        keys = await checkpoint_public_keys(installation.services.session)
    write_document({"keys": [msgspec.Raw(key.encode()) for key in keys.values()]})


@audit_app.command(name="verify-export")
def verify_exported(
    file: Annotated[Path, Parameter(help="What consentry audit export wrote.")],
    /,
    *,
    public_key: Annotated[Path, Parameter(help="What consentry audit public-key wrote.")],
    checkpoints: Checkpoints = None,
    as_json: Json = False,
) -> int:
    """Verify an export offline: no database, no settings, no keys of the installation.

    Example: `consentry audit verify-export bku.jsonl --public-key keys.json --checkpoints witness.jsonl`
    """
    witnesses = _read_all(checkpoints or [], public_keys=_keys_in(public_key))
    verdicts = verify_export(exported_entries(file), witnesses=witnesses)
    return _report(verdicts, witnesses, as_json=as_json)


def _named(known: list[Institution], public_id: str) -> Institution:
    """Give the institution or the partner with this public id."""
    for found in known:
        if found.public_id == public_id:
            return found
    raise UnknownInstitution


async def _verify_all(
    installation: Installation, chosen: list[Institution], witnesses: Witnesses, *, public_keys: dict[str, str]
) -> dict[str, AuditVerdict]:
    session = installation.services.session
    verdicts: dict[str, AuditVerdict] = {}
    async with session.connection() as connection:
        now = await clock.now(connection)
    for found in chosen:
        await add_kept_witnesses(session, found.institution_id, witnesses, public_keys=public_keys)
        async with session.begin(found.institution_id) as connection:
            length = (await sealing.head(connection, found.institution_id)).sequence
        with progress_bar(found.public_id, total=length) as advance:
            verdict = await verify_audit(
                session, found.institution_id, statements=witnesses.hashes(found.public_id), on_progress=advance
            )
        early = witnesses.pruned_too_early(found.public_id, pruned=verdict.pruned, now=now)
        verdicts[found.public_id] = replace(verdict, faults=(*verdict.faults, *early))
    return verdicts


def _report(verdicts: Mapping[str, AuditVerdict], witnesses: Witnesses, *, as_json: bool) -> int:
    has_faults = bool(witnesses.faults) or any(verdict.faults for verdict in verdicts.values())
    if as_json:
        write_document(
            {
                "intact": not has_faults,
                "faults": witnesses.faults,
                "institutions": [_document(name, verdict, witnesses) for name, verdict in verdicts.items()],
            }
        )
    else:
        for name, verdict in verdicts.items():
            _tell(name, verdict, witnesses)
        for fault in witnesses.faults:
            write_line(f"fault: {fault}")
    return PROBLEMS_FOUND if has_faults else DONE


def _tell(name: str, verdict: AuditVerdict, witnesses: Witnesses) -> None:
    last = max(witnesses.hashes(name), default=None)
    state = "does not hold" if verdict.faults else "holds"
    dropped = f", entries up to {verdict.pruned} dropped by retention" if verdict.pruned else ""
    witnessed = "no checkpoint" if last is None else f"last checkpoint of entry {last}"
    write_line(f"{name}: {state}; {verdict.entries} entries, sealed up to {verdict.sealed}, {witnessed}{dropped}")
    for fault in verdict.faults:
        write_line(f"  fault: {fault}")


def _document(name: str, verdict: AuditVerdict, witnesses: Witnesses) -> dict[str, object]:
    return {
        "institution": name,
        "entries": verdict.entries,
        "sealed": verdict.sealed,
        "last_hash": verdict.last_hash.hex(),
        "pruned": verdict.pruned,
        "last_checkpoint": max(witnesses.hashes(name), default=None),
        "faults": list(verdict.faults),
    }


def _read_all(files: Iterable[Path], *, public_keys: dict[str, str]) -> Witnesses:
    witnesses = Witnesses()
    for file in files:
        with _readable(file) as text:
            read_witnesses(text, public_keys=public_keys, place=str(file), into=witnesses)
    return witnesses


def _keys_in(file: Path) -> dict[str, str]:
    with _readable(file) as text:
        try:
            return jose.read_public_keys(text.read())
        except jose.InvalidStatement as error:
            raise InstallationError("no_public_key", f"{file} can't be used: {error}.") from None


def exported_entries(file: Path) -> Iterator[ExportedEntry]:
    """Read what `consentry audit export` wrote.

    Raises:
        InstallationError: the file can't be read, or is none.
    """
    with _readable(file) as text:
        for number, line in enumerate(text, start=1):
            try:
                yield read_line(line.encode())
            except MalformedExport as error:
                raise InstallationError("malformed_export", f"Line {number} of {file}: {error}.") from None


@contextmanager
def _readable(file: Path) -> Iterator[TextIO]:
    try:
        with file.open(encoding="utf-8") as text:
            yield text
    except (OSError, UnicodeDecodeError) as error:
        raise InstallationError("file_unreadable", f"{file} can't be read ({error}).") from None


@contextmanager
def _written(output: Path | None) -> Iterator[Callable[[bytes], object]]:
    if output is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("xb") as file:
            yield file.write
    except FileExistsError:
        raise InstallationError("file_exists", f"{output} is there already; choose another name.") from None
