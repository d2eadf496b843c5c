"""What `consentry backup` and `consentry restore` tell: what was done, what is needed, and what is lost.

What was done is decided by the use cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consentry.cli.output import optional_time, time_text, write_document, write_line, write_table
from consentry.config import Settings
from consentry.domain.credential import Secret
from consentry.store.backups.manifest import Manifest
from consentry.usecases.audit.verify import AuditVerdict
from consentry.usecases.backup.restore import RestoredInstitution, RestoreReport


@dataclass(frozen=True, slots=True)
class RestoredAudit:
    """What was found of a restored audit, and the last entry of the lost one that a checkpoint witnesses (0: none)."""

    verdict: AuditVerdict
    witnessed: int


def place_of_keys(settings: Settings) -> str:
    """Name where the settings say the keys are."""
    if settings.keys is not None:
        return "the variable CONSENTRY_KEYS"
    if settings.key_command is not None:
        return "the output of CONSENTRY_KEY_COMMAND"
    return str(settings.key_file)


def report_backup(file: Path, manifest: Manifest, *, keys: str, as_json: bool) -> None:
    """Tell what a backup holds, and which keys must be kept for it."""
    if as_json:
        write_document({"file": str(file), "keys_are_in": keys, **_manifest(manifest)})
        return
    write_line(f"Backed up to {file}: {_size(manifest.dump_size)}, as of {time_text(manifest.made_at)}.")
    write_table(
        ("institution", "consents", "sealed audit entries"),
        [(i.public_id, str(i.consents), str(i.chain_sequence)) for i in manifest.institutions],
    )
    write_line("")
    write_line(f"It opens nothing without these keys, which are in {keys}: {', '.join(_keys(manifest))}")
    write_line("Keep a copy of the keys apart from the backups, and a copy of the backup on another machine.")


def report_check(file: Path, manifest: Manifest, *, keys: str | None, as_json: bool) -> None:
    """Tell that a backup is whole, and whether its keys are there."""
    if as_json:
        write_document({"file": str(file), "whole": True, "keys_checked": keys is not None, **_manifest(manifest)})
        return
    write_line(f"{file} is whole: {_size(manifest.dump_size)}, as of {time_text(manifest.made_at)}.")
    needed = ", ".join(_keys(manifest))
    if keys is None:
        write_line(f"Its keys were not checked: {needed}")
    else:
        write_line(f"Its keys are in {keys}: {needed}")


def report_restore(
    manifest: Manifest, report: RestoreReport, audits: Mapping[str, RestoredAudit], *, checkpoints: Path, as_json: bool
) -> None:
    """Tell what was restored, what stayed ended, what is lost, and what is to be done next."""
    if as_json:
        institutions = [_institution(i, audits[i.public_id]) for i in report.institutions]
        write_document({**_manifest(manifest), "applied": list(report.migrations), "restored": institutions})
        return
    write_line(f"Restored as of {time_text(manifest.made_at)}. Every token from before this restore is dead.")
    write_table(
        ("institution", "consents", "audit", "re-applied", "known until", "live secrets"),
        [_row(i, audits[i.public_id]) for i in report.institutions],
    )
    for line in _next_steps(manifest, report, audits, checkpoints):
        write_line("")
        write_line(line)


def _next_steps(
    manifest: Manifest, report: RestoreReport, audits: Mapping[str, RestoredAudit], checkpoints: Path
) -> list[str]:
    since = time_text(manifest.made_at)
    lines = []
    for institution in report.institutions:
        name = institution.public_id
        if institution.reapplied is None:
            lines.append(
                f"ATTENTION, {name}: WHAT WAS REVOKED OR ENDED AFTER {since} LIVES AGAIN. Tell the institution; and if "
                f"a secret may have been ended since, run: consentry credentials leaked --institution {name}"
            )
        elif institution.reapplied.lost:
            what = ", ".join(f"{number} {action}" for action, number in sorted(institution.reapplied.lost.items()))
            lines.append(f"{name}: decided after {since} and lost, to be told to the institution: {what}.")
        if audits[name].witnessed > institution.known_up_to:
            lines.append(
                f"ATTENTION, {name}: a checkpoint witnesses entry {audits[name].witnessed}, but nothing is known after "
                f"entry {institution.known_up_to}. WHAT WAS ENDED BETWEEN THEM LIVES AGAIN: find an export that "
                "reaches as far, and restore again."
            )
        if not institution.live_secrets:
            lines.append(f"{name} has no live secret. Next: consentry credentials rotate --institution {name}")
        lines += [f"{name}: {fault}" for fault in audits[name].verdict.faults]
    if checkpoints.exists():
        lines.append(
            f"{checkpoints} may hold checkpoints from after the backup, which the restored audit does not continue: "
            "keep the file as it is elsewhere, to show what was lost, and let a new one begin."
        )
    lines.append("Next: consentry doctor, then let requests in again.")
    return lines


def _row(institution: RestoredInstitution, audit: RestoredAudit) -> tuple[str | None, ...]:
    done = institution.reapplied
    return (
        institution.public_id,
        str(institution.consents),
        f"{audit.verdict.sealed} sealed, {'DOES NOT HOLD' if audit.verdict.faults else 'holds'}",
        None
        if done is None
        else f"{done.consent_changes} consents, {done.tokens_revoked} tokens, {done.secrets_ended} secrets, "
        f"{done.apps_stopped} apps and intermediaries",
        None if done is None else optional_time(done.until),
        ", ".join(f"{s.display} of {s.created_at:%Y-%m-%d}" for s in institution.live_secrets) or None,
    )


def _manifest(manifest: Manifest) -> dict[str, object]:
    return {
        "made_at": time_text(manifest.made_at),
        "product_version": manifest.product_version,
        "schema_version": manifest.schema_version,
        "size": manifest.dump_size,
        "sha256": manifest.dump_sha256,
        "keys": _keys(manifest),
        "institutions": [
            {"id": i.public_id, "consents": i.consents, "audit_sequence": i.chain_sequence, "audit_hash": i.chain_hash}
            for i in manifest.institutions
        ],
    }


def _institution(institution: RestoredInstitution, audit: RestoredAudit) -> dict[str, object]:
    done = institution.reapplied
    return {
        "id": institution.public_id,
        "consents": institution.consents,
        "audit": {"sealed": audit.verdict.sealed, "faults": list(audit.verdict.faults)},
        "known_up_to": institution.known_up_to,
        "witnessed_up_to": audit.witnessed,
        "reapplied": None
        if done is None
        else {
            "consent_changes": done.consent_changes,
            "tokens_revoked": done.tokens_revoked,
            "secrets_ended": done.secrets_ended,
            "apps_stopped": done.apps_stopped,
            "registration_tokens_ended": done.registration_tokens_ended,
            "customers_blocked": done.customers_blocked,
            "disabled": done.is_closed,
            "staff_narrowed": done.staff_narrowed,
            "not_applied": done.not_applied,
            "lost": dict(done.lost),
            "until": optional_time(done.until),
        },
        "live_secrets": [_secret(secret) for secret in institution.live_secrets],
    }


def _secret(secret: Secret) -> dict[str, object]:
    return {
        "secret": secret.display,
        "created_at": time_text(secret.created_at),
        "expires_at": optional_time(secret.expires_at),
    }


def _keys(manifest: Manifest) -> list[str]:
    return [*manifest.peppers, *manifest.encryption_keys]


def _size(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
