"""Origins (RFC 6454): scheme, host and port of an address, as settings and browsers write them."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

_USUAL_PORTS: Final = {"http": 80, "https": 443}


def origin_of(parts: SplitResult) -> str:
    """Give the origin of an address: scheme and host in small letters, and a port only where it is unusual."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_origin(text: str) -> bool:
    """Tell whether a text is an origin of http or https, and nothing more."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and text == origin_of(parts)
    except ValueError:
        return False
