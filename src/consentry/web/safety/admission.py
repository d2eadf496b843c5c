"""Admission: which requests are let in, by source, institution and failed sign-ins.

A sign-in with the right secret is never refused for what others tried: failures are counted for a client id and a
source together, and the count is asked only when a secret was wrong. Of IPv6 a source is a /64 (domain/source.py).
"""

from typing import Final

from consentry.config import Limits
from consentry.domain.refusal.request import RateLimited, TemporarilyUnavailable
from consentry.domain.source import limited_as
from consentry.web.safety.limits import Rate, SharedLimits

_KEPT_OF_CLIENT_ID: Final = 64
_CLIENTS_A_SOURCE: Final = 10


class Admission:
    """The limits of an installation, counted over all its workers on this machine."""

    def __init__(self, shared: SharedLimits, limits: Limits) -> None:
        self._shared = shared
        self._source_rate = Rate(limits.source_rate, limits.source_burst)
        self._institution_rate = Rate(limits.institution_rate, limits.institution_burst)
        self._failure_rate = Rate(limits.failures_per_minute / 60, limits.failures_per_minute)
        all_failures = limits.failures_per_minute * _CLIENTS_A_SOURCE
        self._source_failure_rate = Rate(all_failures / 60, all_failures)
        self._most_in_flight = limits.in_flight
        self._in_flight = 0

    def enter(self, source: str) -> None:
        """Let a request in; `leave` must follow.

        Raises:
            RateLimited: its source asks too often.
            TemporarilyUnavailable: too many requests are being answered.
        """
        if wait := self._shared.take(limited_as(source), self._source_rate):
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

    def sign_in(self, client_id: str) -> None:
        """Count a request with credentials, before they are checked; `failed_to_sign_in` takes it back.

        Raises:
            RateLimited: this client asks too often.
        """
        if wait := self._shared.take(f"client {client_id[:_KEPT_OF_CLIENT_ID]}", self._institution_rate):
            raise RateLimited(wait)

    def knock(self, source: str) -> None:
        """Count a try to come in to a portal, which costs a question to a provider and a line of the log.

        Raises:
            RateLimited: this source tries too often, right or wrong.
        """
        if wait := self._shared.take(f"knocks {limited_as(source)}", self._source_failure_rate):
            raise RateLimited(wait)

    def knocked_rightly(self, source: str) -> None:
        """Take back a try that was right, of those who have to try often."""
        self._shared.give_back(f"knocks {limited_as(source)}", self._source_failure_rate)

    def failed_to_sign_in(self, client_id: str, source: str) -> None:
        """Count a request whose credentials were wrong; it does not count for the client, so nobody can use that up.

        Raises:
            RateLimited: this source has been wrong about this client id, or about many, too often; such failures need
                not be remembered one by one.
        """
        client, source = client_id[:_KEPT_OF_CLIENT_ID], limited_as(source)
        self._shared.give_back(f"client {client}", self._institution_rate)
        limits = (
            (f"failures {source} {client}", self._failure_rate),
            (f"failures {source}", self._source_failure_rate),
        )
        for key, rate in limits:
            if wait := self._shared.take(key, rate):
                raise RateLimited(wait)
