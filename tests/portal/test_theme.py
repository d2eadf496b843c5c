"""Theme: how customers' pages look, chosen in the portal; what can't be used is refused beside its field."""

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.branding import FONTS, Theme
from consentry.domain.colour import Colour
from consentry.domain.legibility import legibility
from consentry.domain.staff import Role
from consentry.usecases.branding.get import get_branding
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, text_of

PAGE = "/admin/settings/theme"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
ICO = b"\x00\x00\x01\x00" + b"\x00" * 64
CHOSEN = {"accent": "#0b6e4f", "header": "#ffffff", "background": "#f3f5f8", "radius": "6", "font": "serif"}
colours = st.builds(Colour, *(st.integers(0, 255) for _ in range(3)))


def save(visitor: Visitor, files: dict[str, bytes] | None = None, **fields: str) -> httpx.Response:
    """Save as the page would that somebody has just opened, unless another `version` is given."""
    shown = re.search(r'name="version" value="(\d+)"', visitor.get(PAGE).text)
    version = shown[1] if shown else "0"
    sent = {name: (f"../{name}.svg", content, "image/svg+xml") for name, content in (files or {"none": b""}).items()}
    return visitor.post(PAGE, {**CHOSEN, "version": version, **fields}, files=sent)


def problems_of(page: httpx.Response) -> set[str]:
    return set(re.findall(r'class="problem" id="([a-z_]+)-problem"', page.text))


def ticked(page: httpx.Response) -> set[str]:
    return set(re.findall(r'name="(remove_[a-z]+)" value="yes" checked>', page.text))


async def test_a_theme_is_saved_with_its_pictures_and_customers_see_it(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    visitor = await signed_in(Role.ADMIN)
    saved = save(visitor, {"logo": PNG, "favicon": ICO}, fraud_phone="+1 800 555 0199")
    assert saved.headers["location"] == f"{PAGE}?notice=saved"
    stored = await get_branding(services, bku.institution_id)
    assert (str(stored.theme.accent), stored.theme.font, stored.theme.radius) == ("#0b6e4f", "serif", 6)
    assert stored.fraud_phone == "+1 800 555 0199"
    shown = visitor.get(f"{PAGE}/pictures/logo")
    assert shown.content == PNG
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert visitor.get(f"/embed/looks/{bku.public_id}/favicon").content == ICO
    page = visitor.get(PAGE)
    assert 'value="#0b6e4f"' in page.text
    assert "+1 800 555 0199" in page.text


async def test_what_is_left_alone_stays_and_what_is_removed_goes(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    visitor = await signed_in(Role.ADMIN)
    save(visitor, {"logo": PNG, "favicon": ICO}, fraud_phone="+1 800 555 0199")
    save(visitor, remove_favicon="yes", accent="#333333")
    stored = await get_branding(services, bku.institution_id)
    assert stored.logo is not None
    assert stored.favicon is None
    assert stored.fraud_phone is None
    assert visitor.get(f"{PAGE}/pictures/favicon").status_code == 404
    assert visitor.get(f"{PAGE}/pictures/secret").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accent", "red"),
        ("accent", ""),
        ("header", "#fff"),
        ("background", "#12345g"),
        ("background", "url(https://evil.example)"),
        ("radius", "25"),
        ("radius", "-1"),
        ("radius", "1e1"),
        ("font", "Comic Sans"),
        ("fraud_phone", "call us"),
        ("fraud_phone", "<script>"),
    ],
)
async def test_a_choice_that_can_t_be_used_is_refused_beside_its_field_and_kept(
    signed_in: SignIn, services: Services, bku: Tenant, field: str, value: str
) -> None:
    visitor = await signed_in(Role.ADMIN)
    refused = save(visitor, {"logo": PNG}, **{field: value})
    assert refused.status_code == 422
    assert problems_of(refused) == {field}
    assert "choose the files again" in text_of(refused)
    if field != "font":
        assert f'value="{value}"'.replace("<script>", "&lt;script&gt;") in refused.text
    assert (await get_branding(services, bku.institution_id)).version == 0


