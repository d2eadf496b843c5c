"""Consents and customers' accounts: read together with the token that asks, changed under row locks.

Reads of many requests are one statement; changes of many are one transaction, in which usecases/consent/changes.py
decides.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from consentry.domain.account import NO_ACCOUNTS, CustomerAccounts
from consentry.domain.actor import Actor
from consentry.domain.consent import Change, Consent, CustomerConsents
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import InvalidToken
from consentry.store.accounts import read_accounts
from consentry.store.batches import Gatherer
from consentry.store.session import Connection, Session


class Subject(msgspec.Struct, frozen=True):
    """Whom a verified token, or the page that it opened, speaks for: a customer of an institution.

    `host` is the one the request was sent to; `jti` is the id of the token or of the page.
    """

    institution_id: int
    host: str | None
    jti: UUID
    customer_id: str


class LockedConsent(msgspec.Struct, frozen=True):
    """A consent that this transaction may change, or None if the customer has none with that id."""

    consent: Consent | None
    found: CustomerConsents


class CustomersConsent(msgspec.Struct, frozen=True):
    """A consent, whose it is, the customer's accounts, and the moment of reading."""

    customer_id: str
    consent: Consent
    accounts: CustomerAccounts
    moment: datetime


class DecidedChange(msgspec.Struct, frozen=True):
    """A change to be written, whose it is, and who made it."""

    institution_id: int
    customer_id: str
    change: Change
    actor: Actor


_ids_of: Final = msgspec.json.Decoder(frozenset[str]).decode
_clusters_of: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_write: Final = msgspec.json.Encoder(order="deterministic").encode


_BY_ID: Final = """
select c.customer_id, k.accounts::text, k.version,
       c.consent_id, c.application_id, a.name, a.icon_url, m.name,
       c.created_at, c.consented_on, c.expires_at, c.paused_at,
       c.revoked_at, c.revoked_by, c.revocation_reason, c.auto_share, c.shared_accounts::text,
       c.data_clusters::text, c.last_accessed, c.read_only, c.version, consentry.now()
from consentry.consents c
join consentry.customers k on k.institution_id = c.institution_id and k.customer_id = c.customer_id
join consentry.applications a on a.institution_id = c.institution_id and a.application_id = c.application_id
left join consentry.intermediaries m
  on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id
where c.institution_id = $1 and c.consent_id = any ($2)
"""


class ConsentReader:
    """Reads the consents of customers whose tokens are live, many with one statement, from no cache."""

    def __init__(self, session: Session, *, slots: int) -> None:
        self._session = session
        self._reads: Gatherer[Subject, CustomerConsents] = Gatherer(self._read, slots=slots)

    async def read(self, subject: Subject) -> CustomerConsents:
        """Give all consents that are kept of the token's customer, in no particular order.

        Raises:
            InvalidToken: the token is not live at this moment.
            TemporarilyUnavailable: the store can't be reached.
        """
        return await self._reads.submit(subject)

    async def _read(self, subjects: Sequence[Subject]) -> Sequence[CustomerConsents | Refusal]:
        async with self._session.connection() as connection:
            rows = await connection.fetch(
                "select * from consentry.read_consents($1, $2, $3, $4, $5)",
                list({subject.institution_id for subject in subjects}),
                [subject.institution_id for subject in subjects],
                [subject.host for subject in subjects],
                [subject.jti for subject in subjects],
                [subject.customer_id for subject in subjects],
            )
        customers: list[asyncpg.Record | None] = [None] * len(subjects)
        consents: list[list[Consent]] = [[] for _ in subjects]
        for row in rows:
            if row[3] is None:
                customers[row[0] - 1] = row
            else:
                consents[row[0] - 1].append(_consent(row))
        return [
            InvalidToken() if customer is None else CustomerConsents(tuple(own), _accounts(customer), customer[21])
            for customer, own in zip(customers, consents, strict=True)
        ]


async def lock(
    connection: Connection, subjects: Sequence[Subject], consent_ids: Sequence[str]
) -> list[LockedConsent | None]:
    """Lock one consent for each subject, in an order that can't deadlock; None where the token is not live."""
    rows = await connection.fetch(
        "select * from consentry.lock_consents($1, $2, $3, $4, $5, $6)",
        list({subject.institution_id for subject in subjects}),
        [subject.institution_id for subject in subjects],
        [subject.host for subject in subjects],
        [subject.jti for subject in subjects],
        [subject.customer_id for subject in subjects],
        consent_ids,
    )
    locked: list[LockedConsent | None] = [None] * len(subjects)
    for row in rows:
        consent = None if row[3] is None else _consent(row)
        found = CustomerConsents(consents=(), accounts=_accounts(row), moment=row[21])
        locked[row[0] - 1] = LockedConsent(consent=consent, found=found)
    return locked


