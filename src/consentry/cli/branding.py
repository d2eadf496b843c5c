"""`consentry institution branding`: how an institution's pages look, and whom its customers call."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.installation import open_installation
from consentry.cli.options import Json, operator
from consentry.cli.output import write_document, write_table
from consentry.config import Settings
from consentry.domain.branding import FONTS
from consentry.domain.refusal.dashboard import InvalidBranding
from consentry.store.branding import StoredBranding
from consentry.usecases.branding.change import BrandingChange, change_branding
from consentry.usecases.branding.get import get_branding
from consentry.usecases.institution.list_all import find_institution

branding_app = App(name="branding", help="Colours, logo and numbers to call on customers' pages.")

Id = Annotated[str, Parameter(help="The institution's id, such as bku.")]
Image = Annotated[Path | None, Parameter(help="A PNG, JPEG, WebP or ICO file of at most 64 KiB.")]
Hue = Annotated[str | None, Parameter(help="A colour such as #1f5fbf.")]


@branding_app.command(name="show")
async def show(public_id: Id, /, *, as_json: Json = False) -> None:
    """Show how an institution's pages look.

    Example: `consentry institution branding show bku`
    """
    async with open_installation(Settings.read()) as installation:
        institution = await find_institution(installation.services, public_id)
        _show(await get_branding(installation.services, institution.institution_id), as_json=as_json)


@branding_app.command(name="set")
async def change(
    public_id: Id,
    /,
    *,
    accent: Hue = None,
    header: Hue = None,
    background: Hue = None,
    radius: Annotated[int | None, Parameter(help="How round corners are, 0 to 24.")] = None,
    font: Annotated[str | None, Parameter(help=f"A family: {', '.join(FONTS)}.")] = None,
    logo: Image = None,
    favicon: Image = None,
    fraud_phone: Annotated[str | None, Parameter(help="Whom a customer calls who does not recognise an app.")] = None,
    as_json: Json = False,
) -> None:
    """Change how an institution's pages look; what is not named stays as it is, and an empty value takes it away.

    Text stays readable on whatever colours are chosen, and what a page must say can't be hidden.

    Example: `consentry institution branding set bku --accent "#0b6e4f" --logo logo.png --fraud-phone "+1 800 555 0199"`
    """
    chosen = {"accent": accent, "header": header, "background": background, "radius": radius, "font": font}
    change = BrandingChange(
        theme={name: value for name, value in chosen.items() if value is not None} or None,
        logo=_read(logo),
        favicon=_read(favicon),
        fraud_phone=fraud_phone,
    )
    async with open_installation(Settings.read()) as installation:
        institution = await find_institution(installation.services, public_id)
        changed = await change_branding(installation.services, institution.institution_id, change, actor=operator())
    _show(changed, as_json=as_json)


def _read(image: Path | None) -> bytes | None:
    if image is None:
        return None
    if str(image) in ("", "."):
        return b""
    try:
        return image.read_bytes()
    except OSError:
        raise InvalidBranding(f"The file {image} can't be read; check its name and who may read it.") from None


def _show(chosen: StoredBranding, *, as_json: bool) -> None:
    facts = {
        **chosen.theme.as_stored(),
        "logo": chosen.logo.media_type if chosen.logo else None,
        "favicon": chosen.favicon.media_type if chosen.favicon else None,
        "fraud_phone": chosen.fraud_phone,
    }
    if as_json:
        write_document(facts)
    else:
        write_table(
            ("what", "is"),
            [(name.replace("_", " "), None if value is None else str(value)) for name, value in facts.items()],
        )
