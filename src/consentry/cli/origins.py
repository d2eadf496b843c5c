"""`consentry institution origins`: which sites may embed an institution's dashboard."""

from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.installation import Installation, open_installation
from consentry.cli.options import Json, operator
from consentry.cli.output import write_document, write_line
from consentry.config import Settings
from consentry.usecases.institution.change_origins import add_origin, list_origins, remove_origin
from consentry.usecases.institution.list_all import find_institution

origins_app = App(name="origins", help="Sites that may embed the dashboard.")

Id = Annotated[str, Parameter(help="The institution's id, such as bku.")]
Origin = Annotated[str, Parameter(help="Scheme and host, such as https://www.bank.example, and a port if need be.")]


@origins_app.command(name="add")
async def add(public_id: Id, origin: Origin, /, *, as_json: Json = False) -> None:
    """Let a site embed the dashboard.

    Example: `consentry institution origins add bku https://www.bank.example`
    """
    async with open_installation(Settings.read()) as installation:
        institution_id = await _id_of(installation, public_id)
        _show(await add_origin(installation.services, institution_id, origin, actor=operator()), as_json=as_json)


@origins_app.command(name="remove")
async def remove(public_id: Id, origin: Origin, /, *, as_json: Json = False) -> None:
    """Let a site embed the dashboard no longer; pages that are open there stay so until they end.

    Example: `consentry institution origins remove bku https://old.bank.example`
    """
    async with open_installation(Settings.read()) as installation:
        institution_id = await _id_of(installation, public_id)
        _show(await remove_origin(installation.services, institution_id, origin, actor=operator()), as_json=as_json)


@origins_app.command(name="list")
async def show_all(public_id: Id, /, *, as_json: Json = False) -> None:
    """List the sites that may embed the dashboard.

    Example: `consentry institution origins list bku`
    """
    async with open_installation(Settings.read()) as installation:
        institution_id = await _id_of(installation, public_id)
        _show(await list_origins(installation.services, institution_id), as_json=as_json)


async def _id_of(installation: Installation, public_id: str) -> int:
    return (await find_institution(installation.services, public_id)).institution_id


def _show(origins: list[str], *, as_json: bool) -> None:
    if as_json:
        write_document({"origins": origins})
    elif origins:
        for origin in origins:
            write_line(origin)
    else:
        write_line("No site may embed the dashboard yet.")
