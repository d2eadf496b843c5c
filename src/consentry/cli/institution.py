"""`consentry institution`: add, list, enable, disable institutions, and change what they may configure."""

from datetime import timedelta
from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.branding import branding_app
from consentry.cli.installation import open_installation
from consentry.cli.options import Json, operator
from consentry.cli.origins import origins_app
from consentry.cli.output import shown_time, time_text, write_document, write_line, write_table
from consentry.config import Settings
from consentry.domain.institution import Institution, InstitutionStatus
from consentry.usecases.institution.add import add_institution
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.institution.list_all import find_institution, list_institutions

institution_app = App(name="institution", help="Institutions: whose customers decide.")
institution_app.command(origins_app)
institution_app.command(branding_app)

Id = Annotated[str, Parameter(help="The institution's id, such as bku.")]


@institution_app.command(name="add")
async def add(
    public_id: Id,
    /,
    *,
    name: Annotated[str, Parameter(help="Its name, as people know it.")],
    host: Annotated[str | None, Parameter(help="A host name of its own, under which it alone is served.")] = None,
    as_json: Json = False,
) -> None:
    """Add an institution.

    Its id stands in its tokens and can't be changed. It needs credentials next.

    Example: `consentry institution add bku --name "Bank of Example"`
    """
    async with open_installation(Settings.read()) as installation:
        added = await add_institution(
            installation.services, public_id=public_id, name=name, host=host, actor=operator()
        )
    if as_json:
        write_document(_document(added))
    else:
        write_line(f"Added {added.public_id}. Next: consentry credentials generate --institution {added.public_id}")


@institution_app.command(name="list")
async def show_all(*, as_json: Json = False) -> None:
    """List all institutions.

    Example: `consentry institution list --json`
    """
    async with open_installation(Settings.read()) as installation:
        found = await list_institutions(installation.services)
    if as_json:
        write_document([_document(institution) for institution in found])
        return
    write_table(
        ("id", "name", "host", "status", "overlap", "added"),
        [
            (i.public_id, i.name, i.host, i.status.value, _hours(i.secret_overlap), shown_time(i.created_at))
            for i in found
        ],
    )


@institution_app.command(name="disable")
async def disable(public_id: Id, /, *, as_json: Json = False) -> None:
    """Refuse all requests of an institution from now on.

    When the command has ended, no request of the institution or its customers is answered any more. Nothing is deleted.

    Example: `consentry institution disable bku`
    """
    await _change(public_id, InstitutionChange(status=InstitutionStatus.DISABLED), as_json=as_json)


@institution_app.command(name="enable")
async def enable(public_id: Id, /, *, as_json: Json = False) -> None:
    """Answer the requests of an institution again.

    Example: `consentry institution enable bku`
    """
    await _change(public_id, InstitutionChange(status=InstitutionStatus.ENABLED), as_json=as_json)


@institution_app.command(name="set-host")
async def set_host(
    public_id: Id,
    host: Annotated[str | None, Parameter(help="The host name; without one it has none any more.")] = None,
    /,
    *,
    as_json: Json = False,
) -> None:
    """Give an institution a host name of its own, or none.

    Requests sent to an institution's host are good for that institution alone.

    Example: `consentry institution set-host bku consents.bku.example`
    """
    await _change(public_id, InstitutionChange(host=host, sets_host=True), as_json=as_json)


@institution_app.command(name="set-overlap")
async def set_overlap(
    public_id: Id,
    overlap: Annotated[timedelta, Parameter(help="From 0s to 30d, such as 24h.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Set how long the previous secret works after a rotation.

    Example: `consentry institution set-overlap bku 12h`
    """
    await _change(public_id, InstitutionChange(secret_overlap=overlap), as_json=as_json)


async def _change(public_id: str, change: InstitutionChange, *, as_json: bool) -> None:
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, public_id)
        changed = await change_institution(installation.services, found.institution_id, change, actor=operator())
    if as_json:
        write_document(_document(changed))
    else:
        host = f", host {changed.host}" if changed.host else ""
        write_line(f"{changed.public_id} is {changed.status.value}, overlap {_hours(changed.secret_overlap)}{host}.")


def _document(institution: Institution) -> dict[str, object]:
    return {
        "id": institution.public_id,
        "name": institution.name,
        "host": institution.host,
        "status": institution.status.value,
        "secret_overlap_seconds": int(institution.secret_overlap.total_seconds()),
        "created_at": time_text(institution.created_at),
    }


def _hours(overlap: timedelta) -> str:
    return f"{overlap.total_seconds() / 3600:g} h"
