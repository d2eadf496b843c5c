"""Let a channel partner add an institution, with a first admin who sets up how its staff sign in."""

from dataclasses import dataclass, field
from datetime import datetime

from consentry.domain.actor import Actor
from consentry.domain.institution import Institution, check_host, is_name, is_public_id
from consentry.domain.refusal.institution import InstitutionExists, InvalidInstitution, InvalidSettings
from consentry.domain.staff import House, check_email
from consentry.store import audit, houses, institutions, mails
from consentry.store.session import Connection
from consentry.usecases.institution.add import create_institution
from consentry.usecases.mail import texts
from consentry.usecases.mail.allowance import check_may_invite
from consentry.usecases.services import Services
from consentry.usecases.staff.setup_links import make_setup_link


@dataclass(frozen=True, slots=True)
class NewInstitution:
    """What a partner gives of a new institution, as it was typed; an empty host is none."""

    public_id: str
    name: str
    host: str
    email: str


@dataclass(frozen=True, slots=True)
class SetUpInvitation:
    """An institution whose first admin is invited: the link that opens the set-up, known this one time."""

    institution: Institution
    email: str
    link: str = field(repr=False)
    expires_at: datetime


async def add_partner_institution(
    services: Services,
    partner_id: int,
    new: NewInstitution,
    *,
    origin: str,
    actor: Actor,
    portal_host: str | None = None,
) -> SetUpInvitation:
    """Add an institution of a partner and invite its first admin by e-mail, both or neither.

    `origin` is where its portal is, unless it has a host of its own: one below the partner's, and neither
    `portal_host`, where everybody's portal is, nor that of an institution's public URL. Who has a host name has
    whatever is asked there, so a partner gives of what it was given. It is recorded in both houses.

    Raises:
        InvalidSettings: `public_id`, `name`, `host`, `email`; malformed, taken or missing.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing is added or sent.
    """
    host, email = _checked(new)
    async with services.session.begin(partner_id) as connection:
        (partner,) = await institutions.visible(connection)
        _check_is_theirs_to_give(host, partner)
        if host is not None and (host == portal_host or await houses.is_public_host(connection, host)):
            raise InvalidSettings({"host": "Others are found at this host name already; give one of its own."})
        try:
            added = await create_institution(
                services, connection, public_id=new.public_id, name=new.name, host=host, actor=actor
            )
        except InstitutionExists:
            raise InvalidSettings({"public_id": "This id or host name is taken; choose another."}) from None
        await houses.give_to_partner(connection, added.institution_id, partner_id=partner_id)
        invitation = await invite_first_admin(
            services, connection, added, email=email, origin=portal_of(host, otherwise=origin), actor=actor
        )
        await institutions.show(connection, partner_id)
        await audit.record(
            connection,
            partner_id,
            action="institution.added",
            actor=actor,
            subject=("institution", added.public_id),
            after={"name": added.name, "host": added.host, "first_admin": email},
        )
    return invitation


async def invite_first_admin(
    services: Services, connection: Connection, institution: Institution, *, email: str, origin: str, actor: Actor
) -> SetUpInvitation:
    """Make a set-up link in the caller's transaction, which sees the institution, and put it into the outbox.

    Raises:
        InvalidSettings: `email`.
        ProviderInForce: the institution's staff can sign in already.
        TooManyInvitations: a hundred were written within the hour.
    """
    address = check_email(email)
    await check_may_invite(connection, institution.institution_id)
    made = await make_setup_link(services, connection, institution.institution_id, email=address, actor=actor)
    link = texts.set_up_link(origin, house=House.INSTITUTION, code=made.code)
    text = texts.set_up(house=House.INSTITUTION, institution=institution.name, link=link, until=made.expires_at)
    await mails.write(
        connection,
        institution.institution_id,
        kind="set_up",
        recipient=address,
        subject=text.subject,
        body=text.body,
    )
    return SetUpInvitation(institution=institution, email=address, link=link, expires_at=made.expires_at)


def portal_of(host: str | None, *, otherwise: str) -> str:
    """Give the origin of a portal: that of its own host, or else the other one."""
    return otherwise if host is None else f"https://{host}"


def _check_is_theirs_to_give(host: str | None, partner: Institution) -> None:
    if partner.host is None:
        if host is not None:
            raise InvalidSettings({"host": "Leave it empty: whoever runs consentry gives an institution a host name."})
    elif host is None:
        raise InvalidSettings({"host": "Give the host name of its portal: the one you are at is yours alone."})
    elif not host.endswith(f".{partner.host}"):
        problem = f"Give a host name below {partner.host}; whoever runs consentry gives others."
        raise InvalidSettings({"host": problem})


def _checked(new: NewInstitution) -> tuple[str | None, str]:
    """Check everything that was typed, and give host and e-mail address as they are kept."""
    problems: dict[str, str] = {}
    host, email = None, ""
    if not is_public_id(new.public_id):
        problems["public_id"] = "Give 1 to 64 letters, digits, - and _, a letter or digit first."
    if not is_name(new.name):
        problems["name"] = "Give a name of 1 to 200 characters."
    try:
        host = check_host(new.host) if new.host else None
    except InvalidInstitution as refusal:
        problems["host"] = refusal.description
    try:
        email = check_email(new.email)
    except InvalidSettings as refusal:
        problems |= refusal.fields
    if problems:
        raise InvalidSettings(problems)
    return host, email
