"""`consentry staff`: first admins of institutions and partners, and the way out of a lock-out."""

from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.installation import open_installation
from consentry.cli.options import Json, operator
from consentry.cli.output import note, optional_time, shown_time, time_text, write_document, write_line, write_table
from consentry.cli.serving.roster import running
from consentry.config import Settings
from consentry.domain.api_settings import public_origin
from consentry.domain.refusal.dashboard import InvalidOrigin
from consentry.domain.refusal.staff import UnknownMember
from consentry.domain.staff import check_email
from consentry.store.houses import FoundHouse
from consentry.store.staff import MemberFilter
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.mail.texts import set_up_link
from consentry.usecases.services import Services
from consentry.usecases.staff.first_admin import first_admin, operators_house
from consentry.usecases.staff.list_members import Team, list_members
from consentry.usecases.staff.provider import forget_provider
from consentry.usecases.staff.remove import remove_member

staff_app = App(name="staff", help="Who may come into the portals.")
provider_app = App(name="provider", help="Where staff sign in.")
staff_app.command(provider_app)

_MOST = 10_000

Id = Annotated[str, Parameter(help="The id of an institution or a partner, such as bku.")]
Email = Annotated[str, Parameter(help="The e-mail address that the person's identity provider has verified.")]


@staff_app.command(name="first-admin")
async def make_first_admin(
    public_id: Id,
    email: Email,
    /,
    *,
    url: Annotated[str | None, Parameter(help="Where the portal is, such as https://consents.bank.example.")] = None,
    as_json: Json = False,
) -> None:
    """Print a link with which a first admin sets up where the staff sign in.

    It is good once, for 72 hours, and opens nothing but that set-up; links made before open nothing any more.

    Example: `consentry staff first-admin bku ada@bank.example`
    """
    settings = Settings.read()
    address = check_email(email)
    origin = None if url is None else _origin(url)
    async with open_installation(settings) as installation:
        house = await operators_house(installation.services, public_id)
        origin = origin or await _guess(installation.services, settings, house)
        made = await first_admin(installation.services, house.institution_id, email=address, actor=operator())
    link = set_up_link(origin, house=house.kind, code=made.code)
    if as_json:
        write_document({"link": link, "email": address, "expires_at": time_text(made.expires_at)})
        return
    write_line(link)
    note(f"Good once, until {shown_time(made.expires_at)}, for {address}. Send it as you would a password.")


@staff_app.command(name="list")
async def show_all(public_id: Id, /, *, as_json: Json = False) -> None:
    """List who may come into a portal, and who was invited.

    Example: `consentry staff list bku`
    """
    async with open_installation(Settings.read()) as installation:
        team = await _team(installation.services, await operators_house(installation.services, public_id))
    if as_json:
        write_document(
            [
                {
                    "email": member.email,
                    "name": member.name,
                    "role": member.role.value,
                    "status": member.status(team.moment).value,
                    "last_signed_in_at": optional_time(member.last_signed_in_at),
                }
                for member in team.members
            ]
        )
        return
    write_table(
        ("e-mail", "name", "role", "status", "last signed in"),
        [
            (m.email, m.name, m.role.value, m.status(team.moment).value, shown_time(m.last_signed_in_at))
            for m in team.members
        ],
    )


@staff_app.command(name="remove")
async def remove(public_id: Id, email: Email, /, *, as_json: Json = False) -> None:
    """Remove somebody from a team; their sessions end at once. The last admin who can sign in stays.

    Example: `consentry staff remove bku eve@bank.example`
    """
    address = check_email(email)
    async with open_installation(Settings.read()) as installation:
        house = await operators_house(installation.services, public_id)
        team = await _team(installation.services, house)
        wanted = next((member for member in team.members if member.email == address), None)
        if wanted is None:
            raise UnknownMember
        await remove_member(
            installation.services, house.institution_id, wanted.member_id, house=house.kind, actor=operator()
        )
    if as_json:
        write_document({"removed": address})
    else:
        write_line(f"Removed {address} from {public_id}; their sessions have ended.")


@provider_app.command(name="reset")
async def reset(public_id: Id, /, *, as_json: Json = False) -> None:
    """Forget where the staff sign in, and end all their sessions, so that a first admin can set it up anew.

    The way out when nobody can sign in any more. The team stays as it is.

    Example: `consentry staff provider reset bku`
    """
    async with open_installation(Settings.read()) as installation:
        house = await operators_house(installation.services, public_id)
        ended = await forget_provider(installation.services, house.institution_id, actor=operator())
    if as_json:
        write_document({"reset": public_id, "sessions_ended": ended})
    else:
        write_line(f"Forgotten; {ended} sessions have ended. Next: consentry staff first-admin {public_id} E-MAIL")


async def _team(services: Services, house: FoundHouse) -> Team:
    return await list_members(services, house.institution_id, wanted=MemberFilter(), limit=_MOST)


async def _guess(services: Services, settings: Settings, house: FoundHouse) -> str:
    """Give where the portal seems to be: as the operator or the house set it, by its host, or at a service here."""
    if settings.portal_url is not None:
        return settings.portal_url
    shown = await show_api_settings(services, house.institution_id)
    if shown.settings.public_url is not None:
        return shown.settings.public_url
    if house.host is not None:
        return f"https://{house.host}"
    return next((service.url for service in running(settings.data_dir)), f"http://{settings.bind}")


def _origin(url: str) -> str:
    try:
        return public_origin(url)
    except ValueError:
        raise InvalidOrigin from None
