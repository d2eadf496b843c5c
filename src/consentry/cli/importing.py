"""`consentry import` and `consentry export`: everything of an institution, in and out, as JSON Lines.

The form is in docs/guides/import.md. Cutting over is shown by cut_over_report.py, progress by import_progress.py.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from cyclopts import App, Parameter

from consentry.cli.cut_over_report import report_document, state_document, write_report
from consentry.cli.exit_codes import DONE, REFUSED
from consentry.cli.import_progress import shown_progress
from consentry.cli.installation import InstallationError, open_installation
from consentry.cli.options import InstitutionId, Json, operator
from consentry.cli.output import note, optional_time, write_document, write_line
from consentry.config import Settings
from consentry.domain.importing import MOST_FAULTS
from consentry.domain.refusal.operating import ImportUnreadable, VanishedUndecided
from consentry.store.imports import ImportRecord
from consentry.usecases.exporting.export import export
from consentry.usecases.importing.bring_in import bring_in
from consentry.usecases.importing.cut_over import Vanished, cut_over, report_differences
from consentry.usecases.importing.discard import discard_import
from consentry.usecases.importing.orders import ImportOrder, ImportReport
from consentry.usecases.importing.status import import_status

import_app = App(name="import", help="Bring in applications, customers' accounts and consents, as JSON Lines.")
export_app = App(name="export", help="Write everything of an institution in the form of an import.")

_STANDARD: Final = "-"


@import_app.default
async def import_file(
    file: Annotated[str, Parameter(help="The file to read; - is standard input.", allow_leading_hyphen=True)],
    /,
    *,
    institution: InstitutionId,
    mirror: Annotated[
        bool, Parameter(help="The consents are read-only here and follow each such import, until the cut-over.")
    ] = False,
    name: Annotated[
        str | None, Parameter(help="What the records call this import, instead of the file's name.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Bring in applications, customers' accounts and consents, all of a file or nothing.

    What is wrong is told by line and field, and nothing is changed. A run that was cut off is continued by running it
    again. A file may be imported again: what is stored already stays as it is.

    Example: `consentry import consents.jsonl --institution bku`
    """
    with _opened(file) as stream:
        is_file = file != _STANDARD
        order = ImportOrder(
            institution=institution,
            name=name or (Path(file).name if is_file else "standard input"),
            stream=stream,
            size=os.fstat(stream.fileno()).st_size if is_file else None,
            mirror=mirror,
        )
        async with open_installation(Settings.read()) as installation:
            with shown_progress(as_json=as_json) as show:
                report = await bring_in(installation.services, order, actor=operator(), on_progress=show)
    if as_json:
        write_document(_document(report))
    elif report.is_published:
        _write_counts(report)
    else:
        _write_faults(report)
    return DONE if report.is_published else REFUSED


