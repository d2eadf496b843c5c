"""Who acted, from where: what the audit record and the history of a consent say of it."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The parties that can act on a consent or on credentials; the first four can end a consent."""

    CUSTOMER = "customer"
    INSTITUTION = "institution"
    RECIPIENT = "recipient"
    SYSTEM = "system"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and where the request came from.

    `actor_id` is the customer's id, a credential's client id or an operating-system user; `source` is an IP address.
    """

    kind: ActorKind
    actor_id: str | None = None
    source: str | None = None
    request_id: str | None = None
