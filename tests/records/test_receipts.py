"""Receipts: what is on them, who gets one, and that nothing of one can be changed unnoticed."""

import asyncio
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zipfile import ZipFile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentry import jose
from consentry.domain.consent import ConsentStatus
from consentry.domain.receipt import Receipt, Wording
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.request import InvalidToken, UnknownConsent
from consentry.store.consents import Subject
from consentry.usecases.audit.export import export_audit, read_line
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.consent.evidence import EvidenceOrder, make_evidence
from consentry.usecases.consent.share_account import share_account
from consentry.usecases.keys.replace_lost import replace_lost_keys
from consentry.usecases.keys.reseal import reseal_keys
from consentry.usecases.receipt.keys import RECEIPT_KIND, receipt_public_keys, rotate_receipt_key
from consentry.usecases.receipt.make import ReceiptOrder, SignedReceipt, make_receipt, write_receipt_file
from consentry.usecases.receipt.verify import NotGenuine, ReceiptFault, find_record, verify_receipt
from consentry.usecases.services import Services
from consentry.wiring import open_services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import OPERATOR, Database
from tests.records.asking import SOURCE, about, customer_actor, token_of

SAVINGS = ACCOUNTS[1]["account_id"]
PAST = datetime(2025, 1, 1, tzinfo=UTC)
ENGLISH = Wording("en", "sha256:0")


@pytest.fixture
async def anna(services: Services, bku: Tenant) -> Subject:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    return await token_of(services, bku, "anna")


def order(subject: Subject, consent_id: str = "_budget", *, request_id: str = "r1") -> ReceiptOrder:
    return ReceiptOrder(subject.institution_id, consent_id, customer_actor(subject, request_id), ENGLISH, subject)


async def keys_of(services: Services, tenant: Tenant) -> dict[str, str]:
    return await receipt_public_keys(services.session, institution=tenant.public_id)


def fault(file: bytes, keys: dict[str, str]) -> ReceiptFault:
    with pytest.raises(NotGenuine) as caught:
        verify_receipt(file, public_keys=keys)
    assert str(caught.value).endswith(".")
    return caught.value.fault


async def test_a_receipt_tells_the_consent_as_it_is_and_verifies_offline(
    services: Services, bku: Tenant, anna: Subject
) -> None:
    await share_account(services.changes, about(anna, "_budget"), account_id=SAVINGS, enabled=True)
    made = await make_receipt(services, order(anna))
    receipt = verify_receipt(made.file, public_keys=await keys_of(services, bku))
    assert receipt.to_json() == made.receipt.to_json()
    assert (receipt.institution_id, receipt.customer_id, receipt.consent_id) == ("bku", "anna", "_budget")
    assert (receipt.version, receipt.status, receipt.application_name) == (2, ConsentStatus.ACTIVE, "Budget")
    assert [(a.nickname, a.last_four) for a in receipt.accounts] == [
        ("Everyday Checking", "1234"),
        ("Rainy Day", "5678"),
    ]
    assert (receipt.ended_at, receipt.ended_by, receipt.has_ended) == (None, None, False)
    shown = json.loads(made.file)["receipt"]
    assert shown["consent"]["data_clusters"] == ["ACCOUNT_BASIC", "TRANSACTIONS"]
    assert "ACT-" not in made.file.decode(), "handles of accounts are the bank's"


async def test_a_receipt_of_an_end_says_who_ended_it_and_that_it_was_disputed(
    services: Services, bku: Tenant, anna: Subject
) -> None:
    await dispute(services.changes, about(anna, "_budget"))
    await add_consent(services.session, bku, "anna", "lender", "_old", expires_at=PAST)
    disputed = (await make_receipt(services, order(anna))).receipt
    assert (disputed.status, disputed.ended_by, disputed.end_reason) == ("revoked", "customer", "not_recognised")
    assert disputed.disputed_at == disputed.ended_at
    expired = (await make_receipt(services, order(anna, "_old"))).receipt
    assert (expired.status, expired.ended_by, expired.ended_at) == (ConsentStatus.EXPIRED, "expiry", PAST)