@import_app.command(name="cut-over")
async def cut_over_mirror(
    *,
    institution: InstitutionId,
    vanished: Annotated[
        Vanished | None,
        Parameter(help="What becomes of consents that are live here and were not in the last file: end or keep them."),
    ] = None,
    yes: Annotated[bool, Parameter(help="Cut over without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Report where the mirror and the last file differ; then let this installation decide on the mirrored consents.

    With --json and without --yes, only report.

    Example: `consentry import cut-over --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        report = await report_differences(installation.services, institution)
        if as_json and not yes:
            write_document({"cut_over": False, **report_document(report)})
            return
        if not as_json:
            write_report(report)
        if report.state.vanished and vanished is None:
            raise VanishedUndecided
        if not yes:
            _confirm(institution)
        done = await cut_over(
            installation.services,
            institution,
            reported=report.last_import.import_id,
            vanished=vanished,
            actor=operator(),
        )
    if as_json:
        written = {"cut_over": True, "writable": done.writable, "ended": done.ended}
        write_document({**written, **report_document(report)})
    else:
        write_line(f"Cut over: {done.writable:,} consents are decided here from now on; {done.ended:,} were ended.")


@import_app.command(name="status")
async def status(*, institution: InstitutionId, as_json: Json = False) -> None:
    """Show an institution's unfinished import, the last one that was published, and whether it is a mirror.

    Example: `consentry import status --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        found = await import_status(installation.services, institution)
    if as_json:
        write_document(
            {
                "unfinished": None if found.unfinished is None else _record(found.unfinished),
                "staged_lines": found.staged_lines,
                "last_published": None if found.last_published is None else _record(found.last_published),
                "mirror": None if found.mirror is None else state_document(found.mirror),
            }
        )
        return
    if found.unfinished is None:
        write_line("No import is unfinished.")
    else:
        write_line(f"Unfinished: {found.unfinished.name}, {found.staged_lines:,} lines staged.")
    if found.last_published is not None:
        last = found.last_published
        write_line(
            f"Last published: {last.name} ({last.kind}), {optional_time(last.finished_at)}, {last.lines:,} lines."
        )
    write_line("The institution mirrors another system." if found.mirror else "The institution is no mirror.")


@import_app.command(name="discard")
async def discard(*, institution: InstitutionId, as_json: Json = False) -> None:
    """Forget what an unfinished import has staged; what is published stays.

    Example: `consentry import discard --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        lines = await discard_import(installation.services, institution)
    if as_json:
        write_document({"discarded_lines": lines})
    else:
        write_line(f"Forgot {lines:,} staged lines.")


@export_app.default
async def export_file(
    *,
    institution: InstitutionId,
    output: Annotated[
        str, Parameter(help="The file to write; - is standard output.", allow_leading_hyphen=True)
    ] = _STANDARD,
) -> None:
    """Write everything of an institution, as of one moment: its applications, customers, accounts and consents.

    The file is personal data; it is made with mode 0600, whole or not at all.

    Example: `consentry export --institution bku --output bku.jsonl`
    """
    async with (
        open_installation(Settings.read()) as installation,
        aclosing(export(installation.services, institution, actor=operator())) as exported,
    ):
        # The first line comes before the file, so that a refusal leaves no trace of one.
        first = await anext(exported)
        with _written(output) as stream:
            stream.write(first)
            lines = 1
            async for line in exported:
                stream.write(line)
                lines += 1
    note(f"Exported {lines:,} lines.")


def _confirm(institution: str) -> None:
    if sys.stdin.isatty():
        note(f"Type {institution} to cut over; anything else leaves everything as it is.")
        if sys.stdin.readline().strip() == institution:
            return
    raise InstallationError("not_confirmed", "Nothing was changed: to cut over without being asked, add --yes.")


def _document(report: ImportReport) -> dict[str, object]:
    return {
        "published": report.is_published,
        "import_id": str(report.import_id),
        "lines": report.lines,
        "resumed_lines": report.resumed_lines,
        "institution_added": report.institution_added,
        "counts": dict(report.counts),
        "faults": [{"line": f.line, "field": f.field, "expected": f.expected} for f in report.faults],
    }


def _write_counts(report: ImportReport) -> None:
    write_line(f"Imported {report.lines:,} lines{', and added the institution' if report.institution_added else ''}.")
    for name, count in report.counts.items():
        if count:
            write_line(f"  {name.replace('_', ' ')}: {count:,}")


def _write_faults(report: ImportReport) -> None:
    for fault in report.faults:
        note(fault.sentence)
    more = " There may be more." if len(report.faults) >= MOST_FAULTS else ""
    note(f"consentry: Nothing was imported; mend the lines above and run it again.{more} (import_invalid)")


def _record(record: ImportRecord) -> dict[str, object]:
    return {
        "import_id": str(record.import_id),
        "name": record.name,
        "kind": record.kind,
        "state": record.state,
        "started_at": optional_time(record.started_at),
        "finished_at": optional_time(record.finished_at),
        "lines": record.lines,
        "counts": record.counts,
    }


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == _STANDARD:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise ImportUnreadable(f"{file} can't be read: {error.strerror}.") from None
        yield stream


@contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """Open what an export is written to; a file appears under its name when it is whole and on disk."""
    path = Path(output)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        if output == _STANDARD:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        raise InstallationError("export_unwritable", f"The export can't be written: {error.strerror}.") from None
    finally:
        if output != _STANDARD:
            draft.unlink(missing_ok=True)