async def lock_all(connection: Connection, subject: Subject) -> list[LockedConsent] | None:
    """Lock every consent of a customer that is not revoked; None where the token is not live.

    The customer's own row is locked first: a consent that is being given at this moment is waited for.
    """
    if await lock(connection, [subject], [""]) == [None]:
        return None
    await connection.execute(
        "select from consentry.customers where institution_id = $1 and customer_id = $2 for update",
        subject.institution_id,
        subject.customer_id,
    )
    rows = await connection.fetch(
        """select consent_id from consentry.consents
           where institution_id = $1 and customer_id = $2 and revoked_at is null order by consent_id""",
        subject.institution_id,
        subject.customer_id,
    )
    locked = await lock(connection, [subject] * len(rows), [row[0] for row in rows])
    found = [each for each in locked if each is not None]
    return found if len(found) == len(rows) else None


async def lock_by_id(
    connection: Connection, institution_id: int, consent_ids: Sequence[str]
) -> list[tuple[str, LockedConsent]]:
    """Lock consents without a token, for an operator's work; give each with its customer's id, by consent id."""
    rows = await connection.fetch(
        f"{_BY_ID} order by c.consent_id for no key update of c", institution_id, list(consent_ids)
    )
    return [
        (
            row[0],
            LockedConsent(
                consent=_consent(row), found=CustomerConsents(consents=(), accounts=_accounts(row), moment=row[21])
            ),
        )
        for row in rows
    ]


async def by_id(connection: Connection, institution_id: int, consent_id: str) -> CustomersConsent | None:
    """Read one consent of an institution without a token, for its staff and operators."""
    row = await connection.fetchrow(_BY_ID, institution_id, [consent_id])
    return None if row is None else CustomersConsent(row[0], _consent(row), _accounts(row), row[21])


async def write(connection: Connection, decided: Sequence[DecidedChange]) -> None:
    """Write changes of locked consents with their history, audit entries and events."""
    changes = [(d, d.change, d.change.after, d.actor) for d in decided]
    await connection.execute(
        f"select consentry.write_changes({', '.join(f'${n}' for n in range(1, 20))})",
        [d.institution_id for d in decided],
        [after.consent_id for _, _, after, _ in changes],
        [after.version for _, _, after, _ in changes],
        [change.at for _, change, _, _ in changes],
        [change.kind.value for _, change, _, _ in changes],
        [d.customer_id for d in decided],
        [after.application_id for _, _, after, _ in changes],
        [after.auto_share for _, _, after, _ in changes],
        [_write(after.shared_accounts).decode() for _, _, after, _ in changes],
        [after.revoked_at for _, _, after, _ in changes],
        [after.revoked_by for _, _, after, _ in changes],
        [after.revocation_reason for _, _, after, _ in changes],
        [actor.kind.value for _, _, _, actor in changes],
        [actor.actor_id for _, _, _, actor in changes],
        [_write(change.audit_before).decode() for _, change, _, _ in changes],
        [_write(change.audit_after).decode() for _, change, _, _ in changes],
        [actor.source for _, _, _, actor in changes],
        [actor.request_id for _, _, _, actor in changes],
        [change.event_kind.value for _, change, _, _ in changes],
    )


async def of_customer(connection: Connection, institution_id: int, customer_id: str) -> CustomerConsents:
    """Read all consents that are kept of a customer, in no particular order, for an operator: no token is asked for."""
    customer = await connection.fetchrow(
        """select null, k.accounts::text, k.version, consentry.now()
           from (select $1::integer as institution_id, $2::text as customer_id) asked
           left join consentry.customers k using (institution_id, customer_id)""",
        institution_id,
        customer_id,
    )
    rows = await connection.fetch(
        """select null, null, null, g.consent_id, g.application_id, a.name, a.icon_url, m.name,
                  g.created_at, g.consented_on, g.expires_at, g.paused_at, g.revoked_at, g.revoked_by,
                  g.revocation_reason, g.auto_share, g.shared_accounts::text, g.data_clusters::text,
                  g.last_accessed, g.read_only, g.version
           from consentry.consents g
           join consentry.applications a using (institution_id, application_id)
           left join consentry.intermediaries m using (institution_id, intermediary_id)
           where g.institution_id = $1 and g.customer_id = $2""",
        institution_id,
        customer_id,
    )
    if customer is None:
        raise AssertionError
    return CustomerConsents(
        consents=tuple(_consent(row) for row in rows), accounts=_accounts(customer), moment=customer[3]
    )


def _accounts(row: asyncpg.Record) -> CustomerAccounts:
    if row[1] is None:
        return NO_ACCOUNTS
    return CustomerAccounts(read_accounts(row[1]), row[2])


def _consent(row: asyncpg.Record) -> Consent:
    # By position, in the order of the type consentry.consent_row, which is that of Consent: every list passes here.
    return Consent(
        row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12], row[13], row[14], row[15],
        _ids_of(row[16]), _clusters_of(row[17]), row[18], row[19], row[20],
    )  # fmt: skip
