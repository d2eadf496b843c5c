"""How a command that fails ends: which exit code, which words.

What is refused, and why, is decided elsewhere.
"""

from dataclasses import dataclass
from typing import Final

from consentry.cli.exit_codes import REFUSED, TRY_LATER
from consentry.cli.installation import InstallationError
from consentry.cli.serving.roster import RosterError
from consentry.cli.serving.supervisor import StartError
from consentry.config import SettingsError
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.keyring import KeyringError
from consentry.store.backups.errors import BackupError
from consentry.store.connecting import DatabaseRefused
from consentry.store.embedded import EmbeddedPostgresError
from consentry.store.migrate import SchemaError

_CODES: Final[dict[type[Exception], str]] = {
    SettingsError: "invalid_setting",
    KeyringError: "keys_unusable",
    StartError: "start_failed",
    DatabaseRefused: "database_refused",
    RosterError: "service_not_renewed",
}
_AWAY: Final = "The database can't be reached, is too busy, or can't write; try again, and ask consentry doctor."


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed command says (a stable code and a sentence), and its exit code."""

    code: str
    sentence: str
    exit_code: int


def failure_of(error: Exception) -> Failure | None:
    """Give what to say of an exception, or None if it is a fault of the program."""
    match error:
        case TemporarilyUnavailable():
            cause = error.__cause__
            why = f" ({cause})" if isinstance(cause, OSError) and str(cause) else ""
            return Failure(error.code, _AWAY + why, TRY_LATER)
        case InvalidSettings():
            return Failure(error.code, " ".join(error.fields.values()), REFUSED)
        case Refusal():
            return Failure(error.code, error.description, REFUSED)
        case EmbeddedPostgresError() | SchemaError() | InstallationError() | BackupError():
            return Failure(error.code, error.sentence, REFUSED)
        case _ if type(error) in _CODES:
            return Failure(_CODES[type(error)], str(error), REFUSED)
    return None
