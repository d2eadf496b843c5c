"""The command `consentry`: finds the command that was typed, runs it, and turns its end into an exit code.

Each group of commands has a module of its own beside this one, imported when it is needed.
"""

import signal
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, Parameter

from consentry import __version__
from consentry.cli.exit_codes import DONE, TERMINATED

_HELP: Final = """Consent management for financial institutions.

Settings are read from environment variables, CONSENTRY_...; docs/guides/operate.md lists them. Without
CONSENTRY_DATABASE_URL a private PostgreSQL runs in the data folder, CONSENTRY_DATA_DIR.
"""
_EPILOGUE: Final = """Exit codes: 0 done; 1 refused or failed, standard error says why; 2 the command line is wrong; \
3 problems were found (doctor, audit verify, receipt verify); 4 temporarily unavailable, try again.
"""
_COMMANDS: Final = {
    "serve": ("serve:serve", "Answer requests until SIGTERM."),
    "worker": (
        "worker:worker",
        "Seal the audit, send checkpoints and e-mails, make and drop partitions, until SIGTERM.",
    ),
    "migrate": ("migrate:migrate_schema", "Bring the database's tables to the version of this code."),
    "doctor": ("doctor:doctor", "Look for what is wrong, and say what to do."),
    "institution": ("institution:institution_app", "Institutions: whose customers decide."),
    "partner": ("partner:partner_app", "Channel partners: who looks after several institutions."),
    "staff": ("staff:staff_app", "Who may come into the portals: first admins, and the way out of a lock-out."),
    "credentials": ("credentials:credentials_app", "With what an institution's servers ask for tokens."),
    "consents": ("consents:consents_app", "What a customer lets which app receive."),
    "receipt": ("receipt:receipt_app", "Customers' receipts: verify one offline, and the keys that sign them."),
    "audit": ("audit:audit_app", "The sealed trail: verify it, export it."),
    "keys": ("keys:keys_app", "The installation's own keys: show, rotate, retire them."),
    "import": ("importing:import_app", "Bring in applications, accounts and consents."),
    "export": ("importing:export_app", "Write them out in the same form."),
    "backup": ("backup:backup_app", "Copy everything to a safe place."),
    "restore": ("backup:restore_app", "Make an installation from a backup."),
    "demo": ("sandbox:demo_app", "Run everything on this machine, with made-up customers."),
    "sandbox": ("sandbox:sandbox_app", "Work on the made-up bank."),
}


def main() -> None:
    """Run the command line of this process, and exit."""
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; a wrong command line exits with 2 by itself."""
    try:
        code: object = command_line(next(iter(arguments), None))(list(arguments), result_action="return_value")
    except Exception as error:
        from consentry.cli.failures import failure_of
        from consentry.cli.output import write_failure

        failure = failure_of(error)
        if failure is None:
            raise
        write_failure(failure, as_json="--json" in arguments)
        return failure.exit_code
    return code if isinstance(code, int) else DONE


def command_line(typed: str | None = None) -> App:
    """Make the tree of commands; they are imported when they are needed.

    All but the `typed` one are described by a line from here, so that help on all of them imports none.
    """
    app = App(
        name="consentry",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        version=__version__,
        help_format="markdown",
        default_parameter=Parameter(negative=(), show_default=False),
    )
    for name, (place, summary) in _COMMANDS.items():
        app.command(f"consentry.cli.{place}", name=name, help=None if name == typed else summary)
    return app


def _leave(*_: object) -> None:
    """End as an exception would, so that what is held is given back."""
    raise SystemExit(TERMINATED)
