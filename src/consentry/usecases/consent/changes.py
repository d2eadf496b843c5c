"""Change consents: the one way in which a customer's decision becomes fact.

Each decision is taken by the domain on a consent that is locked, with its token checked in the same transaction, and is
written with its history, its audit entry and its event. Decisions that arrive together share a transaction; if it
fails, each is tried by itself.
"""

from collections.abc import Sequence

import msgspec

from consentry.domain.actor import Actor
from consentry.domain.consent import Circumstances, Consent, CustomerConsents, Decision
from consentry.domain.refusal import InvalidToken, Refusal, UnknownConsent
from consentry.store import consents
from consentry.store.batches import Gatherer
from consentry.store.consents import DecidedChange, LockedConsent, Subject
from consentry.store.session import Session


class ChangeRequest(msgspec.Struct, frozen=True):
    """Who asks for a change, of which consent, and the entity tags the caller knows (empty: any)."""

    subject: Subject
    consent_id: str
    actor: Actor
    if_match: tuple[str, ...] = ()


class ShownConsent(msgspec.Struct, frozen=True):
    """A consent as it is now, with what is needed to show it."""

    consent: Consent
    customer: CustomerConsents


class ConsentChanges:
    """Applies decisions to consents, gathered into shared transactions."""

    def __init__(self, session: Session, *, slots: int) -> None:
        self._session = session
        self._decisions: Gatherer[tuple[ChangeRequest, Decision], ShownConsent] = Gatherer(self._apply, slots=slots)

    async def apply(self, request: ChangeRequest, decision: Decision) -> ShownConsent:
        """Apply one decision and give the consent after it, changed or already as asked.

        Raises:
            InvalidToken: the token is not live at this moment.
            UnknownConsent: the customer has no such consent.
            Refusal: the decision's own.
            TemporarilyUnavailable: the store failed; whether a commit that was cut off happened is unknown.
        """
        return await self._decisions.submit((request, decision))

    async def _apply(self, asked: Sequence[tuple[ChangeRequest, Decision]]) -> Sequence[ShownConsent | Refusal]:
        return await self._session.retried(lambda: self._apply_once(asked))

    async def _apply_once(self, asked: Sequence[tuple[ChangeRequest, Decision]]) -> Sequence[ShownConsent | Refusal]:
        async with self._session.begin() as connection:
            locked = await consents.lock(
                connection, [request.subject for request, _ in asked], [request.consent_id for request, _ in asked]
            )
            results: list[ShownConsent | Refusal] = []
            decided: list[DecidedChange] = []
            current: dict[tuple[int, str], Consent] = {}
            for (request, decision), found in zip(asked, locked, strict=True):
                try:
                    results.append(_decide(request, decision, found, current=current, decided=decided))
                except Refusal as refusal:
                    results.append(refusal)
            if decided:
                await consents.write(connection, decided)
        return results


def _decide(
    request: ChangeRequest,
    decision: Decision,
    found: LockedConsent | None,
    *,
    current: dict[tuple[int, str], Consent],
    decided: list[DecidedChange],
) -> ShownConsent:
    """Take one decision; `current` holds what earlier decisions of this transaction made of the same consents."""
    if found is None:
        raise InvalidToken
    if found.consent is None:
        raise UnknownConsent
    key = (request.subject.institution_id, request.consent_id)
    consent = current.get(key, found.consent)
    circumstances = Circumstances(
        accounts=found.found.accounts, actor=request.actor, now=found.found.moment, if_match=request.if_match
    )
    change = decision(consent, circumstances)
    if change is not None:
        consent = current[key] = change.after
        decided.append(
            DecidedChange(
                institution_id=request.subject.institution_id,
                customer_id=request.subject.customer_id,
                change=change,
                actor=request.actor,
            )
        )
    return ShownConsent(consent=consent, customer=found.found._replace(consents=(consent,)))
