"""A file that is not valid changes nothing, and each fault is told by line, field and what was expected."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consentry.domain.refusal.institution import InvalidInstitution, UnknownInstitution
from consentry.domain.refusal.operating import ImportUnreadable
from consentry.usecases.importing.lines import LineReader
from consentry.usecases.importing.reading import chunks
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.importing.conftest import Look
from tests.importing.forms import (
    AT,
    CHECKING,
    ICON,
    LATER,
    SAVINGS,
    Importer,
    agency,
    application,
    consent,
    customer,
    encoded,
    entry,
    institution,
    listed,
    shared,
)

A_TIME = "a time with its zone, like 2024-06-14T19:48:18.354Z"
A_NAME = "a text of 1 to 200 characters"
AN_ID = "1 to 255 visible ASCII characters without spaces"
MASKED = "a masked number like XXXXXXXX1234, with at most four digits"
GONE = object()


def read(*lines: Any) -> list[str]:
    """Read lines by themselves, and give what is said of them."""
    (chunk,) = chunks(io.BytesIO(encoded(*lines)))
    _, faults = LineReader("bku", datetime.now(UTC)).read(chunk)
    return [fault.sentence for fault in faults]


def without(line: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in line.items() if member != name}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("id", "c1", "a consent's id: _ and 1 to 63 letters, digits, - and _"),
        ("id", "_" + "c" * 64, "a consent's id: _ and 1 to 63 letters, digits, - and _"),
        ("id", "_c1\n", "a consent's id: _ and 1 to 63 letters, digits, - and _"),
        ("id", 1, "a consent's id: _ and 1 to 63 letters, digits, - and _"),
        ("id", GONE, "a consent's id: _ and 1 to 63 letters, digits, - and _; it is missing"),
        ("customer_id", "", AN_ID),
        ("customer_id", "with space", AN_ID),
        ("customer_id", "ünï", AN_ID),
        ("customer_id", "c" * 256, AN_ID),
        ("customer_id", None, AN_ID),
        ("customer_id", GONE, f"{AN_ID}; it is missing"),
        ("application_id", "", AN_ID),
        ("application_id", "with space", AN_ID),
        ("application_id", 7, AN_ID),
        ("application_id", GONE, f"{AN_ID}; it is missing"),
        ("application_name", "", A_NAME),
        ("application_name", "x" * 201, A_NAME),
        ("application_name", None, A_NAME),
        ("application_name", "Budge\x00t", "a text without control characters"),
        ("application_icon_url", "http://icons.example/x.png", "an https address of at most 2048 characters, or null"),
        (
            "application_icon_url",
            "https://icons.example/" + "x" * 2048,
            "an https address of at most 2048 characters, or null",
        ),
        ("application_icon_url", 5, "an https address of at most 2048 characters, or null"),
        ("created_at", "2024-06-14", A_TIME),
        ("created_at", "2024-06-14T19:48:18.354", A_TIME),
        ("created_at", "2024-02-30T19:48:18Z", A_TIME),
        ("created_at", 1718394498, A_TIME),
        ("created_at", None, A_TIME),
        ("created_at", GONE, f"{A_TIME}; it is missing"),
        ("created_at", "9999-12-31T23:59:59-05:00", "a time between the years 1 and 9999 in UTC"),
        ("created_at", "0001-01-01T00:00:00+05:00", "a time between the years 1 and 9999 in UTC"),
        ("consented_on", "yesterday", A_TIME),
        ("consented_on", GONE, f"{A_TIME}; it is missing"),
        ("last_accessed", "", f"{A_TIME}, or null"),
        ("last_accessed", GONE, f"{A_TIME}, or null; it is missing"),
        ("revoked_at", False, f"{A_TIME}, or null"),
        ("revoked_at", GONE, f"{A_TIME}, or null; it is missing"),
        ("expires_at", "soon", f"{A_TIME}, or null"),
        ("paused_at", "soon", f"{A_TIME}, or null"),
        ("auto_enable_future_accounts", "true", "true or false"),
        ("auto_enable_future_accounts", 1, "true or false"),
        ("auto_enable_future_accounts", GONE, "true or false; it is missing"),
        ("accounts", None, "an array of accounts"),
        ("accounts", {}, "an array of accounts"),
        ("accounts", GONE, "an array of accounts; it is missing"),
        ("status", "live", "one of active, paused, expired, revoked, or null"),
        ("status", "revoked", '"revoked" where there is a revoked_at, and only there'),
        ("revoked_by", "nobody", "one of customer, institution, recipient, system, or null"),
        ("revoked_by", "customer", "null, as there is no revoked_at"),
        ("revocation_reason", "", "a text of 1 to 100 characters, or null"),
        ("revocation_reason", "user_action", "null, as there is no revoked_at"),
        ("data_clusters", "ACCOUNT_BASIC", "an array of FDX DataCluster values, such as ACCOUNT_BASIC"),
        ("type", "consents", "one of institution, intermediary, application, customer, consent"),
        ("type", 5, "one of institution, intermediary, application, customer, consent"),
    ],
)
def test_each_field_of_a_consent_is_checked(field: str, value: object, expected: str) -> None:
    line = without(consent(), field) if value is GONE else {**consent(), field: value}
    assert read(application(), line) == [f"line 2, {field}: expected {expected}"]


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        (
            {"status": "active", "revoked_at": LATER},
            'status: expected "revoked" where there is a revoked_at, and only there',
        ),
        ({"status": "active", "paused_at": LATER}, 'paused_at: expected null, as the status is "active"'),
        ({"status": "expired"}, 'expires_at: expected a time in the past, as the status is "expired"'),
        (
            {"status": "expired", "expires_at": "2999-01-01T00:00:00Z"},
            'expires_at: expected a time in the past, as the status is "expired"',
        ),
        ({"data_clusters": ["basic"]}, "data_clusters[0]: expected an FDX DataCluster value, each once"),
        ({"data_clusters": ["BILLS", "BILLS"]}, "data_clusters[1]: expected an FDX DataCluster value, each once"),
        (
            {"data_clusters": ["BILLS", 5]},
            "data_clusters[1]: expected an array of FDX DataCluster values, such as ACCOUNT_BASIC",
        ),
        ({"accounts": [shared(CHECKING), 5]}, "accounts[1]: expected an array of accounts"),
        ({"accounts": [shared(CHECKING), shared(CHECKING)]}, "accounts[1].account_id: expected each account once"),
        (
            {"accounts": [without(shared(CHECKING), "enabled")]},
            "accounts[0].enabled: expected true or false; it is missing",
        ),
        (
            {"accounts": [shared({**CHECKING, "account_id": ""})]},
            "accounts[0].account_id: expected a text of 1 to 255 characters",
        ),
        ({"accounts": [{**shared(CHECKING), "enabled": None}]}, "accounts[0].enabled: expected true or false"),
        (
            {"accounts": [shared({**CHECKING, "nickname": "n" * 201})]},
            "accounts[0].nickname: expected a text of at most 200 characters",
        ),
        (
            {"accounts": [shared({**CHECKING, "nickname": "line\nfeed"})]},
            "accounts[0].nickname: expected a text without control characters",
        ),
        (
            {"accounts": [shared({**CHECKING, "account_number_display": "1234567890"})]},
            f"accounts[0].account_number_display: expected {MASKED}",
        ),
        (
            {"accounts": [shared({**CHECKING, "account_number_display": ""})]},
            f"accounts[0].account_number_display: expected {MASKED}",
        ),
    ],
)
def test_what_a_consent_says_must_agree_with_itself(members: dict[str, Any], fault: str) -> None:
    assert read(application(), consent(**members)) == [f"line 2, {fault}"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"[]", "expected one whole JSON object in UTF-8"),
        (b"5", "expected one whole JSON object in UTF-8"),
        (b'{"type": "consent"', "expected one whole JSON object in UTF-8; this one is cut off or malformed"),
        (
            b'{"type": "consent", "id": "\xff"}',
            "expected one whole JSON object in UTF-8; this one is cut off or malformed",
        ),
        (b"[" * 100_000, "expected one whole JSON object in UTF-8"),
        (b'{"a":' * 100_000, "expected one whole JSON object in UTF-8; this one is cut off or malformed"),
        (b'{"type":"customer","customer_id":"' + b"x" * 1024 * 1024 + b'"}', "expected a line of at most 1 MiB"),
        (b"x" * 5 * 1024 * 1024, "expected a line of at most 1 MiB"),
        (b"{}", "type: expected one of institution, intermediary, application, customer, consent; it is missing"),
        (
            b'{"customer_id": "c"}',
            "type: expected one of institution, intermediary, application, customer, consent; it is missing",
        ),
        (b'{"customer_id": "c", "consents": null}', "consents: expected an array of consents"),
        (b'{"consents": []}', f"customer_id: expected {AN_ID}; it is missing"),
        (institution("other"), 'institution_id: expected "bku", the institution of this import'),
        (institution(name="\u200b"), f"name: expected {A_NAME}"),
        (institution(host="not a host"), "host: expected the name of a host, or null"),
        (institution(hostname="x"), "hostname: expected no field of this name"),
        ({"type": "intermediary", "intermediary_id": "a b", "name": "A"}, f"intermediary_id: expected {AN_ID}"),
        ({"type": "intermediary", "intermediary_id": "a"}, f"name: expected {A_NAME}; it is missing"),
        (agency(status="needs_review"), "status: expected one of active, disabled, or null"),
        (agency(approval="yes"), "approval: expected one of automatic, by_hand, or null"),
        (agency(request_limit=5), "request_limit: expected an object with requests and period, or null"),
        (
            agency(request_limit={"requests": 0, "period": "day"}),
            "request_limit.requests: expected a whole number from 1 to 1000000000",
        ),
        (
            agency(request_limit={"requests": 5}),
            "request_limit.period: expected one of second, minute, hour, day; it is missing",
        ),
        (agency(allowed_networks=["x"]), "allowed_networks[0]: expected a network such as 203.0.113.0/24"),
        (
            agency(allowed_networks=["192.0.2.0/24", "192.0.2.1/24"]),
            "allowed_networks[1]: expected a network such as 203.0.113.0/24",
        ),
        (
            agency(allowed_networks=["192.0.2.1"] * 101),
            "allowed_networks: expected an array of at most 100 networks such as 203.0.113.0/24, or null",
        ),
        (agency(registration_token="x"), "registration_token: expected no field of this name"),
        (application(status="on"), "status: expected one of active, needs_review, disabled"),
        (application("a b"), f"application_id: expected {AN_ID}"),
        (application(icon_url="icon.png"), "icon_url: expected an https address of at most 2048 characters, or null"),
        (application(category=""), "category: expected a text of 1 to 60 characters, or null"),
        (
            application(website="http://app.example"),
            "website: expected an https address of at most 2048 characters, or null",
        ),
        (application(purpose=""), "purpose: expected a text of 1 to 300 characters, or null"),
        (application(intermediary="agg-9"), "intermediary: expected an object with intermediary_id and name, or null"),
        (application(intermediary={"intermediary_id": "x"}), f"intermediary.name: expected {A_NAME}; it is missing"),
        (
            application(intermediary={"intermediary_id": "x", "name": "X"}, intermediary_id="x"),
            "intermediary: expected either intermediary or intermediary_id",
        ),
        (application(icon="x"), "icon: expected no field of this name"),
        (customer("a b"), f"customer_id: expected {AN_ID}"),
        (customer("c", {**CHECKING, "iban": "x"}), "accounts[0].iban: expected no field of this name"),
        (customer("c", CHECKING, CHECKING), "accounts[1].account_id: expected each account once"),
        (
            customer("c", {**CHECKING, "account_number_display": "12345"}),
            f"accounts[0].account_number_display: expected {MASKED}",
        ),
        (
            listed("c", entry(), entry("nope")),
            "consents[1].id: expected a consent's id: _ and 1 to 63 letters, digits, - and _",
        ),
        (
            listed("c", without(entry(), "application_name")),
            f"consents[0].application_name: expected {A_NAME}; it is missing",
        ),
        (
            listed("c", entry(status="expired")),
            'consents[0].expires_at: expected a time in the past, as the status is "expired"',
        ),
    ],
)
def test_each_kind_of_line_is_checked(line: Any, fault: str) -> None:
    assert read(application(), line) in ([f"line 2, {fault}"], [f"line 2: {fault}"])


async def test_lines_must_agree_with_each_other(importer: Importer, look: Look) -> None:
    before = await look()
    mine = shared({**CHECKING, "nickname": "Mine"})
    for line, fault in (
        (
            consent(application_id="app-9"),
            "application_id: expected an application of this file or of this institution",
        ),
        (consent(application_name="Budgie"), 'application_name: expected "Budget", as on line 1'),
        (consent(application_icon_url=None), f'application_icon_url: expected "{ICON}", as on line 1'),
        (consent(intermediary_name="Aggregator"), "intermediary_name: expected null, as on line 1"),
        (consent(accounts=[mine]), "accounts[0]: expected the account as on line 2"),
        (
            consent(accounts=[shared({**CHECKING, "account_id": "ACT-9"})]),
            "accounts[0].account_id: expected an account of this customer, as on line 2",
        ),
        (institution(name="Another"), 'name: expected "BKU", as it is stored'),
        (institution(host="bku.example"), "host: expected null, as it is stored"),
        (
            application("app-2", intermediary_id="agg-9"),
            "intermediary_id: expected the id of an intermediary of this file or of this institution",
        ),
        (
            listed("c", entry("_c1"), entry("_c2", application_icon_url=None)),
            f'consents[1].application_icon_url: expected "{ICON}", as on line 3',
        ),
        (
            listed("c", entry("_c1"), entry("_c2", accounts=[mine])),
            "consents[1].accounts[0]: expected the account as on line 3",
        ),
        (
            listed("c", entry("_c1"), entry("_c1")),
            "consents[1].id: expected an id that is given once; line 3 has it too",
        ),
    ):
        assert await importer.faults(application(), customer(), line) == [f"line 3, {fault}"]
    assert await look() == before


async def test_an_id_is_given_once_in_a_file(importer: Importer) -> None:
    twice = "an id that is given once; line 2 has it too"
    for line, fault in (
        ({"type": "intermediary", "intermediary_id": "agg", "name": "A"}, f"intermediary_id: expected {twice}"),
        (application("app-7"), f"application_id: expected {twice}"),
        (customer("cust-7"), f"customer_id: expected {twice}"),
        (consent("_c7"), f"id: expected {twice}"),
        (institution(), "type: expected one institution a file"),
    ):
        assert await importer.faults(application(), line, customer(), line) == [f"line 4, {fault}"]


DIFFERENCES = (
    (consent(customer_id="cust-2"), 'customer_id: expected "cust-1", as it is stored'),
    (consent(created_at=LATER), 'created_at: expected "2024-06-14T19:48:18.354+00:00", as it is stored'),
    (consent(consented_on=LATER), 'consented_on: expected "2024-06-14T19:48:18.354+00:00", as it is stored'),
    (consent(last_accessed=LATER), "last_accessed: expected null, as it is stored"),
    (consent(expires_at="2999-01-01T00:00:00Z"), "expires_at: expected null, as it is stored"),
    (consent(status="paused"), "paused_at: expected null, as it is stored"),
    (consent(revoked_at=LATER), "revoked_at: expected null, as it is stored"),
    (consent(auto_enable_future_accounts=True), "auto_enable_future_accounts: expected false, as it is stored"),
    (consent(accounts=[shared(CHECKING), shared(SAVINGS)]), "accounts: expected the same as is stored"),
    (consent(accounts=[]), "accounts: expected the same as is stored"),
    (consent(data_clusters=["BILLS"]), "data_clusters: expected the same as is stored"),
    (consent(application_name="Budgie"), 'application_name: expected "Budget", as it is stored'),
    (consent(application_icon_url=None), f'application_icon_url: expected "{ICON}", as it is stored'),
    (
        consent("_c2", accounts=[shared({**CHECKING, "account_id": "ACT-9"})]),
        "accounts[0].account_id: expected an account of this customer, as it is stored",
    ),
    (
        consent("_c2", accounts=[shared({**CHECKING, "nickname": "Mine"})]),
        "accounts[0]: expected the account as it is stored",
    ),
    (customer("cust-1", SAVINGS, CHECKING), "accounts: expected the accounts that are stored, in their order"),
    (application(name="Budgie"), 'name: expected "Budget", as it is stored'),
    (application(icon_url=None), f'icon_url: expected "{ICON}", as it is stored'),
    (application(status="disabled"), 'status: expected "active", as it is stored'),
    (application(category="Loans"), 'category: expected "Budgeting", as it is stored'),
    (
        application(intermediary={"intermediary_id": "x", "name": "X"}),
        "intermediary_id: expected null, as it is stored",
    ),
    (agency(status="disabled"), 'status: expected "active", as it is stored'),
    (agency(approval="automatic"), 'approval: expected "by_hand", as it is stored'),
    (agency(allowed_networks=["192.0.2.1"]), "allowed_networks: expected [], as it is stored"),
    (
        agency(request_limit={"requests": 10, "period": "day"}),
        'request_limit: expected {"period": "minute", "requests": 10}, as it is stored',
    ),
    (
        agency("agg-2", request_limit={"requests": 10, "period": "day"}),
        "request_limit: expected null, as it is stored",
    ),
    (
        listed("cust-2", entry("_c2", application_id="app-1", application_name="Budgie")),
        'consents[0].application_name: expected "Budget", as it is stored',
    ),
)


async def test_a_row_that_differs_from_what_is_stored_is_refused(importer: Importer, look: Look) -> None:
    limited = agency(request_limit={"requests": 10, "period": "minute"})
    await importer.publish(application(category="Budgeting"), customer(), consent(), limited, agency("agg-2"))
    before = await look()
    for line, fault in DIFFERENCES:
        assert await importer.faults(line) == [f"line 1, {fault}"]
    assert await look() == before


@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": LATER, "revoked_by": "customer", "revocation_reason": "user_action"},
        {"expires_at": LATER},
        {"expires_at": LATER, "status": "expired"},
    ],
)
async def test_an_import_never_revives(importer: Importer, look: Look, ended: dict[str, Any]) -> None:
    await importer.publish(application(), customer(), consent(**ended))
    before = await look()
    revived = consent(expires_at="2999-01-01T00:00:00Z") if "expires_at" in ended else consent()
    (fault,) = await importer.faults(revived)
    assert fault.endswith("expected a consent that has ended, as it is stored: an import never revives")
    assert await look() == before


async def test_a_consent_that_was_ended_here_is_not_revived_by_its_old_file(
    importer: Importer, services: Services, bku: Tenant
) -> None:
    lines = encoded(application(), customer(), consent())
    await importer.file(lines)
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute("update consentry.consents set revoked_at = consentry.now(), revoked_by = 'customer'")
    (fault,) = (await importer.file(lines)).faults
    assert (fault.line, fault.field) == (3, "revoked_at")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n\n"])
async def test_an_empty_file_is_refused(importer: Importer, content: bytes) -> None:
    (fault,) = (await importer.file(content)).faults
    assert fault.sentence == "line 1: expected at least one line"


async def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(importer: Importer, look: Look) -> None:
    before = await look()
    content = encoded(application(), customer(), consent())
    last = content.rindex(b"{", 0, content.index(b'"id"'))
    for end in range(last + 1, len(content) - 2, 37):
        (fault,) = (await importer.file(content[:end])).faults
        assert fault.sentence == "line 3: expected one whole JSON object in UTF-8; this one is cut off or malformed"
    assert await look() == before


async def test_at_most_twenty_faults_are_told_the_first_ones_of_the_file(importer: Importer) -> None:
    faults = await importer.faults(*(consent(f"c{n}") for n in range(50)))
    assert [int(fault.split(",")[0].removeprefix("line ")) for fault in faults] == list(range(1, 21))
    faults = await importer.faults(*(consent(f"_c{n}", application_id=f"app-{n}") for n in range(50)))
    assert [int(fault.split(",")[0].removeprefix("line ")) for fault in faults] == list(range(1, 21))


async def test_faults_far_into_a_file_are_told_by_their_line(importer: Importer) -> None:
    lines = [consent(f"_c{n}") for n in range(4500)]
    lines[4321] = consent("_c4321", application_id="app-2")
    lines[4400] = consent("_c4400", customer_id="cust-2", accounts=[shared({**CHECKING, "nickname": "Mine"})])
    faults = await importer.faults(application(), customer(), customer("cust-2"), *lines)
    assert faults == [
        "line 4325, application_id: expected an application of this file or of this institution",
        "line 4404, accounts[0]: expected the account as on line 3",
    ]


async def test_an_unknown_institution_is_refused_unless_the_file_brings_it(services: Services, look: Look) -> None:
    for lines in ((application(),), (institution("other"),), (application(), institution("new")), (b"",)):
        with pytest.raises(UnknownInstitution):
            await Importer(services, "new").lines(*lines)
    with pytest.raises(InvalidInstitution):
        await Importer(services, "not an id").lines(institution("not an id"))
    assert (await look())["institutions"] == []


async def test_an_input_that_breaks_off_is_told_as_such(importer: Importer) -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(ImportUnreadable, match="Input/output error"):
        await importer.stream(Broken())


async def test_the_moment_of_the_import_decides_what_has_expired(importer: Importer) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    assert await importer.faults(application(), consent(status="expired", expires_at=tomorrow))
    await importer.publish(application(), consent(status="active", expires_at=AT))