async def test_making_a_receipt_is_in_the_audit_with_its_digest(
    services: Services, bku: Tenant, anna: Subject, super_connection: Any
) -> None:
    made = await make_receipt(services, order(anna, request_id="r8"))
    row = await super_connection.fetchrow(
        """select actor_kind, actor_id, source, request_id, subject_kind, subject_id, after
           from consentry.audit_entries where action = 'receipt.made'"""
    )
    assert tuple(row[:6]) == ("customer", "anna", SOURCE, "r8", "consent", "_budget")
    after = json.loads(row[6])
    assert after["receipt_id"] == made.receipt.receipt_id
    assert after["sha256"] == hashlib.sha256(made.receipt.to_json()).hexdigest()
    assert list(await keys_of(services, bku)) == [after["kid"]]


async def test_a_receipt_is_found_in_an_audit_export_by_its_digest(
    services: Services, bku: Tenant, other: Tenant, anna: Subject
) -> None:
    made = await make_receipt(services, order(anna))
    gathered = await make_evidence(services, EvidenceOrder(bku.institution_id, "anna", OPERATOR, "x", ENGLISH))
    with ZipFile(io.BytesIO(gathered.archive)) as archive:
        within = verify_receipt(archive.read("consents/_budget/receipt.json"), public_keys=await keys_of(services, bku))
    entries = [read_line(line) async for line in export_audit(services.session, bku.institution_id)]
    assert find_record(made.receipt, entries).sealed.entry.action == "receipt.made"
    assert find_record(within, entries).sealed.entry.action == "evidence.made"
    others = [read_line(line) async for line in export_audit(services.session, other.institution_id)]
    for receipt, export in (
        (made.receipt, others),
        (replace(made.receipt, institution_id="other"), entries),
        (replace(made.receipt, receipt_id="x"), entries),
        (replace(made.receipt, version=9), entries),
        (made.receipt, [replace(each, institution="other") for each in entries]),
    ):
        with pytest.raises(NotGenuine) as caught:
            find_record(receipt, export)
        assert caught.value.fault is ReceiptFault.NOT_RECORDED


async def test_nobody_gets_a_receipt_that_is_not_theirs(
    services: Services, bku: Tenant, other: Tenant, anna: Subject, super_connection: Any
) -> None:
    await add_customer(services.session, bku, "bob")
    await add_consent(services.session, bku, "bob", "budget", "_bobs")
    await add_customer(services.session, other, "anna")
    await add_consent(services.session, other, "anna", "budget", "_elsewhere")
    for consent_id in ("_bobs", "_elsewhere", "_nothing"):
        with pytest.raises(UnknownConsent):
            await make_receipt(services, order(anna, consent_id))
    staff = ReceiptOrder(bku.institution_id, "_elsewhere", OPERATOR, ENGLISH)
    with pytest.raises(UnknownConsent):
        await make_receipt(services, staff)
    await super_connection.execute("update consentry.tokens set revoked_at = now()")
    with pytest.raises(InvalidToken):
        await make_receipt(services, order(anna))
    assert not await super_connection.fetchval("select count(*) from consentry.audit_entries where action ~ 'receipt'")
    made = await make_receipt(services, ReceiptOrder(bku.institution_id, "_bobs", OPERATOR, ENGLISH))
    assert made.receipt.customer_id == "bob"


async def test_each_institution_signs_with_its_own_key(
    services: Services, bku: Tenant, other: Tenant, anna: Subject
) -> None:
    await add_customer(services.session, other, "anna")
    await add_consent(services.session, other, "anna", "budget", "_budget")
    mine = await make_receipt(services, order(anna))
    theirs = await make_receipt(services, ReceiptOrder(other.institution_id, "_budget", OPERATOR, ENGLISH))
    assert fault(mine.file, await keys_of(services, other)) is ReceiptFault.UNKNOWN_KEY
    assert fault(theirs.file, await keys_of(services, bku)) is ReceiptFault.UNKNOWN_KEY
    with pytest.raises(UnknownInstitution):
        await receipt_public_keys(services.session, institution="nobody")


async def test_of_many_first_receipts_at_once_one_makes_the_key(services: Services, bku: Tenant, anna: Subject) -> None:
    made = await asyncio.gather(*(make_receipt(services, order(anna)) for _ in range(64)))
    keys = await keys_of(services, bku)
    assert len(keys) == 1
    assert len({verify_receipt(each.file, public_keys=keys).receipt_id for each in made}) == 64


