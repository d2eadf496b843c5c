"""Let a channel partner rename an institution, stop it, or let it go on."""

from dataclasses import dataclass

from consentry.domain.actor import Actor
from consentry.domain.institution import Institution, InstitutionStatus, is_name
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import check_reason
from consentry.store import audit, institutions, partner_institutions
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class PartnersChange:
    """What an institution is to be called and whether it is answered, and why; as it was typed."""

    name: str
    status: str
    reason: str

    def checked(self) -> tuple[InstitutionStatus, str]:
        """Give the status, and the reason as it is kept.

        Raises:
            InvalidSettings: `name`, `status`, `reason`.
        """
        problems: dict[str, str] = {}
        reason = ""
        if not is_name(self.name):
            problems["name"] = "Give a name of 1 to 200 characters."
        if self.status not in set(InstitutionStatus):
            problems["status"] = "Choose one of the three."
        try:
            reason = check_reason(self.reason)
        except InvalidSettings as refusal:
            problems |= refusal.fields
        if problems:
            raise InvalidSettings(problems)
        return InstitutionStatus(self.status), reason


async def change_partner_institution(
    services: Services,
    partner_id: int,
    public_id: str,
    change: PartnersChange,
    *,
    seen: tuple[str, str],
    actor: Actor,
) -> Institution:
    """Change name and status of an institution of a partner, and record why in both houses.

    `seen` is the name, without blanks around it, and the status that whoever decided saw. What is already so leaves no
    trace. Whatever relies on the institution at this moment finishes first.

    Raises:
        NotFound: the partner has no such institution.
        InvalidSettings: `name`, `status`, `reason`.
        ChangedMeanwhile: name or status are others than were seen.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    status, reason = change.checked()
    async with services.session.begin() as connection:
        institution_id = await partner_institutions.find(connection, partner_id, public_id)
        if institution_id is None:
            raise NotFound
        await institutions.show(connection, institution_id)
        await institutions.lock(connection, institution_id)
        if not await partner_institutions.is_of(connection, partner_id, institution_id):
            raise NotFound
        (before,) = await institutions.visible(connection)
        if (before.name.strip(), before.status.value) != seen:
            raise ChangedMeanwhile
        if (before.name, before.status) == (change.name, status):
            return before
        after = await institutions.change(
            connection,
            institution_id,
            name=change.name,
            status=status,
            host=before.host,
            secret_overlap=before.secret_overlap,
        )
        for house in (institution_id, partner_id):
            await institutions.show(connection, house)
            await audit.record(
                connection,
                house,
                action="institution.changed",
                actor=actor,
                subject=("institution", public_id),
                before={"name": before.name, "status": before.status.value},
                after={"name": after.name, "status": after.status.value, "reason": reason},
            )
    return after
