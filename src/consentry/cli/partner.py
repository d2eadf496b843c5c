"""`consentry partner`: companies that look after several institutions, and which those are."""

from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.installation import open_installation
from consentry.cli.options import Json, operator
from consentry.cli.output import shown_time, time_text, write_document, write_line, write_table
from consentry.config import Settings
from consentry.usecases.partner.add import add_partner
from consentry.usecases.partner.give import give_institution
from consentry.usecases.partner.list_all import ListedPartner, list_partners

partner_app = App(name="partner", help="Channel partners: who looks after several institutions.")

Id = Annotated[str, Parameter(help="The partner's id, such as platform.")]
Institution = Annotated[str, Parameter(help="The institution's id, such as bku.")]


@partner_app.command(name="add")
async def add(
    public_id: Id,
    name: Annotated[str, Parameter(help="Its name, as people know it.")],
    /,
    *,
    host: Annotated[
        str | None, Parameter(help="A host name of its own, for its portal; it may give its institutions names below.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a channel partner.

    Its staff see the institutions that it looks after, and never a customer. It needs a first admin next.

    Example: `consentry partner add platform "Platform of Example"`
    """
    async with open_installation(Settings.read()) as installation:
        added = await add_partner(installation.services, public_id=public_id, name=name, host=host, actor=operator())
    if as_json:
        write_document(_document(ListedPartner(added, ())))
    else:
        write_line(f"Added {added.public_id}. Next: consentry staff first-admin {added.public_id} E-MAIL")


@partner_app.command(name="list")
async def show_all(*, as_json: Json = False) -> None:
    """List the channel partners, and the institutions that each looks after.

    Example: `consentry partner list`
    """
    async with open_installation(Settings.read()) as installation:
        found = await list_partners(installation.services)
    if as_json:
        write_document([_document(listed) for listed in found])
        return
    write_table(
        ("id", "name", "host", "institutions", "added"),
        [
            (
                listed.partner.public_id,
                listed.partner.name,
                listed.partner.host,
                ", ".join(listed.institutions) or None,
                shown_time(listed.partner.created_at),
            )
            for listed in found
        ],
    )


@partner_app.command(name="give")
async def give(public_id: Id, institution: Institution, /, *, as_json: Json = False) -> None:
    """Let a partner look after an institution from now on, in the place of another that did.

    Example: `consentry partner give platform bku`
    """
    await _give(institution, public_id, as_json=as_json)


@partner_app.command(name="take")
async def take(institution: Institution, /, *, as_json: Json = False) -> None:
    """Let no partner look after an institution any more.

    Example: `consentry partner take bku`
    """
    await _give(institution, None, as_json=as_json)


async def _give(institution: str, partner: str | None, *, as_json: bool) -> None:
    async with open_installation(Settings.read()) as installation:
        await give_institution(installation.services, institution, partner=partner, actor=operator())
    if as_json:
        write_document({"institution": institution, "partner": partner})
    else:
        write_line(f"{partner or 'No partner'} looks after {institution}.")


def _document(listed: ListedPartner) -> dict[str, object]:
    return {
        "id": listed.partner.public_id,
        "name": listed.partner.name,
        "host": listed.partner.host,
        "institutions": list(listed.institutions),
        "created_at": time_text(listed.partner.created_at),
    }
