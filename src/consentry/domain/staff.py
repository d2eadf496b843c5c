"""Who works in the portals: members of an institution's or a partner's staff, their roles, and how they come in.

What a role may do is said here in one table; which page needs which role is said where the page is. How somebody proves
who they are is their employer's identity provider's business.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from consentry.domain.actor import ActorKind
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import LastAdmin

IDLE: Final = timedelta(minutes=30)
"""A session ends so long after its last use."""
LONGEST: Final = timedelta(hours=12)
"""A session ends so long after its beginning, used or not."""
SETUP_VALID: Final = timedelta(hours=72)
"""How long a link for the first admin opens the set-up."""
INVITATION_VALID: Final = timedelta(days=14)
"""How long an invited person may take to sign in for the first time."""
SIGN_IN_SECONDS: Final = 600
"""How long a sign-in at the identity provider may take."""
STEP_UP: Final = timedelta(minutes=15)
"""How old a sign-in at the identity provider may be for what gives access to something."""
_ATOM: Final = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL: Final = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@[a-z0-9]([a-z0-9.-]{{0,185}}[a-z0-9])?")
_WANTED_EMAIL: Final = "Give an e-mail address such as ada@bank.example"
_LONGEST_REASON: Final = 500
_LONGEST_NAME: Final = 200


class House(StrEnum):
    """Whose staff a portal is for."""

    INSTITUTION = "institution"
    PARTNER = "partner"


class Role(StrEnum):
    """What a member of staff may do; a partner's staff are admins or users."""

    ADMIN = "admin"
    SUPPORT = "support"
    COMPLIANCE = "compliance"
    USER = "user"


ROLES: Final = {
    House.INSTITUTION: (Role.ADMIN, Role.SUPPORT, Role.COMPLIANCE, Role.USER),
    House.PARTNER: (Role.ADMIN, Role.USER),
}
WHAT_A_ROLE_MAY: Final = {
    House.INSTITUTION: {
        Role.ADMIN: "Everything, settings and credentials included.",
        Role.SUPPORT: "Looks customers up, sees their consents, and stops sharing on their behalf with a reason.",
        Role.COMPLIANCE: "Reads customers and logs, exports, and changes nothing.",
        Role.USER: "Reads what concerns no single customer, and changes nothing.",
    },
    House.PARTNER: {
        Role.ADMIN: "Adds and edits institutions, and looks after the partner's own team.",
        Role.USER: "Reads the institutions and their overview, and changes nothing.",
    },
}
PORTAL_PATH: Final = {House.INSTITUTION: "/admin", House.PARTNER: "/partner"}
"""Below which path the portal of each is."""
STAFF_KIND: Final = {House.INSTITUTION: ActorKind.STAFF, House.PARTNER: ActorKind.PARTNER}
"""As what the staff of each act."""
_SEES_CUSTOMERS: Final = frozenset({Role.ADMIN, Role.SUPPORT, Role.COMPLIANCE})


def is_narrower(role: Role, than: Role) -> bool:
    """Tell whether a role may less than another: an admin's is the widest, and a user's sees no customer."""
    if role is than:
        return False
    return than is Role.ADMIN or (than in _SEES_CUSTOMERS and role is not Role.ADMIN)


def is_recent(authenticated_at: datetime | None, now: datetime) -> bool:
    """Tell whether somebody has signed in at the provider recently enough for what gives access to something."""
    return authenticated_at is not None and now - authenticated_at <= STEP_UP


class MemberStatus(StrEnum):
    """Whether a member has signed in, may still do so for the first time, or is gone."""

    INVITED = "invited"
    ACTIVE = "active"
    EXPIRED = "expired"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff; `issuer` and `subject` are who they are for good, once they have signed in."""

    member_id: UUID
    email: str
    name: str | None
    role: Role
    issuer: str | None
    subject: str | None
    added_at: datetime
    invited_until: datetime
    last_signed_in_at: datetime | None
    removed_at: datetime | None

    def status(self, now: datetime) -> MemberStatus:
        """Tell where the member stands at this moment."""
        if self.removed_at is not None:
            return MemberStatus.REMOVED
        if self.subject is not None:
            return MemberStatus.ACTIVE
        return MemberStatus.INVITED if self.invited_until > now else MemberStatus.EXPIRED


def check_email(text: str) -> str:
    """Give an e-mail address in small letters, as it is compared; before its `@` stands a dot-atom (RFC 5322, 3.2.3).

    It is of ASCII alone: other letters can become these when they are made small, and so somebody else's address.

    Raises:
        InvalidSettings: `email`; it is none.
    """
    lowered = text.strip().lower()
    if not text.isascii():
        raise InvalidSettings({"email": f"{_WANTED_EMAIL}, of letters from a to z, digits and plain signs."})
    if len(lowered) > 254 or not _EMAIL.fullmatch(lowered) or ".." in lowered:
        raise InvalidSettings({"email": f"{_WANTED_EMAIL}."})
    return lowered


def name_as_kept(text: str | None) -> str | None:
    """Give a name that a provider says, as it is kept: one line of at most 200 printable characters, or None."""
    if text is None:
        return None
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line[:_LONGEST_NAME].strip() or None


def check_role(text: str, *, house: House) -> Role:
    """Give the role of this name that this house has.

    Raises:
        InvalidSettings: `role`; there is none.
    """
    for role in ROLES[house]:
        if role.value == text:
            return role
    raise InvalidSettings({"role": f"Choose one of: {', '.join(role.value for role in ROLES[house])}."})


def check_reason(text: str, *, field: str = "reason") -> str:
    """Give a reason as it is kept: one line of 3 to 500 characters, without those of format (Unicode's Cf).

    Those are pasted unseen: joiners, soft hyphens, what turns the direction of writing around.

    Raises:
        InvalidSettings: `field`; it is missing, too short or too long, or has a character that can't be shown.
    """
    reason = " ".join("".join(character for character in text if unicodedata.category(character) != "Cf").split())
    if not 3 <= len(reason) <= _LONGEST_REASON:
        raise InvalidSettings({field: f"Give a reason of 3 to {_LONGEST_REASON} characters; it is kept in the log."})
    odd = next((character for character in reason if not character.isprintable()), None)
    if odd is not None:
        raise InvalidSettings(
            {field: f"The reason has a character that can't be shown (U+{ord(odd):04X}); write it without."}
        )
    return reason


def check_keeps_an_admin(member: Member, *, becomes: Role | None, active_admins: int) -> None:
    """Check that a change of a member (to another role, or None: removed) leaves an admin who can sign in.

    Raises:
        LastAdmin: it would not.
    """
    is_active_admin = member.role is Role.ADMIN and member.subject is not None and member.removed_at is None
    if is_active_admin and becomes is not Role.ADMIN and active_admins <= 1:
        raise LastAdmin
