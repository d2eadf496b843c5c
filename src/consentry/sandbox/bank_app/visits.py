"""Visits to the bank's app: who is signed in, and which tokens the bank's server has asked for on their behalf.

A real bank has sessions of its own; this is as much of one as the embedding needs. Tokens are kept so that signing out
can revoke them.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

_MOST_VISITS: Final = 1000


@dataclass(slots=True)
class Visit:
    """One customer, signed in; `tokens` were asked for on their behalf, the newest last."""

    visit_id: str
    customer_id: str
    tokens: list[str] = field(default_factory=list, repr=False)


class Visits:
    """The visits of this process, of which the oldest are forgotten."""

    def __init__(self) -> None:
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def begin(self, customer_id: str) -> Visit:
        """Sign a customer in."""
        visit = Visit(secrets.token_urlsafe(24), customer_id)
        self._visits[visit.visit_id] = visit
        while len(self._visits) > _MOST_VISITS:
            self._visits.popitem(last=False)
        return visit

    def find(self, visit_id: str) -> Visit | None:
        """Find a visit that has not ended."""
        return self._visits.get(visit_id)

    def end(self, visit_id: str) -> Visit | None:
        """End a visit and give it back; None if there is none."""
        return self._visits.pop(visit_id, None)
