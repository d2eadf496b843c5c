"""Gather the evidence about one customer's consents in one file: for a dispute, an auditor, a court.

The file is a ZIP: for each consent its history with who acted and its signed receipt, the audit entries about them, the
public keys, and a manifest that names each file's digest and is signed like a receipt. docs/guides/receipts.md tells
how to check it.
"""

import asyncio
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from consentry import jose
from consentry.domain.actor import Actor
from consentry.domain.consent import newest_first
from consentry.domain.history import HistoryEntry, history
from consentry.domain.institution import Institution
from consentry.domain.receipt import Wording
from consentry.domain.refusal.request import InvalidScope, UnknownConsent
from consentry.domain.scope import is_customer_id
from consentry.store import audit, consents, institutions, receipt_keys, sealing
from consentry.store import history as records
from consentry.store.consents import CustomersConsent
from consentry.store.session import Connection
from consentry.usecases.audit.export import ExportedEntry, write_line
from consentry.usecases.receipt.keys import ReceiptKey, open_receipt_key
from consentry.usecases.receipt.make import SignedReceipt, sign_receipt
from consentry.usecases.services import Services

EVIDENCE_KIND: Final = "consentry-evidence"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EvidenceOrder:
    """Whose evidence is wanted, by whom and why; receipts are in `wording`, drawn as PDF if `draw` is given."""

    institution_id: int
    customer_id: str
    actor: Actor
    reason: str
    wording: Wording
    draw: Callable[[SignedReceipt], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The ZIP, how many consents it is about, and the digest of its manifest, as it stands in the audit."""

    archive: bytes
    consents: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What one transaction has read: ready files by name, the receipts, and what the manifest says beside them."""

    files: Mapping[str, bytes]
    receipts: Mapping[str, SignedReceipt]
    about: Mapping[str, object]
    made_at: datetime
    key: ReceiptKey


async def make_evidence(services: Services, order: EvidenceOrder) -> Evidence:
    """Gather everything about a customer's consents; that it was gathered, by whom and why, is in the audit.

    What is in it is as of one moment. It names a person: whoever gets it has to keep it as such.

    Raises:
        InvalidScope: no customer can have this id.
        UnknownConsent: nothing is kept of this customer.
        KeyringError: the institution's key of receipts can't be opened.
        TemporarilyUnavailable: the store can't be reached or can't write; then there is nothing.
    """
    if not is_customer_id(order.customer_id):
        raise InvalidScope("A customer's id has 1 to 255 visible ASCII characters and no space.")
    gathered = await _gather(services, order)
    archive, manifest = await asyncio.to_thread(_pack, gathered, order.draw)
    digest = hashlib.sha256(manifest).hexdigest()
    async with services.session.begin(order.institution_id) as connection:
        await audit.record(
            connection,
            order.institution_id,
            action="evidence.made",
            actor=order.actor,
            subject=("customer", order.customer_id),
            after={
                "consents": len(gathered.receipts),
                "reason_text": order.reason,
                "manifest_sha256": digest,
                "receipts": {each.receipt.receipt_id: each.digest for each in gathered.receipts.values()},
            },
        )
    return Evidence(archive=archive, consents=len(gathered.receipts), manifest_sha256=digest)


async def _gather(services: Services, order: EvidenceOrder) -> _Gathered:
    institution_id = order.institution_id
    async with services.session.begin(institution_id) as connection:
        key = await open_receipt_key(connection, services.keyring, institution_id)
    async with services.session.begin(institution_id, snapshot=True) as connection:
        customer = await consents.of_customer(connection, institution_id, order.customer_id)
        if not customer.consents:
            raise UnknownConsent("Nothing is kept of a customer with this id.")
        files: dict[str, bytes] = {}
        receipts: dict[str, SignedReceipt] = {}
        for consent in newest_first(customer.consents):
            folder = f"consents/{consent.consent_id}"
            found = CustomersConsent(order.customer_id, consent, customer.accounts, customer.moment)
            receipts[folder] = await sign_receipt(connection, institution_id, found, key=key, wording=order.wording)
            files[f"{folder}/receipt.json"] = receipts[folder].file
            files[f"{folder}/history.json"] = await _history_file(connection, institution_id, found)
        (institution,) = await institutions.visible(connection)
        ids = [consent.consent_id for consent in customer.consents]
        files["audit.jsonl"] = await _audit_file(connection, institution, consent_ids=ids)
        keys = await receipt_keys.public_keys(connection, institution_id)
        files["receipt-keys.json"] = _encode({"keys": [msgspec.Raw(found.encode()) for found in keys.values()]})
    about = {
        "institution": {"id": institution.public_id, "name": institution.name},
        "customer_id": order.customer_id,
        "made_at": _time(customer.moment),
        "made_by": {"kind": order.actor.kind.value, "id": order.actor.actor_id},
        "reason": order.reason,
    }
    return _Gathered(files=files, receipts=receipts, about=about, made_at=customer.moment, key=key)


async def _history_file(connection: Connection, institution_id: int, found: CustomersConsent) -> bytes:
    changes = await records.changes(connection, institution_id, found.consent.consent_id)
    entries = history(found.consent, changes, accounts=found.accounts, now=found.moment, for_staff=True)
    return msgspec.json.format(_encode([history_member(entry) for entry in entries]), indent=2) + b"\n"


async def _audit_file(connection: Connection, institution: Institution, *, consent_ids: list[str]) -> bytes:
    """Give the entries about these consents in the form of an audit export, whose chain they are links of."""
    found = await sealing.entries_about(connection, institution.institution_id, kind="consent", subject_ids=consent_ids)
    return b"".join(write_line(ExportedEntry(institution=institution.public_id, sealed=entry)) for entry in found)


def _pack(gathered: _Gathered, draw: Callable[[SignedReceipt], bytes] | None) -> tuple[bytes, bytes]:
    """Give the ZIP and its manifest; everything that takes the processor's time is here."""
    files = dict(gathered.files)
    if draw is not None:
        files |= {f"{folder}/receipt.pdf": draw(signed) for folder, signed in gathered.receipts.items()}
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    manifest = msgspec.json.format(_encode({**gathered.about, "sha256": listed}), indent=2) + b"\n"
    key = gathered.key
    files["manifest.json"] = manifest
    files["manifest.jws"] = jose.sign_statement(manifest, kind=EVIDENCE_KIND, kid=key.kid, key=key.secret).encode()
    packed = io.BytesIO()
    with ZipFile(packed, "w", compression=ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, date_time=gathered.made_at.astimezone(UTC).timetuple()[:6])
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)
    return packed.getvalue(), manifest


def history_member(entry: HistoryEntry) -> dict[str, object]:
    """Give an entry of a history as a JSON object, with the account's nickname and its last four digits."""
    trace = entry.trace
    return {
        "at": _time(entry.at),
        "kind": entry.kind.value,
        "by": entry.by.value,
        "account": None if entry.account is None else entry.account.nickname,
        "last_four": None if entry.account is None else entry.account.number_display[-4:],
        "reason": entry.reason,
        "reason_text": entry.reason_text,
        "recorded": None
        if trace is None
        else {
            "at": _time(trace.recorded_at),
            "actor_kind": trace.actor_kind,
            "actor_id": trace.actor_id,
            "request_id": trace.request_id,
            "version": trace.version,
        },
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"
