"""Who acted, from where: what the audit record and the history of a consent say of it."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The parties that can act on a consent or on credentials.

    The first four end a consent in their own name. What staff or a partner ends, its institution ends; what an operator
    ends, the system.
    """

    CUSTOMER = "customer"
    INSTITUTION = "institution"
    RECIPIENT = "recipient"
    SYSTEM = "system"
    OPERATOR = "operator"
    STAFF = "staff"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and where the request came from.

    `actor_id` is the customer's id, a credential's client id, an operating-system user or the id of a member of staff;
    `source` is an IP address.
    """

    kind: ActorKind
    actor_id: str | None = None
    source: str | None = None
    request_id: str | None = None
