"""`consentry receipt`: make a customer's receipt, verify one offline, and the keys that sign them."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from consentry import jose
from consentry.cli.audit import exported_entries
from consentry.cli.exit_codes import DONE, PROBLEMS_FOUND
from consentry.cli.installation import InstallationError, open_installation
from consentry.cli.options import InstitutionId, Json, operator
from consentry.cli.output import shown_time, write_document, write_line
from consentry.config import Settings
from consentry.domain.receipt import NO_WORDING, Receipt
from consentry.usecases.consent.evidence import EvidenceOrder, make_evidence
from consentry.usecases.institution.list_all import find_institution
from consentry.usecases.receipt.keys import receipt_public_keys, rotate_receipt_key
from consentry.usecases.receipt.verify import NotGenuine, find_record, verify_receipt

receipt_app = App(name="receipt", help="Receipts of consents: verify one offline, and the keys that sign them.")


@receipt_app.command(name="verify")
def verify(
    file: Annotated[Path, Parameter(help="The receipt: the JSON file that was downloaded.")],
    /,
    *,
    key: Annotated[Path, Parameter(help="The institution's public keys: what receipt public-key writes.")],
    audit: Annotated[Path | None, Parameter(help="An audit export that has to record it, too.")] = None,
    as_json: Json = False,
) -> int:
    """Verify a receipt offline: no database, no settings, no keys of the installation.

    Exit code 0: genuine, nothing in it was changed. 3: it is not, and it is said why: `tampered`, `unknown_key`,
    `malformed` or, with `--audit`, `not_recorded`. 1: a file can't be read.

    Example: `consentry receipt verify receipt.json --key bku-receipt-keys.json`
    """
    try:
        receipt = verify_receipt(_bytes_of(file), public_keys=_keys_in(key))
        record = None if audit is None else find_record(receipt, exported_entries(audit))
    except NotGenuine as error:
        if as_json:
            write_document({"genuine": False, "fault": error.fault.value, "sentence": str(error)})
        else:
            write_line(f"not genuine: {error} ({error.fault.value})")
        return PROBLEMS_FOUND
    if as_json:
        about = {} if record is None else {"audit_entry": str(record.sealed.entry.entry_id)}
        write_document({"genuine": True, "receipt": msgspec.Raw(receipt.to_json()), **about})
    else:
        _tell(receipt)
        if record is not None:
            number = record.sealed.sequence
            sealed = "not sealed yet" if number is None else f"sealed with number {number}"
            write_line(f"  recorded in audit entry {record.sealed.entry.entry_id}, {sealed}")
    return DONE


@receipt_app.command(name="public-key")
async def public_key(*, institution: InstitutionId) -> None:
    """Write the public keys of an institution's receipts as a JSON Web Key Set, older ones included.

    The same is at `/receipts/INSTITUTION/keys` for everybody.

    Example: `consentry receipt public-key --institution bku > bku-receipt-keys.json`
    """
    async with open_installation(Settings.read()) as installation:
        keys = await receipt_public_keys(installation.services.session, institution=institution)
    write_document({"keys": [msgspec.Raw(found.encode()) for found in keys.values()]})


@receipt_app.command(name="rotate-key")
async def rotate_key(*, institution: InstitutionId, as_json: Json = False) -> None:
    """Sign receipts with a new key from now on; those that were given stay verifiable.

    Example: `consentry receipt rotate-key --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        kid = await rotate_receipt_key(installation.services, found.institution_id, actor=operator())
    if as_json:
        write_document({"kid": kid})
    else:
        write_line(f"Receipts of {institution} are signed with {kid} from now on.")


@receipt_app.command(name="evidence")
async def evidence(
    *,
    institution: InstitutionId,
    customer: Annotated[str, Parameter(help="The customer's id, as the institution's app uses it.")],
    reason: Annotated[str, Parameter(help="Why it is gathered; it stands in the audit and in the file.")],
    output: Annotated[Path, Parameter(help="A new file to write to, a ZIP.")],
    as_json: Json = False,
) -> None:
    """Gather everything about one customer's consents in one signed file; that is recorded.

    Example: `consentry receipt evidence --institution bku --customer U-1 --reason "Complaint 47" --output u-1.zip`
    """
    if output.exists():
        raise InstallationError("file_exists", f"{output} is there already; choose another name.")
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        order = EvidenceOrder(found.institution_id, customer, operator(), reason, wording=NO_WORDING)
        made = await make_evidence(installation.services, order)
    _write_new(output, made.archive)
    if as_json:
        write_document({"file": str(output), "consents": made.consents, "manifest_sha256": made.manifest_sha256})
    else:
        write_line(f"{output}: {made.consents} consents; SHA-256 of its manifest {made.manifest_sha256}")


def _write_new(output: Path, content: bytes) -> None:
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except FileExistsError:
        raise InstallationError("file_exists", f"{output} is there already; choose another name.") from None
    except OSError as error:
        raise InstallationError("file_unwritable", f"{output} can't be written ({error}).") from None


def _tell(receipt: Receipt) -> None:
    ended = "" if receipt.ended_at is None else f", ended {shown_time(receipt.ended_at)} by {receipt.ended_by}"
    write_line(f"genuine: receipt {receipt.receipt_id} of {receipt.institution_name} ({receipt.institution_id})")
    write_line(f"  made {shown_time(receipt.made_at)}, customer {receipt.customer_id}")
    write_line(f"  consent {receipt.consent_id} for {receipt.application_name}, version {receipt.version}")
    write_line(f"  {receipt.status.value} at that moment, since {shown_time(receipt.consented_on)}{ended}")


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InstallationError("file_unreadable", f"{file} can't be read ({error}).") from None


def _keys_in(file: Path) -> dict[str, str]:
    try:
        return jose.read_public_keys(_bytes_of(file).decode())
    except UnicodeDecodeError:
        raise InstallationError("no_public_key", f"{file} can't be used: it is no text.") from None
    except jose.InvalidStatement as error:
        raise InstallationError("no_public_key", f"{file} can't be used: {error}.") from None