async def test_a_rotated_key_leaves_older_receipts_verifiable(
    services: Services, bku: Tenant, anna: Subject, super_connection: Any
) -> None:
    first = await make_receipt(services, order(anna))
    old = await keys_of(services, bku)
    kids = await asyncio.gather(*(rotate_receipt_key(services, bku.institution_id, actor=OPERATOR) for _ in range(4)))
    second = await make_receipt(services, order(anna))
    keys = await keys_of(services, bku)
    assert set(keys) == {*old, *kids}
    assert len(await super_connection.fetch("select from consentry.receipt_keys where retired_at is null")) == 1
    for each in (first, second):
        assert verify_receipt(each.file, public_keys=keys) is not None
    assert fault(second.file, old) is ReceiptFault.UNKNOWN_KEY
    actions = await super_connection.fetchval(
        "select count(*) from consentry.audit_entries where action ~ '^receipt_key'"
    )
    assert actions == 4


async def test_keys_of_receipts_move_with_the_others_and_survive_their_loss(
    database: Database, services: Services, bku: Tenant, anna: Subject
) -> None:
    given_before = await make_receipt(services, order(anna))
    rotated = database.keyring.with_new_keys()
    async with open_services(database.app_url, rotated, connections=4) as renewed:
        assert await reseal_keys(renewed, actor=OPERATOR) >= 2
        assert await reseal_keys(renewed, actor=OPERATOR) == 0
        moved = await make_receipt(renewed, order(anna))
        assert moved.jws.split(".")[0] == given_before.jws.split(".")[0], "the key is the same"
    fresh = rotated.with_new_keys().only(peppers=set(), encryption_keys=set())
    async with open_services(database.app_url, fresh, connections=4) as bereft:
        await replace_lost_keys(bereft, [rotated.current_encryption_key], actor=OPERATOR)
        keys = await keys_of(bereft, bku)
        after = await make_receipt(bereft, ReceiptOrder(bku.institution_id, "_budget", OPERATOR, ENGLISH))
        keys = await keys_of(bereft, bku)
        for each in (given_before, moved, after):
            assert verify_receipt(each.file, public_keys=keys) is not None
        assert len(keys) == 2
    again = fresh.with_new_keys()
    async with open_services(database.app_url, again, connections=4) as later:
        assert await reseal_keys(later, actor=OPERATOR) >= 3, "what stands for lost keys moves as well"


# --------------------------------------------------------------------------------------------- tampering

KID, SECRET, PUBLIC = jose.new_statement_key()
KEYS = {KID: PUBLIC}
RECEIPT = Receipt(
    receipt_id="0193-1",
    made_at=PAST,
    institution_id="bku",
    institution_name="Bank “Ünïon”",
    customer_id="U-1",
    consent_id="_c1",
    version=3,
    status=ConsentStatus.ACTIVE,
    application_id="budget",
    application_name='Budget "\\" Ltd',
    intermediary_name=None,
    purpose="Sees where your money goes.",
    data_clusters=("BALANCES",),
    accounts=(),
    shares_new_accounts=True,
    consented_on=PAST,
    expires_at=None,
    paused_at=None,
    ended_at=None,
    ended_by=None,
    end_reason=None,
    disputed_at=None,
    last_accessed=None,
    wording=ENGLISH,
)


def signed(receipt: Receipt, *, kind: str = RECEIPT_KIND) -> SignedReceipt:
    return SignedReceipt(receipt, jose.sign_statement(receipt.to_json(), kind=kind, kid=KID, key=SECRET))


FILE = signed(RECEIPT).file
BARE = signed(RECEIPT).jws.encode()


def test_what_is_signed_is_read_back_whole() -> None:
    assert verify_receipt(FILE, public_keys=KEYS) == RECEIPT
    assert verify_receipt(BARE, public_keys=KEYS) == RECEIPT
    assert verify_receipt(BARE + b"\n", public_keys=KEYS) == RECEIPT
    assert verify_receipt(msgspec.json.format(FILE, indent=-1), public_keys=KEYS) == RECEIPT, "its spaces do not matter"


