"""Let a channel partner invite the first admin of an institution once more, or another one."""

from consentry.domain.actor import Actor
from consentry.domain.refusal.request import NotFound
from consentry.domain.refusal.staff import StaffWereThere
from consentry.store import audit, institutions, partner_institutions, staff, staff_providers
from consentry.usecases.partner.add_institution import SetUpInvitation, invite_first_admin, portal_of
from consentry.usecases.services import Services


async def invite_admin(
    services: Services, partner_id: int, public_id: str, *, email: str, origin: str, actor: Actor
) -> SetUpInvitation:
    """Make a new set-up link for an institution of a partner and send it; earlier links open nothing any more.

    Raises:
        NotFound: the partner has no such institution.
        InvalidSettings: `email`.
        ProviderInForce: its staff can sign in already.
        StaffWereThere: they could, before their provider was reset.
        TooManyInvitations: a hundred were written within the hour.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing is sent.
    """
    async with services.session.begin() as connection:
        institution_id = await partner_institutions.find(connection, partner_id, public_id)
        if institution_id is None:
            raise NotFound
        await institutions.show(connection, institution_id)
        await institutions.lock(connection, institution_id)
        (institution,) = await institutions.visible(connection)
        if not await partner_institutions.is_of(connection, partner_id, institution_id):
            raise NotFound
        provider = await staff_providers.find(connection, institution_id, "current")
        in_force = provider is not None and provider.secret is not None
        if not in_force and await staff.has_come(connection, institution_id):
            raise StaffWereThere
        place = portal_of(institution.host, otherwise=origin)
        invited = await invite_first_admin(services, connection, institution, email=email, origin=place, actor=actor)
        await institutions.show(connection, partner_id)
        await audit.record(
            connection,
            partner_id,
            action="institution.admin_invited",
            actor=actor,
            subject=("institution", public_id),
            after={"email": invited.email},
        )
    return invited
