"""Refusals that operators meet: imports, mirrors and keys."""

from consentry.domain.refusal import Refusal


class ImportRunning(Refusal):
    code = "import_running"
    sentence = "Another import of this institution is running; wait until it has ended, or stop it."


class ImportUnreadable(Refusal):
    code = "import_unreadable"
    sentence = "The file to import can't be read; check its name and who may read it."


class InstitutionMirrored(Refusal):
    code = "institution_mirrored"
    sentence = "The institution mirrors another system; import with --mirror, or cut over first."


class AlreadyCutOver(Refusal):
    code = "already_cut_over"
    sentence = "The institution has cut over and decides here; import without --mirror."


class NothingMirrored(Refusal):
    code = "nothing_mirrored"
    sentence = "The institution mirrors no other system; there is nothing to cut over."


class ReportOutdated(Refusal):
    code = "report_outdated"
    sentence = "Another import was published after the differences were reported; look at them again."


class VanishedUndecided(Refusal):
    code = "vanished_undecided"
    sentence = (
        "Consents that are live here were not in the last file; say with --vanished whether to end or to keep them."
    )


class KeysStillUsed(Refusal):
    code = "keys_still_used"
    sentence = "Live secrets are still stored under the older peppers; they move when they are used."
