"""Cookies of the portals: bound to the host, never read by scripts, sent along from elsewhere only when it is a visit.

The prefix `__Host-` asks for `Secure`. Browsers keep such cookies over plain http on this very machine only, where
Chromium and Firefox count it as trustworthy.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.staff import SIGN_IN_SECONDS, House

SESSION: Final = {House.INSTITUTION: "__Host-consentry-staff", House.PARTNER: "__Host-consentry-partner"}
SETUP: Final = {House.INSTITUTION: "__Host-consentry-setup", House.PARTNER: "__Host-consentry-partner-setup"}
HOUSE: Final = {House.INSTITUTION: "__Host-consentry-house", House.PARTNER: "__Host-consentry-partner-house"}
"""Remembers, in a browser that has signed in, which house that was to."""
HOUSE_LASTS: Final = 365 * 86_400
SIGN_IN_LASTS: Final = SIGN_IN_SECONDS
SIGN_IN: Final = {House.INSTITUTION: "__Host-consentry-sign-in", House.PARTNER: "__Host-consentry-partner-sign-in"}


def read(request: Request, name: str) -> str:
    """Give a cookie's value; empty where there is none, or where it came twice (R15)."""
    values = [
        value
        for header in request.headers.getlist("cookie")
        for part in header.split(";")
        for found, _, value in [part.strip().partition("=")]
        if found == name
    ]
    return values[0] if len(values) == 1 else ""


def put(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie for this host alone; without `seconds` until the browser ends."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def drop(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
