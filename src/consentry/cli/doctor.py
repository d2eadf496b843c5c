"""`consentry doctor`: looks at the whole installation and says what to do."""

from datetime import UTC, datetime
from functools import partial

from consentry.cli.diagnosis import (
    Finding,
    Level,
    attempt,
    look_at_contact,
    look_at_keys,
    look_at_machine,
    look_at_server,
    look_at_sign_in,
    look_at_store,
    look_at_stored_keys,
    look_at_witnesses,
)
from consentry.cli.exit_codes import DONE, PROBLEMS_FOUND
from consentry.cli.installation import hold_database
from consentry.cli.options import Json
from consentry.cli.output import console, write_document
from consentry.config import Settings

_COLOURS = {Level.FINE: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


async def doctor(*, as_json: Json = False) -> int:
    """Look for what is wrong, and say what to do.

    Looks at the settings, the keys, the database and its clock, the schema, partitions, the audit, e-mails, the disk.
    Changes nothing. Exit code 3 when there are problems; warnings are no problems yet.

    Example: `consentry doctor`
    """
    settings = Settings.read()
    findings = [*look_at_machine(settings), *look_at_witnesses(settings)]
    findings += look_at_contact(settings, today=datetime.now(UTC).date())
    findings += await attempt("keys", partial(look_at_keys, settings))
    findings += await attempt("database", partial(_look_at_database, settings))
    if as_json:
        write_document({"healthy": _is_healthy(findings), "findings": [_document(finding) for finding in findings]})
    else:
        _tell(findings)
    return DONE if _is_healthy(findings) else PROBLEMS_FOUND


async def _look_at_database(settings: Settings) -> list[Finding]:
    with hold_database(settings, create=False) as database:
        findings = await attempt("database", partial(look_at_server, settings, database))
        if not any(
            finding.subject in ("database", "schema") and finding.level is Level.PROBLEM for finding in findings
        ):
            findings += await attempt("store", partial(look_at_store, settings, database))
            findings += await attempt("keys", partial(look_at_stored_keys, settings, database))
            findings += await attempt("sign-in", partial(look_at_sign_in, settings, database))
    return findings


def _is_healthy(findings: list[Finding]) -> bool:
    return all(finding.level is not Level.PROBLEM for finding in findings)


def _tell(findings: list[Finding]) -> None:
    from rich.text import Text

    terminal = console()
    for finding in findings:
        line = Text(f"{finding.level.value:8}", style=_COLOURS[finding.level])
        line.append(f" {finding.subject:12} ", style="default not bold")
        line.append(finding.finding, style="default not bold")
        terminal.print(line, soft_wrap=True)
        if finding.remedy:
            terminal.print(Text(f"{'':22} → {finding.remedy}"), soft_wrap=True)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    terminal.print(Text(f"Problems: {problems}. Warnings: {warnings}."))


def _document(finding: Finding) -> dict[str, str | None]:
    return {
        "level": finding.level.value,
        "subject": finding.subject,
        "finding": finding.finding,
        "remedy": finding.remedy or None,
    }
