"""Verify a receipt offline: with nothing but the file and the institution's public keys."""

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from consentry import jose
from consentry.domain.receipt import Receipt
from consentry.usecases.audit.export import ExportedEntry
from consentry.usecases.receipt.keys import RECEIPT_KIND
from consentry.usecases.receipt.make import ReceiptFile, write_receipt_file

LONGEST_FILE: Final = 1024 * 1024
_LONGEST_JWS: Final = 768 * 1024


_RECORDS: Final = frozenset({"receipt.made", "evidence.made"})


class _Recorded(msgspec.Struct, frozen=True):
    receipt_id: str = ""
    sha256: str = ""
    receipts: dict[str, str] = {}


class ReceiptFault(StrEnum):
    """What is wrong with a receipt: part of the interface, so that scripts can tell one from the other."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    TAMPERED = "tampered"
    NOT_RECORDED = "not_recorded"


class NotGenuine(Exception):
    """A file that is no receipt of these keys' institution, or was changed; the message says what is wrong."""

    def __init__(self, fault: ReceiptFault, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = fault


def verify_receipt(file: bytes, *, public_keys: Mapping[str, str]) -> Receipt:
    """Give the receipt in a file if one of these keys (JWKs by id) signed it and nothing in it was changed since.

    Beside the signature, the text that people read must be the very text that was signed; how it is indented does not
    matter. A bare JWS, without the text, is taken as well.

    Raises:
        NotGenuine: it is not; `fault` says how.
    """
    if len(file) > LONGEST_FILE:
        raise NotGenuine(ReceiptFault.MALFORMED, "The file is too long to be a receipt.")
    jws = _jws_in(file)
    try:
        payload = jose.read_statement(jws, kind=RECEIPT_KIND, public_keys=public_keys, longest=_LONGEST_JWS)
    except jose.UnknownStatementKey:
        raise NotGenuine(
            ReceiptFault.UNKNOWN_KEY,
            "It was signed with a key that is not among those given: get the institution's current key set.",
        ) from None
    except jose.BrokenSignature:
        raise NotGenuine(
            ReceiptFault.TAMPERED, "Its signature does not hold: what was signed has been changed."
        ) from None
    except jose.InvalidStatement as error:
        raise NotGenuine(ReceiptFault.MALFORMED, f"Its signed part is no signed receipt: {error}.") from None
    if not _is_bare(file) and _condensed(file) != _condensed(write_receipt_file(payload, jws)):
        raise NotGenuine(
            ReceiptFault.TAMPERED, "The text in it is not the text that was signed: it has been changed since."
        )
    try:
        return Receipt.from_json(payload)
    except ValueError:
        raise NotGenuine(ReceiptFault.MALFORMED, "What was signed is no receipt that this version knows.") from None


def find_record(receipt: Receipt, exported: Iterable[ExportedEntry]) -> ExportedEntry:
    """Give the entry of an audit export that records the making of a genuine receipt.

    That the export itself holds is to be verified apart (usecases/audit/verify_export.py).

    Raises:
        NotGenuine: no entry of its institution records a receipt with this id and this digest.
    """
    wanted = (receipt.receipt_id, hashlib.sha256(receipt.to_json()).hexdigest())
    for line in exported:
        if line.institution == receipt.institution_id and wanted in _recorded(line).items():
            return line
    raise NotGenuine(
        ReceiptFault.NOT_RECORDED,
        "The audit export records no such receipt: it was made after the export, or not by this installation.",
    )


def _recorded(line: ExportedEntry) -> Mapping[str, str]:
    """Give the digests of the receipts that an entry records, by their ids."""
    entry = line.sealed.entry
    if entry.action not in _RECORDS or entry.outcome != "done" or entry.after is None:
        return {}
    try:
        found = msgspec.json.decode(entry.after, type=_Recorded)
    except msgspec.DecodeError:
        return {}
    return {**found.receipts, found.receipt_id: found.sha256}


def _jws_in(file: bytes) -> str:
    try:
        if _is_bare(file):
            return file.strip().decode("ascii")
        return msgspec.json.decode(file, type=ReceiptFile).jws
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotGenuine(
            ReceiptFault.MALFORMED, "It is no receipt: a JSON object with the members receipt and jws is expected."
        ) from None


def _is_bare(file: bytes) -> bool:
    return not file.lstrip().startswith(b"{")


def _condensed(file: bytes) -> bytes:
    """Give JSON without the spaces and line ends around its members."""
    return msgspec.json.format(file, indent=-1)
