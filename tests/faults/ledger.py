"""What a service has acknowledged, and whether its database still says so: nothing lost, doubled or revived (R116).

The ledger is kept by the clients of a test. How the load is made, and what is killed meanwhile, is left to the test.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a consent shares at one version."""

    shared: frozenset[str]
    all_new: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One answered change: the version and the state that the answer showed."""

    consent_id: str
    version: int
    request_id: str
    shown: ConsentState


@dataclass(slots=True)
class Ledger:
    """Everything that was answered with 200, and how many changes nobody knows the end of."""

    first: ConsentState
    tokens: dict[UUID, str] = field(default_factory=dict)
    revoked: dict[UUID, str] = field(default_factory=dict)
    changes: list[Acknowledged] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    unknown: int = 0

    @property
    def size(self) -> int:
        """Count what was acknowledged."""
        return len(self.tokens) + len(self.revoked) + len(self.changes)

    def faults(self, facts: "Facts") -> list[str]:
        """Give a sentence for each thing in which the database disagrees."""
        return [*self._faults_of_tokens(facts), *self._faults_of_consents(facts), *_faults_of_records(facts)]

    def _faults_of_tokens(self, facts: "Facts") -> Iterator[str]:
        for jti, customer in self.tokens.items():
            if jti not in facts.tokens:
                yield f"The token {jti} is lost."
            elif facts.tokens[jti][0] != customer:
                yield f"The token {jti} is another customer's."
        for jti, moment in self.revoked.items():
            if jti in facts.tokens and facts.tokens[jti][1] != moment:
                yield f"The token {jti} was revoked at {moment}, not {facts.tokens[jti][1]}."
            recorded = facts.token_revocations[str(jti)]
            if recorded != 1:
                yield f"The revocation of {jti} has {recorded} audit entries."

    def _faults_of_consents(self, facts: "Facts") -> Iterator[str]:
        states = {}
        for consent_id, (version, state, _) in facts.consents.items():
            history = states[consent_id] = list(_replayed(self.first, facts.history[consent_id]))
            if [row.version for row in facts.history[consent_id]] != list(range(2, version + 1)):
                yield f"The history of {consent_id} has gaps, or does not end at version {version}."
            elif history[-1] != state:
                yield f"The history of {consent_id} leads elsewhere."
        known = set()
        for change in self.changes:
            history = states.get(change.consent_id, [])
            known.add(change.request_id)
            if change.version > len(history) or history[change.version - 1] != change.shown:
                yield f"Version {change.version} of {change.consent_id} is not what was answered."
        for consent_id, moment in self.ended.items():
            if facts.consents[consent_id][2] != moment:
                yield f"The consent {consent_id} was ended at {moment}, not {facts.consents[consent_id][2]}."
        strangers = sum(row.request_id not in known for rows in facts.history.values() for row in rows)
        if strangers > self.unknown:
            yield f"{strangers} changes were never answered, but only {self.unknown} requests."


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of a consent's history."""

    version: int
    kind: str
    detail: dict[str, Any]
    request_id: str


@dataclass(slots=True)
class Facts:
    """What the database holds."""

    tokens: dict[UUID, tuple[str, str | None]] = field(default_factory=dict)
    token_revocations: Counter[str] = field(default_factory=Counter)
    consents: dict[str, tuple[int, ConsentState, str | None]] = field(default_factory=dict)
    history: dict[str, list[HistoryRow]] = field(default_factory=lambda: defaultdict(list))
    audit: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


def _replayed(first: ConsentState, rows: Sequence[HistoryRow]) -> Iterator[ConsentState]:
    state = first
    yield state
    for row in rows:
        shared = state.shared
        if row.kind in ("account_shared", "account_withheld"):
            account = {row.detail["account_id"]}
            shared = shared | account if row.detail["enabled"] else shared - account
        all_new = row.detail.get("auto_enable_future_accounts", state.all_new)
        state = ConsentState(shared=shared, all_new=all_new, ended=state.ended or row.kind == "revoked")
        yield state


def _faults_of_records(facts: Facts) -> Iterator[str]:
    made: Counter[tuple[str, str]] = Counter()
    for consent_id, rows in facts.history.items():
        made.update((consent_id, row.request_id) for row in rows)
        if facts.events[consent_id] != len(rows):
            yield f"{consent_id} has {len(rows)} changes and {facts.events[consent_id]} events."
    if any(times > 1 for times in made.values()):
        yield "A request changed a consent twice."
    if made != facts.audit:
        yield "The audit and the histories disagree."


async def read_facts(db: Any) -> Facts:
    """Read everything with a connection that sees all institutions."""
    facts = Facts()
    for row in await db.fetch("select jti, customer_id, revoked_at from consentry.tokens"):
        facts.tokens[row["jti"]] = (row["customer_id"], _text(row["revoked_at"]))
    for row in await db.fetch("select * from consentry.consents"):
        state = ConsentState(
            shared=frozenset(json.loads(row["shared_accounts"])),
            all_new=row["auto_share"],
            ended=row["revoked_at"] is not None,
        )
        facts.consents[row["consent_id"]] = (row["version"], state, _text(row["revoked_at"]))
    for row in await db.fetch("select * from consentry.consent_changes order by consent_id, version"):
        facts.history[row["consent_id"]].append(
            HistoryRow(row["version"], row["kind"], json.loads(row["detail"]), row["request_id"])
        )
    for row in await db.fetch("select action, subject_id, request_id from consentry.audit_entries"):
        if row["action"].startswith("consent."):
            facts.audit[row["subject_id"], row["request_id"]] += 1
        elif row["action"] == "token.revoked":
            facts.token_revocations[row["subject_id"]] += 1
    for row in await db.fetch("select consent_id from consentry.events where consent_id is not null"):
        facts.events[row["consent_id"]] += 1
    return facts


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
