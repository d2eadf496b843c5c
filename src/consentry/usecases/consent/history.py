"""The history of one consent: for its customer, and with more detail for the institution's staff."""

from dataclasses import dataclass

from consentry.domain.actor import Actor
from consentry.domain.consent import Consent
from consentry.domain.history import HistoryEntry, history
from consentry.domain.refusal.request import UnknownConsent
from consentry.store import audit, consents
from consentry.store import history as records
from consentry.store.consents import CustomersConsent, Subject
from consentry.store.session import Session
from consentry.usecases.consent.get import get_consent
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ConsentHistory:
    """A consent, and what happened to it, newest first."""

    found: CustomersConsent
    entries: tuple[HistoryEntry, ...]

    @property
    def consent(self) -> Consent:
        """Give the consent as it is now."""
        return self.found.consent


async def customer_history(services: Services, subject: Subject, *, consent_id: str) -> ConsentHistory:
    """Give the history of a consent to its customer: what was done in the bank's name is the bank's, without names.

    Raises:
        InvalidToken: the token or page is not live at this moment.
        UnknownConsent: this customer has no consent with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    shown = await get_consent(services.reader, subject, consent_id=consent_id)
    found = CustomersConsent(subject.customer_id, shown.consent, shown.customer.accounts, shown.customer.moment)
    return await _history(services.session, subject.institution_id, found, for_staff=False)


async def staff_history(session: Session, institution_id: int, *, consent_id: str) -> ConsentHistory:
    """Give the history of any consent of an institution with who exactly acted; the caller records that staff looked.

    Raises:
        UnknownConsent: the institution has no consent with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.begin(institution_id) as connection:
        found = await consents.by_id(connection, institution_id, consent_id)
    if found is None:
        raise UnknownConsent
    return await _history(session, institution_id, found, for_staff=True)


async def operator_history(services: Services, institution_id: int, *, consent_id: str, actor: Actor) -> ConsentHistory:
    """Give what `staff_history` does to an operator; the look itself is recorded.

    Raises:
        UnknownConsent, TemporarilyUnavailable: as `staff_history` does.
    """
    found = await staff_history(services.session, institution_id, consent_id=consent_id)
    async with services.session.begin(institution_id) as connection:
        await audit.record(
            connection, institution_id, action="consents.looked_at", actor=actor, subject=("consent", consent_id)
        )
    return found


async def _history(
    session: Session, institution_id: int, found: CustomersConsent, *, for_staff: bool
) -> ConsentHistory:
    async with session.begin(institution_id) as connection:
        changes = await records.changes(connection, institution_id, found.consent.consent_id)
    entries = history(found.consent, changes, accounts=found.accounts, now=found.moment, for_staff=for_staff)
    return ConsentHistory(found=found, entries=entries)
