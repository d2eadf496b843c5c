"""Evidence about a customer: whole, signed, of nobody else, and never gathered without a trace."""

import hashlib
import io
import json
from typing import Any
from zipfile import ZipFile

import pytest

from consentry import jose
from consentry.domain.receipt import Wording
from consentry.domain.refusal.request import InvalidScope, UnknownConsent
from consentry.usecases.audit.export import read_line
from consentry.usecases.audit.seal import seal_audit
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.consent.evidence import EVIDENCE_KIND, EvidenceOrder, make_evidence
from consentry.usecases.receipt.make import SignedReceipt
from consentry.usecases.receipt.verify import verify_receipt
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.conftest import OPERATOR
from tests.records.asking import about, token_of


def order(tenant: Tenant, customer_id: str = "anna") -> EvidenceOrder:
    return EvidenceOrder(
        institution_id=tenant.institution_id,
        customer_id=customer_id,
        actor=OPERATOR,
        reason="Complaint 4711",
        wording=Wording("en", "-"),
        draw=lambda signed: b"%PDF " + signed.receipt.receipt_id.encode(),
    )


@pytest.fixture
async def customers(services: Services, bku: Tenant, other: Tenant) -> None:
    """Anna, who disputed one of two consents; bob, and an anna of another institution, with a consent each."""
    for tenant, customer_id, consent_id in (
        (bku, "anna", "_strange"),
        (bku, "anna", "_lender"),
        (bku, "bob", "_bobs"),
        (other, "anna", "_strange"),
    ):
        if consent_id != "_lender":
            await add_customer(services.session, tenant, customer_id)
        await add_consent(services.session, tenant, customer_id, "budget", consent_id)
    await dispute(services.changes, about(await token_of(services, bku, "anna"), "_strange", request_id="mine"))
    await dispute(services.changes, about(await token_of(services, other, "anna"), "_strange", request_id="other"))
    await dispute(services.changes, about(await token_of(services, bku, "bob"), "_bobs", request_id="bobs"))
    await seal_audit(services.session, bku.institution_id)


@pytest.mark.usefixtures("customers")
async def test_it_holds_history_receipts_and_audit_and_a_signed_manifest_of_all(
    services: Services, bku: Tenant
) -> None:
    made = await make_evidence(services, order(bku))
    with ZipFile(io.BytesIO(made.archive)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(files) == [
        "audit.jsonl",
        "consents/_lender/history.json",
        "consents/_lender/receipt.json",
        "consents/_lender/receipt.pdf",
        "consents/_strange/history.json",
        "consents/_strange/receipt.json",
        "consents/_strange/receipt.pdf",
        "manifest.json",
        "manifest.jws",
        "receipt-keys.json",
    ]
    keys = jose.read_public_keys(files["receipt-keys.json"].decode())
    signed = jose.read_statement(files["manifest.jws"].decode(), kind=EVIDENCE_KIND, public_keys=keys, longest=10**6)
    assert signed == files["manifest.json"]
    manifest = json.loads(signed)
    assert (manifest["customer_id"], manifest["reason"]) == ("anna", "Complaint 4711")
    listed = manifest["sha256"]
    assert listed.keys() == files.keys() - {"manifest.json", "manifest.jws"}
    assert all(hashlib.sha256(files[name]).hexdigest() == digest for name, digest in listed.items())

    receipt = verify_receipt(files["consents/_strange/receipt.json"], public_keys=keys)
    assert (receipt.customer_id, receipt.end_reason) == ("anna", "not_recognised")
    told = json.loads(files["consents/_strange/history.json"])
    assert [entry["kind"] for entry in told] == ["disputed", "stopped", "consented"]
    assert told[0]["recorded"]["request_id"] == "mine"
    entries = [read_line(line) for line in files["audit.jsonl"].splitlines()]
    assert sorted(found.sealed.entry.action for found in entries) == ["consent.disputed", "consent.revoked"]
    assert all(found.sealed.sequence for found in entries)
    assert b"bobs" not in b"".join(files.values())
    assert {found.sealed.entry.request_id for found in entries} == {"mine"}


@pytest.mark.usefixtures("customers")
async def test_gathering_it_is_recorded_with_its_reason(services: Services, bku: Tenant, super_connection: Any) -> None:
    made = await make_evidence(services, order(bku))
    rows = await super_connection.fetch(
        "select actor_id, subject_kind, subject_id, after from consentry.audit_entries where action = 'evidence.made'"
    )
    assert [tuple(row)[:3] for row in rows] == [("tester", "customer", "anna")]
    after = json.loads(rows[0]["after"])
    assert len(after.pop("receipts")) == 2
    assert after == {"consents": 2, "reason_text": "Complaint 4711", "manifest_sha256": made.manifest_sha256}


@pytest.mark.usefixtures("customers")
async def test_of_whom_nothing_is_kept_there_is_no_evidence(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    with pytest.raises(UnknownConsent):
        await make_evidence(services, order(bku, "nobody"))
    with pytest.raises(InvalidScope):
        await make_evidence(services, order(bku, "no body"))
    assert not await super_connection.fetchval("select count(*) from consentry.audit_entries where action ~ 'evidence'")


@pytest.mark.usefixtures("customers")
async def test_a_receipt_that_cannot_be_drawn_leaves_no_trace_of_evidence(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    def fail(_: SignedReceipt) -> bytes:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        await make_evidence(
            services, EvidenceOrder(bku.institution_id, "anna", OPERATOR, "x", Wording("en", "-"), fail)
        )
    assert not await super_connection.fetchval("select count(*) from consentry.audit_entries where action ~ 'evidence'")
