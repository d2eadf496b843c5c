"""How the differences before a cut-over are shown: to people, and as a JSON document."""

from consentry.cli.output import optional_time, write_line
from consentry.store.publishing import MirrorState
from consentry.usecases.importing.cut_over import CutOverReport


def report_document(report: CutOverReport) -> dict[str, object]:
    """Give the report as members of a document."""
    last = report.last_import
    return {
        "last_import": {
            "import_id": str(last.import_id),
            "name": last.name,
            "finished_at": optional_time(last.finished_at),
            "lines": last.lines,
        },
        "mirror": state_document(report.state),
    }


def state_document(state: MirrorState) -> dict[str, object]:
    """Give what a mirror holds; of ids at most the first 20."""
    return {
        "live": state.live,
        "ended": state.ended,
        "vanished": state.vanished,
        "kept_ended": state.kept_ended,
        "vanished_ids": list(state.vanished_ids),
        "kept_ended_ids": list(state.kept_ended_ids),
    }


def write_report(report: CutOverReport) -> None:
    """Write the report for a person."""
    last, state = report.last_import, report.state
    write_line(f"Last mirrored import: {last.name}, {optional_time(last.finished_at)}, {last.lines:,} lines.")
    write_line(f"Mirrored consents: {state.live:,} live, {state.ended:,} ended.")
    if not state.vanished and not state.kept_ended:
        write_line("The mirror and that file do not differ.")
    _write_ids("Live here, but not in that file", state.vanished, state.vanished_ids)
    _write_ids("Ended here, but live in that file; they stay ended", state.kept_ended, state.kept_ended_ids)


def _write_ids(words: str, count: int, ids: tuple[str, ...]) -> None:
    if count:
        write_line(f"{words}: {count:,}")
        for consent_id in ids:
            write_line(f"  {consent_id}")
        if count > len(ids):
            write_line(f"  and {count - len(ids):,} more")
