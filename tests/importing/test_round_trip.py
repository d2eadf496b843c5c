"""What is exported is what was imported, for every institution that can be made up; and no input breaks the reader."""

import io
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from consentry.usecases.importing.lines import LineReader
from consentry.usecases.importing.reading import chunks
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.intermediary.recognise_token import recognise_registration_token
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.importing.forms import (
    OPERATOR,
    Importer,
    agency,
    application,
    consent,
    customer,
    encoded,
    entry,
    institution,
    listed,
)

_numbers = count()
_EXAMPLES = 25

_texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
_names = _texts.filter(bool)
_ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
_consent_ids = st.from_regex(r"_[A-Za-z0-9_-]{1,12}", fullmatch=True)
_times = st.integers(-2_000_000_000_000, 7_000_000_000_000).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
_accounts = st.lists(
    st.fixed_dictionaries(
        {
            "account_id": _names,
            "nickname": _texts,
            "account_number_display": st.from_regex(r"[X*]{0,8}[0-9]{1,4}", fullmatch=True),
        }
    ),
    max_size=4,
    unique_by=lambda account: account["account_id"],
)
_networks = st.lists(
    st.ip_addresses(v=4).map(lambda address: f"{address}/32")
    | st.ip_addresses(v=6).map(lambda address: f"{address}/128")
    | st.sampled_from(["203.0.113.0/24", "2001:db8::/32"]),
    max_size=3,
    unique=True,
)
_settings = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["active", "disabled"]),
        "request_limit": st.none()
        | st.fixed_dictionaries(
            {
                "requests": st.integers(1, 1_000_000_000),
                "period": st.sampled_from(["second", "minute", "hour", "day"]),
            }
        ),
        "allowed_networks": _networks,
        "approval": st.sampled_from(["automatic", "by_hand"]),
    }
)
_clusters = st.lists(st.sampled_from(["ACCOUNT_BASIC", "TRANSACTIONS", "BILLS"]), unique=True)


def time_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


@st.composite
def ends(draw: st.DrawFn, now: datetime) -> dict[str, Any]:
    """Give the members that say how a consent stands, as an export writes them."""
    expires_at = draw(st.none() | _times)
    paused_at = draw(st.none() | _times)
    revoked_at = draw(st.none() | _times)
    if revoked_at is not None:
        status = "revoked"
    elif expires_at is not None and expires_at <= now:
        status = "expired"
    else:
        status = "active" if paused_at is None else "paused"
    return {
        "revoked_at": None if revoked_at is None else time_text(revoked_at),
        "status": status,
        "expires_at": None if expires_at is None else time_text(expires_at),
        "revoked_by": None if revoked_at is None else draw(st.sampled_from(["customer", "recipient", "system"])),
        "revocation_reason": None if revoked_at is None else draw(_names),
        **({} if paused_at is None else {"paused_at": time_text(paused_at)}),
    }


@st.composite
def installations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give the lines of an institution, in the order of an export."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    agents = {agent: draw(_names) for agent in sorted(draw(st.sets(_ids, max_size=2)))}
    apps = [
        {
            "type": "application",
            "application_id": app,
            "name": draw(_names),
            "icon_url": draw(st.none() | st.just("https://icons.example/~x?y=%20")),
            "purpose": draw(st.none() | _names),
            "intermediary_id": draw(st.none() | st.sampled_from(sorted(agents))) if agents else None,
            "status": draw(st.sampled_from(["active", "needs_review", "disabled"])),
            "category": draw(st.none() | _names),
            "website": draw(st.none() | st.just("https://app.example/?a=%20")),
        }
        for app in sorted(draw(st.sets(_ids, min_size=1, max_size=3)))
    ]
    lines: list[dict[str, Any]] = [
        *(
            {"type": "intermediary", "intermediary_id": agent, "name": name, **draw(_settings)}
            for agent, name in agents.items()
        ),
        *apps,
    ]
    ids = iter(sorted(draw(st.sets(_consent_ids, max_size=6))))
    for person in sorted(draw(st.sets(_ids, max_size=3))):
        accounts = draw(_accounts)
        lines.append({"type": "customer", "customer_id": person, "accounts": accounts})
        own = [consent_id for consent_id, _ in zip(ids, range(draw(st.integers(0, 3))), strict=False)]
        told = [draw(told_consents(consent_id, person, accounts, apps, agents, now)) for consent_id in own]
        lines += sorted(told, key=lambda line: (line["consented_on"], line["id"]))
    return lines


