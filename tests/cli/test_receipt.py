"""`consentry receipt`: exit codes that scripts can trust, offline, and the keys that sign."""

import json
from pathlib import Path
from zipfile import ZipFile

from consentry.domain.receipt import Wording
from consentry.usecases.receipt.make import ReceiptOrder, make_receipt
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.cli.commands import run
from tests.conftest import OPERATOR, Database

NOTHING = {"CONSENTRY_DATA_DIR": "/nonexistent"}


async def test_a_receipt_is_verified_with_nothing_but_the_published_keys(
    database: Database, services: Services, bku: Tenant, tmp_path: Path
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    made = await make_receipt(services, ReceiptOrder(bku.institution_id, "_budget", OPERATOR, Wording("en", "-")))
    receipt, keys = tmp_path / "receipt.json", tmp_path / "published.json"
    receipt.write_bytes(made.file)
    keys.write_text(run(database.environment, "receipt", "public-key", "--institution", "bku").out)

    verified = run(NOTHING, "receipt", "verify", str(receipt), "--key", str(keys), "--json")
    assert verified.code == 0
    assert verified.document == {"genuine": True, "receipt": json.loads(made.receipt.to_json())}
    told = run(NOTHING, "receipt", "verify", str(receipt), "--key", str(keys))
    assert told.code == 0
    assert f"genuine: receipt {made.receipt.receipt_id} of BKU (bku)" in told.out

    receipt.write_bytes(made.file.replace(b'"active"', b'"paused"'))
    refused = run(NOTHING, "receipt", "verify", str(receipt), "--key", str(keys), "--json")
    assert (refused.code, refused.document["genuine"], refused.document["fault"]) == (3, False, "tampered")
    assert "not genuine" in run(NOTHING, "receipt", "verify", str(receipt), "--key", str(keys)).out

    exported = tmp_path / "audit.jsonl"
    exported.write_text(run(database.environment, "audit", "export", "--institution", "bku").out)
    receipt.write_bytes(made.file)
    words = ("receipt", "verify", str(receipt), "--key", str(keys), "--audit", str(exported))
    assert "audit_entry" in run(NOTHING, *words, "--json").document
    assert "recorded in audit entry" in run(NOTHING, *words).out
    exported.write_text("")
    unrecorded = run(NOTHING, *words, "--json")
    assert (unrecorded.code, unrecorded.document["fault"]) == (3, "not_recorded")

    rotated = run(database.environment, "receipt", "rotate-key", "--institution", "bku", "--json").document
    renewed = run(database.environment, "receipt", "public-key", "--institution", "bku").document
    assert [key["kid"] for key in renewed["keys"]][-1] == rotated["kid"]
    assert all(key.keys() == {"kty", "crv", "x", "kid", "alg", "use"} for key in renewed["keys"]), "no private half"
    single = tmp_path / "single.json"
    single.write_text(json.dumps(renewed["keys"][0]))
    receipt.write_bytes(made.file)
    assert run(NOTHING, "receipt", "verify", str(receipt), "--key", str(single)).code == 0
    single.write_text(json.dumps(renewed["keys"][1]))
    unknown = run(NOTHING, "receipt", "verify", str(receipt), "--key", str(single), "--json")
    assert (unknown.code, unknown.document["fault"]) == (3, "unknown_key")


def test_files_that_cannot_be_read_are_no_verdict(tmp_path: Path) -> None:
    there, no_key = tmp_path / "there.json", tmp_path / "key.json"
    there.write_text("{}")
    no_key.write_text("[]")
    unusable = run(NOTHING, "receipt", "verify", str(there), "--key", str(no_key), "--json")
    assert (unusable.code, unusable.refusal) == (1, "no_public_key")
    no_key.write_text('{"keys": []}')
    missing = run(NOTHING, "receipt", "verify", str(tmp_path / "gone.json"), "--key", str(no_key), "--json")
    assert (missing.code, missing.refusal) == (1, "file_unreadable")
    empty = run(NOTHING, "receipt", "verify", str(there), "--key", str(no_key), "--json")
    assert (empty.code, empty.document["fault"]) == (3, "malformed")


def test_an_unknown_institution_has_no_keys(database: Database) -> None:
    for words in (("public-key",), ("rotate-key", "--json")):
        ran = run(database.environment, "receipt", *words, "--institution", "nobody")
        assert ran.code == 1
        assert "unknown_institution" in ran.err


async def test_evidence_is_written_once_for_its_owner_alone(
    database: Database, services: Services, bku: Tenant, tmp_path: Path
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    output = tmp_path / "anna.zip"
    words = ("receipt", "evidence", "--institution", "bku", "--reason", "Complaint 47", "--output", str(output))
    made = run(database.environment, *words, "--customer", "anna", "--json").document
    assert (made["consents"], made["file"]) == (1, str(output))
    assert output.stat().st_mode & 0o777 == 0o600
    with ZipFile(output) as archive:
        assert "consents/_budget/history.json" in archive.namelist()
    again = run(database.environment, *words, "--customer", "anna", "--json")
    assert (again.code, again.refusal) == (1, "file_exists")
    output.unlink()
    nobody = run(database.environment, *words, "--customer", "nobody", "--json")
    assert (nobody.code, nobody.refusal, output.exists()) == (1, "unknown_consent", False)