@pytest.mark.parametrize(
    "picture",
    [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"GIF89a", b"x", PNG + b"\x00" * 64 * 1024],
    ids=["svg", "gif", "text", "large"],
)
async def test_a_picture_that_acts_or_is_too_large_is_refused_whatever_it_is_called(
    signed_in: SignIn, services: Services, bku: Tenant, picture: bytes
) -> None:
    """R83."""
    visitor = await signed_in(Role.ADMIN)
    refused = save(visitor, {"logo": picture, "favicon": picture})
    assert refused.status_code == 422
    assert problems_of(refused) == {"logo", "favicon"}
    assert (await get_branding(services, bku.institution_id)).logo is None


async def test_more_than_a_form_may_hold_is_refused(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    refused = save(visitor, {"logo": PNG + b"\x00" * 600 * 1024})
    assert refused.status_code == 413
    assert "at most 512 KiB" in text_of(refused)
    assert visitor.post(PAGE, CHOSEN).status_code == 415


async def test_the_preview_follows_what_is_chosen_and_saves_nothing(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    visitor = await signed_in(Role.ADMIN)
    look = visitor.get(f"{PAGE}/look", params={**CHOSEN, "accent": "#ffe14d"})
    assert look.status_code == 200
    assert "instead of #ffe14d with 1.3 : 1" in text_of(look)
    assert "<html" not in look.text
    assert "style=" not in look.text
    assert visitor.get(f"{PAGE}/look", params={**CHOSEN, "accent": '"><script>'}).status_code == 400
    assert visitor.get(f"{PAGE}/look").status_code == 400
    assert (await get_branding(services, bku.institution_id)).version == 0


async def test_the_default_comes_back_after_a_question(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    visitor = await signed_in(Role.ADMIN)
    save(visitor, {"logo": PNG}, fraud_phone="+1 800 555 0199")
    assert "become the default again" in text_of(visitor.get(f"{PAGE}/reset"))
    assert visitor.post(f"{PAGE}/reset").headers["location"] == f"{PAGE}?notice=reset"
    stored = await get_branding(services, bku.institution_id)
    assert stored.theme == Theme()
    assert stored.logo is None
    assert stored.fraud_phone == "+1 800 555 0199"


async def test_a_theme_that_somebody_else_changed_is_not_overwritten(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert save(visitor, accent="#112233").status_code == 303
    late = save(visitor, accent="#445566", version="0")
    assert late.status_code == 409
    assert "Somebody else has changed these settings" in text_of(late)
    assert 'value="#445566"' in late.text
    assert 'name="version" value="1"' in late.text
    assert 'value="#112233"' in visitor.get(PAGE).text


async def test_files_that_were_chosen_too_late_are_asked_for_again(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert save(visitor, accent="#112233").status_code == 303
    assert "Choose the files again" in text_of(save(visitor, {"logo": PNG}, version="0"))
    assert "Choose the files again" not in text_of(save(visitor, version="0"))


async def test_a_picture_that_was_to_be_removed_still_is_after_a_refusal(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    save(visitor, {"logo": PNG, "favicon": ICO})
    wrong, late = save(visitor, remove_logo="yes", accent="red"), save(visitor, remove_logo="yes", version="0")
    assert (wrong.status_code, late.status_code) == (422, 409)
    assert ticked(wrong) == ticked(late) == {"remove_logo"}
    assert ticked(visitor.get(PAGE)) == set()


async def test_one_institution_s_theme_is_not_another_s(signed_in: SignIn, other: Tenant) -> None:
    """R90."""
    visitor, stranger = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN, tenant=other)
    save(visitor, {"logo": PNG})
    assert stranger.get(f"{PAGE}/pictures/logo").status_code == 404
    assert "#0b6e4f" not in stranger.get(PAGE).text


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_only_admins_choose_a_theme(signed_in: SignIn, role: Role) -> None:
    """R89."""
    visitor = await signed_in(role)
    for path in ("", "/look", "/reset", "/pictures/logo"):
        assert visitor.get(f"{PAGE}{path}").status_code == 403
    assert save(visitor).status_code == 403
    assert visitor.post(f"{PAGE}/reset").status_code == 403


@given(colours, colours, colours, st.booleans())
def test_whatever_is_chosen_everything_can_be_read(
    accent: Colour, header: Colour, background: Colour, dark: bool
) -> None:
    theme = Theme(accent=accent, header=header, background=background, font=next(iter(FONTS)))
    for found in legibility(theme, dark=dark):
        assert found.ratio >= found.least, found
        assert found.chosen is None or found.chosen[0] != found.colour