@st.composite
def told_consents(
    draw: st.DrawFn,
    consent_id: str,
    person: str,
    accounts: list[dict[str, str]],
    apps: list[dict[str, Any]],
    agents: dict[str, str],
    now: datetime,
) -> dict[str, Any]:
    """Give a consent of a customer as an export writes it."""
    app = draw(st.sampled_from(apps))
    last_accessed = draw(st.none() | _times)
    end = draw(ends(now))
    paused = {"paused_at": end.pop("paused_at")} if "paused_at" in end else {}
    return {
        "type": "consent",
        "customer_id": person,
        "application_id": app["application_id"],
        "id": consent_id,
        "application_name": app["name"],
        "application_icon_url": app["icon_url"],
        "created_at": time_text(draw(_times)),
        "last_accessed": None if last_accessed is None else time_text(last_accessed),
        "accounts": [{"enabled": draw(st.booleans()), **account} for account in accounts],
        "auto_enable_future_accounts": draw(st.booleans()),
        "consented_on": time_text(draw(_times)),
        **end,
        "intermediary_name": agents.get(app["intermediary_id"]),
        "data_clusters": draw(_clusters),
        **paused,
    }


@settings(max_examples=_EXAMPLES)
@given(lines=installations(), seed=st.randoms(use_true_random=False))
async def test_an_export_says_what_was_imported_whatever_that_was_and_importing_it_again_changes_nothing(
    services: Services, lines: list[dict[str, Any]], seed: Any
) -> None:
    number = next(_numbers)
    one, two = Importer(services, f"one-{number}"), Importer(services, f"two-{number}")
    mixed = list(lines)
    seed.shuffle(mixed)
    await one.publish(institution(one.public_id), *mixed)
    exported = [json.loads(line) for line in (await one.exported()).splitlines()]
    assert exported == [institution(one.public_id), *lines]
    again = await one.file(await one.exported())
    assert again.is_published
    assert {name for name, amount in again.counts.items() if amount} <= {"consents_unchanged"}
    await two.publish(institution(two.public_id), *exported[1:])
    assert (await two.exported()).partition(b"\n")[2] == (await one.exported()).partition(b"\n")[2]


async def test_an_export_never_holds_a_token_and_an_import_takes_none_away(
    importer: Importer, services: Services, bku: Tenant
) -> None:
    """R91."""
    await importer.publish(agency())
    issued = await issue_registration_token(
        services, bku.institution_id, "agg-1", newest_seen=0, overlap=timedelta(0), actor=OPERATOR
    )
    exported = await importer.exported()
    assert issued.token.encode() not in exported
    assert b"token" not in exported
    assert (await importer.file(exported)).is_published
    assert (await recognise_registration_token(services, issued.token)).intermediary_id == "agg-1"


async def test_an_export_loses_no_microsecond(importer: Importer, services: Services) -> None:
    moment = "2024-06-14T19:48:18.354321Z"
    await importer.publish(application(), consent(created_at=moment))
    assert json.loads((await importer.exported()).splitlines()[-1])["created_at"] == moment


_pieces = st.sampled_from(
    [json.dumps(line).encode() for line in (application(), customer(), consent(), listed("c", entry()), institution())]
)


@given(st.binary(max_size=300) | st.lists(_pieces | st.binary(max_size=5), max_size=4).map(b"".join))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    _read(content)


@given(_pieces, st.integers(0, 600), st.integers(0, 600), st.binary(max_size=8))
def test_no_damage_to_a_line_breaks_the_reader(line: bytes, begins: int, length: int, instead: bytes) -> None:
    _read(line[:begins] + instead + line[begins + length :])


_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_no_value_in_any_field_breaks_the_reader(data: st.DataObject) -> None:
    line: dict[str, Any] = data.draw(
        st.sampled_from([application(), customer(), consent(), listed("c", entry()), institution()])
    )
    name = data.draw(st.sampled_from(sorted(line)))
    _read(encoded({**line, name: data.draw(_values)}))


def _read(content: bytes) -> None:
    reader = LineReader("bku", datetime.now(UTC))
    for chunk in chunks(io.BytesIO(content)):
        _, faults = reader.read(chunk)
        assert all(fault.expected and chunk.first_line <= fault.line <= chunk.last_line for fault in faults)
