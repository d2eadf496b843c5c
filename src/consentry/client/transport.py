"""The two clients' dealings with httpx.

Owns the form in which requests go to httpx and answers come from it; leaves connections, TLS and proxies to httpx.
"""

from secrets import SystemRandom
from time import monotonic

from consentry.client.calls import Secret, checked_customer, root_of
from consentry.client.conversations import Customer, Institution
from consentry.client.repeating import RetryPolicy
from consentry.client.wire import HttpAnswer, HttpRequest, NoAnswer

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "consentry.client needs httpx. Install it with: pip install 'consentry[client]'", name=missing.name
    ) from missing


__all__ = ["answer_of", "customer", "httpx", "institution", "no_answer", "prepared"]


class ShownURL(httpx.URL):
    """A URL that shows itself without its secret: httpx writes the URL of every request to its log."""

    shown: str

    @classmethod
    def of(cls, url: httpx.URL, shown: str) -> "ShownURL":
        """Make one that goes where `url` goes and reads as `shown`."""
        made = cls(url)
        made.shown = shown
        return made

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"URL({self.shown!r})"


def institution(
    base_url: str, client_id: str, client_secret: str, *, version: str, policy: RetryPolicy | None
) -> Institution:
    """Make the institution's side with this machine's clock and chance.

    Raises:
        ValueError: the address or the version is none.
    """
    return Institution(
        root=root_of(base_url, version),
        secret=Secret(client_id, client_secret),
        policy=policy or RetryPolicy(),
        clock=monotonic,
        chance=SystemRandom().random,
    )


def customer(institution: Institution, customer_id: str) -> Customer:
    """Make a customer's side.

    Raises:
        ValueError: the id is not 1 to 255 visible ASCII characters.
    """
    return Customer(institution, checked_customer(customer_id))


def prepared(client: httpx.Client | httpx.AsyncClient, request: HttpRequest) -> httpx.Request:
    """Write a request as httpx sends it."""
    made = client.build_request(request.method, request.url, headers=dict(request.headers), content=request.body)
    if request.shown_url is not None:
        made.url = ShownURL.of(made.url, request.shown_url)
    return made


def answer_of(response: httpx.Response) -> HttpAnswer:
    """Take from a response what conversations read; httpx has its headers in small letters already."""
    return HttpAnswer(status=response.status_code, headers=dict(response.headers), body=response.content)


def no_answer(error: httpx.RequestError) -> NoAnswer:
    """Say in a few words why there is no response."""
    return NoAnswer(": ".join(part for part in (type(error).__name__, str(error)) if part))