@settings(max_examples=400)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_no_byte_of_a_receipt_can_be_changed_unnoticed(place: int, difference: int) -> None:
    changed = bytearray(FILE)
    changed[place] ^= difference
    if chr(changed[place]).isspace() and chr(FILE[place]).isspace():
        return
    fault(bytes(changed), KEYS)


def test_no_character_of_the_signed_part_can_be_changed_unnoticed() -> None:
    for place in range(len(BARE)):
        for other in (b"A", b"B", b"_", b"."):
            if BARE[place : place + 1] != other:
                fault(BARE[:place] + other + BARE[place + 1 :], KEYS)


@given(st.integers(0, len(FILE)), st.integers(0, len(FILE)), st.binary(max_size=40))
def test_nothing_can_be_cut_out_or_put_in(start: int, end: int, put: bytes) -> None:
    start, end = min(start, end), max(start, end)
    changed = FILE[:start] + put + FILE[end:]
    try:
        same = msgspec.json.format(changed, indent=-1) == msgspec.json.format(FILE, indent=-1)
    except msgspec.DecodeError:
        same = False
    if not same:
        fault(changed, KEYS)


def test_the_text_must_be_what_was_signed() -> None:
    payload, jws = RECEIPT.to_json(), signed(RECEIPT).jws
    assert fault(write_receipt_file(payload.replace(b'"active"', b'"paused"'), jws), KEYS) is ReceiptFault.TAMPERED
    # A member told twice is read differently by different programs.
    told_twice = FILE.replace(b'"version": 3', b'"version": 9, "version": 3')
    assert fault(told_twice, KEYS) is ReceiptFault.TAMPERED
    first = b'{"receipt": {"status": "revoked"},' + FILE.lstrip(b"{")
    assert fault(first, KEYS) is ReceiptFault.TAMPERED
    assert fault(FILE.replace(b'"jws"', b'"note": "x", "jws"'), KEYS) is ReceiptFault.MALFORMED


def test_signed_parts_are_not_exchanged() -> None:
    later = signed(replace(RECEIPT, version=4))
    assert fault(write_receipt_file(RECEIPT.to_json(), later.jws), KEYS) is ReceiptFault.TAMPERED
    head, _, tail = later.jws.split(".")
    mixed = f"{head}.{signed(RECEIPT).jws.split('.')[1]}.{tail}"
    assert fault(mixed.encode(), KEYS) is ReceiptFault.TAMPERED


def test_what_the_key_signed_for_another_purpose_is_no_receipt() -> None:
    checkpoint = signed(RECEIPT, kind="consentry-checkpoint")
    assert fault(checkpoint.file, KEYS) is ReceiptFault.MALFORMED
    other = jose.sign_statement(b'{"receipt_id": "1"}', kind=RECEIPT_KIND, kid=KID, key=SECRET)
    assert fault(other.encode(), KEYS) is ReceiptFault.MALFORMED


def test_another_key_under_the_known_name_does_not_verify() -> None:
    _, _, stranger = jose.new_statement_key()
    assert fault(FILE, {KID: stranger}) is ReceiptFault.TAMPERED
    assert fault(FILE, {}) is ReceiptFault.UNKNOWN_KEY


@pytest.mark.parametrize(
    "file", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"jws": 1}', b"a.b.c", b"{}", b"x" * 2_000_000]
)
def test_what_is_no_receipt_is_malformed(file: bytes) -> None:
    assert fault(file, KEYS) is ReceiptFault.MALFORMED


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
moments = st.integers(0, 10**9).map(lambda milliseconds: PAST + milliseconds * timedelta(milliseconds=1))


@settings(max_examples=60)
@given(
    st.builds(
        Receipt,
        receipt_id=texts,
        institution_name=texts,
        application_name=texts,
        purpose=st.none() | texts,
        intermediary_name=st.none() | texts,
        made_at=moments,
        consented_on=moments,
        expires_at=st.none() | moments,
        paused_at=st.none() | moments,
        ended_at=st.none() | moments,
        disputed_at=st.none() | moments,
        last_accessed=st.none() | moments,
    )
)
def test_any_receipt_is_read_back_as_it_was_signed(receipt: Receipt) -> None:
    assert verify_receipt(signed(receipt).file, public_keys=KEYS) == receipt
