"""When a request is sent again, and after how long.

Owns that decision; leaves the waiting to the clients. Only requests that do no harm twice are repeated, and only after
a lost connection or an answer that means *later*: 429, 502, 503, 504.
"""

from collections.abc import Callable
from dataclasses import dataclass

from consentry.client.calls import error_of, retry_after
from consentry.client.errors import ConnectionFailedError, ConsentryError, UnexpectedAnswerError
from consentry.client.wire import Conversation, HttpAnswer, HttpRequest, NoAnswer, Outcome, Send

LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient a client is: how often it sends a request in all, and its waits in seconds.

    The first wait doubles with each attempt up to `longest_wait`, less up to a half by chance, and comes on top of what
    the server asks for with `Retry-After`. If that is more than `patience`, the call fails at once and says so.
    """

    attempts: int = 4
    first_wait: float = 0.2
    longest_wait: float = 5.0
    patience: float = 30.0

    def wait(self, outcome: Outcome, *, attempt: int, chance: float) -> float | None:
        """Say how long to wait before the next attempt, None for no more; `chance` is at least 0 and less than 1."""
        if attempt >= self.attempts:
            return None
        own = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1)) * (1 - chance / 2)
        if isinstance(outcome, NoAnswer):
            return own
        if outcome.status not in LATER:
            return None
        asked = retry_after(outcome) or 0.0
        return asked + own if asked <= self.patience else None


def exchange(request: HttpRequest, *, policy: RetryPolicy, chance: Callable[[], float]) -> Conversation[HttpAnswer]:
    """Send a request until it is answered with success.

    Raises:
        ConsentryError: the answer is a refusal, or none came, and the request is not to be repeated.
    """
    attempt, after = 1, 0.0
    while True:
        outcome = yield Send(request, after)
        if isinstance(outcome, HttpAnswer) and 200 <= outcome.status <= 299:
            return outcome
        wait = policy.wait(outcome, attempt=attempt, chance=chance()) if request.repeatable else None
        if wait is None:
            raise _failure(request, outcome, attempt)
        attempt, after = attempt + 1, wait


def _failure(request: HttpRequest, outcome: Outcome, attempts: int) -> ConsentryError:
    if isinstance(outcome, NoAnswer):
        advice = "" if request.repeatable else "; it was not repeated, and may have taken effect"
        return ConnectionFailedError(f"No answer ({outcome.reason}){advice}", attempts=attempts)
    if outcome.status <= 399:
        return UnexpectedAnswerError(
            "No answer of this API; is base_url right?", status=outcome.status, attempts=attempts
        )
    return error_of(outcome, attempts)
