"""`consentry credentials`: what an admin does in the portal, done by an operator."""

from datetime import datetime, timedelta
from typing import Annotated

from cyclopts import App, Group, Parameter, validators

from consentry.cli.installation import open_installation
from consentry.cli.options import InstitutionId, Json, operator
from consentry.cli.output import note, optional_time, shown_time, time_text, write_document, write_line, write_table
from consentry.config import Settings
from consentry.domain.credential import Secret
from consentry.usecases.credentials.generate import generate_credentials
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.credentials.new_secret import ShownCredentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.credentials.show import show_credentials
from consentry.usecases.institution.list_all import find_institution

credentials_app = App(name="credentials", help="Credentials: with which an institution's servers ask for tokens.")

_HOW_LONG = Group(show=False, validator=validators.mutually_exclusive)


@credentials_app.command(name="generate")
async def generate(*, institution: InstitutionId, as_json: Json = False) -> None:
    """Make an institution's first credentials and show the secret, this once.

    Example: `consentry credentials generate --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        services = installation.services
        found = await find_institution(services, institution)
        made = await generate_credentials(services, found.institution_id, actor=operator())
    _hand_out(made, as_json=as_json)


@credentials_app.command(name="rotate")
async def rotate(
    *,
    institution: InstitutionId,
    overlap: Annotated[
        timedelta | None,
        Parameter(group=_HOW_LONG, help="How long the previous secret works on, such as 24h; else the institution's."),
    ] = None,
    at_once: Annotated[bool, Parameter(group=_HOW_LONG, help="End the previous secret now; tokens live on.")] = False,
    as_json: Json = False,
) -> None:
    """Replace the secret by a new one and show it, this once.

    The previous one works on for the overlap, so that no server fails while the new one is handed round.

    Example: `consentry credentials rotate --institution bku --overlap 2h`
    """
    async with open_installation(Settings.read()) as installation:
        services = installation.services
        found = await find_institution(services, institution)
        made = await rotate_credentials(
            services,
            found.institution_id,
            actor=operator(),
            overlap=timedelta(0) if at_once else overlap,
        )
    _hand_out(made, as_json=as_json)


@credentials_app.command(name="show")
async def show(*, institution: InstitutionId, as_json: Json = False) -> None:
    """Show the client id, and when each secret was made, used and ends; never a secret.

    Example: `consentry credentials show --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        shown = await show_credentials(installation.services, found.institution_id)
    credentials, now = shown.credentials, shown.moment
    if as_json:
        write_document(
            {
                "client_id": credentials.client_id,
                "name": credentials.name,
                "created_at": time_text(credentials.created_at),
                "secrets": [_document(secret, now) for secret in credentials.secrets],
            }
        )
        return
    write_line(f"client_id  {credentials.client_id}")
    write_line("")
    write_table(
        ("secret", "state", "made", "last used", "ends"),
        [
            (
                secret.display,
                "live" if secret.is_live(now) else "ended",
                shown_time(secret.created_at),
                shown_time(secret.last_used_at),
                shown_time(secret.expires_at),
            )
            for secret in credentials.secrets
        ],
    )


@credentials_app.command(name="leaked")
async def leaked(*, institution: InstitutionId, as_json: Json = False) -> None:
    """End every secret, token and page session of an institution at once.

    For a secret in the wrong hands. The institution's app stops working until it has new credentials: rotate next.

    Example: `consentry credentials leaked --institution bku`
    """
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        ended = await end_leaked_credentials(installation.services, found.institution_id, actor=operator())
    if as_json:
        write_document({"client_id": ended.client_id, "secrets_ended": ended.secrets_ended})
    else:
        write_line(f"Ended {ended.secrets_ended} secrets and all tokens of {institution}.")
        write_line(f"Next: consentry credentials rotate --institution {institution}")


def _hand_out(made: ShownCredentials, *, as_json: bool) -> None:
    if as_json:
        write_document(
            {
                "client_id": made.client_id,
                "client_secret": made.client_secret,
                "name": made.name,
                "created_at": time_text(made.created_at),
                "previous_secret_expires_at": optional_time(made.previous_secret_expires_at),
            }
        )
    else:
        write_line(f"client_id      {made.client_id}")
        write_line(f"client_secret  {made.client_secret}")
        if made.previous_secret_expires_at is not None:
            write_line(f"The previous secret works until {shown_time(made.previous_secret_expires_at)}.")
        note("Store the secret in a vault now: it is not kept here and can't be shown again.")


def _document(secret: Secret, now: datetime) -> dict[str, object]:
    return {
        "secret": secret.display,
        "live": secret.is_live(now),
        "created_at": time_text(secret.created_at),
        "first_used_at": optional_time(secret.first_used_at),
        "last_used_at": optional_time(secret.last_used_at),
        "expires_at": optional_time(secret.expires_at),
    }
