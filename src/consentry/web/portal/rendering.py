"""Pages of the portals: templates with who is signed in around them, as answers with their headers.

Owns what every template may use; leaves words to words.py and looks to the style sheets.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from jinja2 import Environment
from markupsafe import Markup
from starlette.responses import Response

from consentry.domain.staff import Role
from consentry.web.embed.cards import visible
from consentry.web.html.assets import Assets
from consentry.web.html.pages import content_policy, html_answer, templates_of
from consentry.web.portal import lists, segments, words
from consentry.web.portal.navigation import heading_of
from consentry.web.portal.signed_in import SignedIn

ASSETS: Final = Assets("consentry.web.portal", "/admin/assets/")
# Forms tell where they come from only under this policy; with no-referrer their Origin would be null.
HEADERS: Final = {"Referrer-Policy": "same-origin", "Vary": "Cookie"}
_SHEETS_FIRST: Final = ("portal.css", "parts.css")
ROLE_WORDS: Final = {
    Role.ADMIN: "Admin",
    Role.SUPPORT: "Support",
    Role.COMPLIANCE: "Compliance",
    Role.USER: "User",
}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the templates of both portals; made once a process."""
    made = templates_of("consentry.web.portal")
    made.filters.update(words.FILTERS)
    made.filters["visible"] = visible
    sheets = sorted(name for name in ASSETS.files if name.endswith(".css") and name not in _SHEETS_FIRST)
    made.globals.update(
        asset=ASSETS.address,
        sheets=[ASSETS.address(name) for name in (*_SHEETS_FIRST, *sheets)],
        role_words=ROLE_WORDS,
        address=lists.address,
        segment=segments.segment,
    )
    macros = made.get_template("macros.html").module
    for name in (
        "field", "select", "status_badge", "empty", "confirm", "notice", "icon", "sign_in_again", "step_up"
    ):  # fmt: skip
        made.globals[name] = getattr(macros, name)
    return made


def render(
    staff: SignedIn,
    template: str,
    *,
    title: str,
    section: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    trail: tuple[tuple[str, str], ...] = (),
    **context: object,
) -> Response:
    """Answer with a page for somebody who is signed in.

    `section` is the key of navigation.py under which the page stands, `trail` the pages between it and this one (path
    and title). A template extends `shell.html`; beside the context it has `staff`, `csrf()` for its forms,
    `csv_link(path)`, and `pager(following)`, which is shown by itself where the context has `following`: the changes
    of the query that lead to the next page of a list, or None on the last.
    """
    heading, section_title = heading_of(staff.house, section)
    content = (
        environment()
        .get_template(template)
        .render(
            staff=staff,
            title=title,
            section=section,
            heading=heading,
            section_title=section_title,
            trail=trail,
            navigation=staff.navigation,
            csrf=partial(_csrf, staff),
            csv_link=partial(_csv_link, staff),
            pager=partial(_pager, staff),
            **context,
        )
    )
    return html_answer(content, status=status, policy=content_policy(), headers={**HEADERS, **(headers or {})})


def render_outside(
    template: str, *, title: str, status: int = 200, headers: Mapping[str, str] | None = None, **context: object
) -> Response:
    """Answer with a page for somebody who is not signed in; its template extends `outside.html`."""
    content = environment().get_template(template).render(title=title, **context)
    return html_answer(content, status=status, policy=content_policy(), headers={**HEADERS, **(headers or {})})


def _csrf(staff: SignedIn) -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(staff.csrf)


def _csv_link(staff: SignedIn, path: str, label: str = "Download as CSV") -> Markup:
    kept = [(name, value) for name, value in staff.query if not name.startswith(("after", "notice"))]
    return Markup('<a class="button quiet" href="{}" download>{}</a>').format(lists.address(path, kept), label)


def _pager(staff: SignedIn, following: Mapping[str, object] | None) -> Markup:
    kept = [(name, value) for name, value in staff.query if name != "notice"]
    first = [(name, value) for name, value in kept if not name.startswith("after")]
    links = []
    if len(first) < len(kept):
        links.append(
            Markup('<a class="button quiet" rel="first" href="{}">First page</a>').format(
                lists.address(staff.path, first)
            )
        )
    if following:
        links.append(
            Markup('<a class="button quiet" rel="next" href="{}">Next page</a>').format(
                lists.address(staff.path, first, following)
            )
        )
    if not links:
        return Markup("")
    return Markup('<nav class="pager" aria-label="Pages of the list">{}</nav>').format(Markup(" ").join(links))
