"""The host that a request was sent to: some institutions, and their portals, are found by a name of their own."""

from urllib.parse import urlsplit

from starlette.requests import Request


def host_of(request: Request) -> str | None:
    """Give the name of the host that a request was sent to, as `host_name` does."""
    return host_name(request.headers.get("host", ""))


def leads_here(request: Request, address: str) -> bool:
    """Tell whether an address that a header names, Origin or Referer, is at the very host the request was sent to."""
    try:
        return urlsplit(address).netloc.lower() == request.headers.get("host", "").lower()
    except ValueError:
        return False


def host_name(header: str) -> str | None:
    """Give the name in a Host header (RFC 9110, section 7.2), in small letters and without its port; None if none."""
    text = header.lower()
    name = text.rpartition(":")[0] if ":" in text and not text.endswith("]") else text
    return name if name and name.isascii() and "\x00" not in name else None
