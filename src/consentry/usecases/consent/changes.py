"""Change consents: the one way in which a customer's decision becomes fact.

Each decision is taken by the domain on a consent that is locked, with its token checked in the same transaction, and is
written with its history, its audit entry and its event. Decisions that arrive together share a transaction; if it
fails, each is tried by itself. A decision about all of a customer's consents has a transaction of its own.
"""

from collections.abc import Sequence

import msgspec

from consentry.domain.actor import Actor
from consentry.domain.consent import Circumstances, Consent, CustomerConsents, Decision
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import InvalidToken, UnknownConsent
from consentry.store import consents, disputes
from consentry.store.batches import Gatherer
from consentry.store.consents import DecidedChange, LockedConsent, Subject
from consentry.store.disputes import Dispute
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


class AppliedToAll(msgspec.Struct, frozen=True):
    """What a decision made of a customer's live consents: those it changed, and those that refused it and why."""

    changed: tuple[Consent, ...]
    refused: tuple[tuple[Consent, Refusal], ...]


class _Asked(msgspec.Struct, frozen=True):
    request: ChangeRequest
    decision: Decision
    is_disputed: bool = False


class ConsentChanges:
    """Applies decisions to consents, gathered into shared transactions."""

    def __init__(self, session: Session, *, slots: int) -> None:
        self._session = session
        self._decisions: Gatherer[_Asked, ShownConsent] = Gatherer(self._apply, slots=slots)

    async def apply(self, request: ChangeRequest, decision: Decision, *, is_disputed: bool = False) -> ShownConsent:
        """Apply one decision and give the consent after it, changed or already as asked.

        With `is_disputed` it is also recorded, once, that the customer does not recognise the consent.

        Raises:
            InvalidToken: the token is not live at this moment.
            UnknownConsent: the customer has no such consent.
            Refusal: the decision's own.
            TemporarilyUnavailable: the store failed; whether a commit that was cut off happened is unknown.
        """
        return await self._decisions.submit(_Asked(request, decision, is_disputed))

    async def apply_to_all(self, subject: Subject, decision: Decision, *, actor: Actor) -> AppliedToAll:
        """Apply one decision to every live consent of the token's customer, all in one transaction.

        Raises:
            InvalidToken: the token is not live at this moment; nothing was changed.
            TemporarilyUnavailable: the store failed; whether a commit that was cut off happened is unknown.
        """
        return await self._session.retried(lambda: self._apply_to_all_once(subject, decision, actor))

    async def _apply(self, asked: Sequence[_Asked]) -> Sequence[ShownConsent | Refusal]:
        return await self._session.retried(lambda: self._apply_once(asked))

    async def _apply_once(self, asked: Sequence[_Asked]) -> Sequence[ShownConsent | Refusal]:
        async with self._session.begin() as connection:
            locked = await consents.lock(
                connection, [each.request.subject for each in asked], [each.request.consent_id for each in asked]
            )
            results: list[ShownConsent | Refusal] = []
            decided: list[DecidedChange] = []
            disputed: list[Dispute] = []
            current: dict[tuple[int, str], Consent] = {}
            for each, found in zip(asked, locked, strict=True):
                try:
                    shown = _decide(each.request, each.decision, found, current=current, decided=decided)
                except Refusal as refusal:
                    results.append(refusal)
                    continue
                results.append(shown)
                if each.is_disputed:
                    disputed.append(_dispute(each.request, shown))
            if decided:
                await consents.write(connection, decided)
            if disputed:
                await disputes.record(connection, disputed)
        return results

    async def _apply_to_all_once(self, subject: Subject, decision: Decision, actor: Actor) -> AppliedToAll:
        changed: list[Consent] = []
        refused: list[tuple[Consent, Refusal]] = []
        decided: list[DecidedChange] = []
        async with self._session.begin() as connection:
            locked = await consents.lock_all(connection, subject)
            if locked is None:
                raise InvalidToken
            for found in locked:
                if found.consent is None:
                    continue
                request = ChangeRequest(subject=subject, consent_id=found.consent.consent_id, actor=actor)
                try:
                    shown = _decide(request, decision, found, current={}, decided=decided)
                except Refusal as refusal:
                    refused.append((found.consent, refusal))
                    continue
                if shown.consent is not found.consent:
                    changed.append(shown.consent)
            if decided:
                await consents.write(connection, decided)
        return AppliedToAll(changed=tuple(changed), refused=tuple(refused))


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


def _dispute(request: ChangeRequest, shown: ShownConsent) -> Dispute:
    return Dispute(
        institution_id=request.subject.institution_id,
        customer_id=request.subject.customer_id,
        consent_id=shown.consent.consent_id,
        application_id=shown.consent.application_id,
        at=shown.customer.moment,
        status=shown.consent.status(shown.customer.moment),
        actor=request.actor,
    )
