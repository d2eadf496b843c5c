"""Who is signed in, as every page of the portals gets it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.staff import PORTAL_PATH, House, Role, is_recent
from consentry.usecases.audit.download import Download
from consentry.usecases.institution.standing import Standing
from consentry.web.portal.audit_words import plain
from consentry.web.portal.navigation import Links

PORTAL: Final = {House.INSTITUTION: "portal", House.PARTNER: "partner"}
"""With which word the names of each portal's routes begin."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member of staff with a live session, and where they are.

    `institution_id`, `institution` (the public id) and `institution_name` are of the house whose staff it is: of the
    partner in the partners' portal. `path` and `query` are of the request, `csrf` is what its forms must hold, and
    `navigation` is where this role may go. `standing` tells that the institution is not enabled, None where it is.
    """

    house: House
    institution_id: int
    institution: str
    institution_name: str
    member_id: UUID
    name: str | None
    email: str
    role: Role
    csrf: str = field(repr=False)
    actor: Actor
    session_id: UUID
    ends_at: datetime
    authenticated_at: datetime | None
    moment: datetime
    path: str
    query: tuple[tuple[str, str], ...] = ()
    navigation: tuple[Links, ...] = ()
    standing: Standing | None = None

    @property
    def prefix(self) -> str:
        """Give the path of the portal, without a slash at its end."""
        return PORTAL_PATH[self.house]

    def takes(
        self, name: str, filters: Mapping[str, str] | None = None, *, subject: tuple[str, str] | None = None
    ) -> Download:
        """Give what the audit keeps of a list that they take with them as a file: no empty filter, no secret (R133)."""
        kept = {key: plain(value) for key, value in (filters or {}).items() if value}
        return Download(name, self.actor, self.institution_id, kept, subject)

    @property
    def is_recent(self) -> bool:
        """Tell whether they have signed in at the provider recently enough for a step-up."""
        return is_recent(self.authenticated_at, self.moment)

    @property
    def here(self) -> str:
        """Give the address of the page, as one comes back to it."""
        kept = [(name, value) for name, value in self.query if name != "notice"]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path
