"""Admission: which requests are let in, by source, institution and failed sign-ins.

A sign-in with the right secret is never refused for what others tried: failures are counted for a client id and a source together, and the
count is asked only when a secret was wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from consentry.config import Limits
from consentry.domain.refusal import InvalidClient, RateLimited, TemporarilyUnavailable
from consentry.usecases.token.issue import PresentedCredentials
from consentry.web.safety.limits import Rate, SharedLimits


class Admission:
    """The limits of an installation, counted over all its workers on this machine."""

    def __init__(self, shared: SharedLimits, limits: Limits) -> None:
        self._shared = shared
        self._source_rate = Rate(limits.source_rate, limits.source_burst)
        self._institution_rate = Rate(limits.institution_rate, limits.institution_burst)
        self._failure_rate = Rate(limits.failures_per_minute / 60, limits.failures_per_minute)
        self._most_in_flight = limits.in_flight
        self._in_flight = 0

    def enter(self, source: str) -> None:
        """Let a request in; `leave` must follow.

        Raises:
            RateLimited: its source asks too often.
            TemporarilyUnavailable: too many requests are being answered.
        """
        if wait := self._shared.take(source, self._source_rate):
            raise RateLimited(wait)
        if self._in_flight >= self._most_in_flight:
            raise TemporarilyUnavailable
        self._in_flight += 1

    def leave(self) -> None:
        """Count a request that was let in as done."""
        self._in_flight -= 1

    def institution(self, institution_id: int) -> None:
        """Count a request with a token of an institution.

        Raises:
            RateLimited: it asks too often.
        """
        if wait := self._shared.take(f"institution {institution_id}", self._institution_rate):
            raise RateLimited(wait)

    @contextmanager
    def sign_in(self, presented: PresentedCredentials) -> Iterator[PresentedCredentials]:
        """Count a sign-in with credentials; what is done within tells by InvalidClient that it failed.

        Gives the credentials, marked so that a failure beyond the limit is no longer remembered one by one.

        Raises:
            RateLimited: instead of InvalidClient, after too many failures with this client id from this source, or when the right
                credentials are used too often.
        """
        client = f"client {presented.client_id}"
        if wait := self._shared.look(client, self._institution_rate):
            raise RateLimited(wait)
        failures = f"failures {presented.source} {presented.client_id}"
        wait = self._shared.look(failures, self._failure_rate)
        try:
            yield presented.unremembered() if wait else presented
        except InvalidClient:
            if wait:
                raise RateLimited(wait) from None
            self._shared.take(failures, self._failure_rate)
            raise
        self._shared.take(client, self._institution_rate)
