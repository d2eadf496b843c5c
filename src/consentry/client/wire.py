"""What goes over the wire, without a wire: requests, answers, and conversations made of them.

Owns these values; leaves the sending to the two clients. A conversation is a generator that yields what to send and
after how many seconds, is sent what came of it, and returns its result: both clients run the same ones.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request; its URL is encoded. `shown_url` is set where the URL holds a secret: it is what logs may show."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    shown_url: str | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer; the names of its headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """What came instead of an answer, in a few words: the request may have arrived or not."""

    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """One step of a conversation: wait for `after` seconds, then send the request."""

    request: HttpRequest
    after: float = 0.0


Outcome: TypeAlias = HttpAnswer | NoAnswer
Conversation: TypeAlias = Generator[Send, Outcome, Result]
