"""HTML answers: rendered from templates, with the headers that keep a page from being framed, sniffed or kept.

What a page shows is decided by its surface; here is how any page leaves the house.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

_STANDING_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def templates_of(package: str) -> Environment:
    """Give the templates in the folder `templates` of a package: everything escaped, nothing undefined passed over."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def content_policy(
    *, frame_ancestors: Sequence[str] = (), form_action: Sequence[str] = ("'self'",), nonce: str | None = None
) -> str:
    """Write a Content-Security-Policy (CSP 3): our own files, nothing inline but what bears the nonce, framed by none.

    `frame_ancestors` are the origins that may frame the page, `form_action` where its forms may go.
    """
    own = "'self'" if nonce is None else f"'self' 'nonce-{nonce}'"
    nobody = "'none'"
    return (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self' data:; connect-src 'self'; "
        f"form-action {' '.join(form_action) or nobody}; frame-ancestors {' '.join(frame_ancestors) or nobody}; "
        "base-uri 'none'; object-src 'none'"
    )


def html_answer(
    content: str, *, status: int = 200, policy: str | None = None, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Answer with a page; without a `policy` it is the one of `content_policy()`."""
    security = {**_STANDING_HEADERS, "Content-Security-Policy": policy or content_policy()}
    return HTMLResponse(content, status_code=status, headers={**security, **(headers or {})})
