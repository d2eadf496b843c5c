"""Where a request comes from: its IP address, behind a configured number of proxies."""

from collections.abc import Sequence

from consentry.web.asgi import Scope


def source_of(scope: Scope, forwarded_for: Sequence[bytes], *, trusted_proxies: int) -> str:
    """Give the address of the client.

    Without proxies it is the peer's. With n trusted proxies it is the n-th address from the right of X-Forwarded-For,
    what stands left of it being the client's own claim; with fewer addresses than that, the peer's.
    """
    client = scope.get("client")
    peer = client[0] if client else "unknown"
    if trusted_proxies and forwarded_for:
        addresses = b",".join(forwarded_for).split(b",")
        if len(addresses) >= trusted_proxies:
            claimed = addresses[-trusted_proxies].strip()
            if 0 < len(claimed) <= 45 and claimed.isascii():
                return claimed.decode()
    return str(peer)
