"""What the portals call what the audit has: what was done, to what, by whom; unlisted codes are written readably."""

import json
import re
from typing import Final

from consentry.domain.actor import ActorKind
from consentry.domain.audit import AuditEntry
from consentry.domain.credential import masked
from consentry.domain.staff import Member
from consentry.web.portal.words import actor_words, word

ACTIONS: Final = {
    "api_settings.changed": "API settings changed",
    "application.approved": "App approved",
    "application.disabled": "App disabled",
    "application.enabled": "App enabled",
    "application.refused": "App not approved",
    "branding.changed": "Theme changed",
    "consent.disputed": "App not recognised by the customer",
    "consent.revoked": "Sharing with an app stopped",
    "consents.exported": "Consents exported",
    "consents.forgotten": "Consents that ended long ago deleted",
    "consents.listed": "Consents of a customer listed",
    "consents.looked_at": "History of a consent looked at",
    "credentials.generated": "API credentials generated",
    "credentials.leaked": "API credentials declared leaked",
    "credentials.rotated": "API credentials rotated",
    "credentials.secrets_ended": "Secrets ended after a restore",
    "customer.blocked": "New connections of a customer blocked",
    "customer.opened": "Customer opened",
    "customer.unblocked": "New connections of a customer allowed again",
    "customers.searched": "Customers searched for",
    "customer_provider.changed": "Customer authentication changed",
    "customer_provider.tested": "Customer authentication tested",
    "evidence.made": "Evidence about a customer downloaded",
    "import.cut_over": "Import cut over",
    "import.published": "Import published",
    "installation.restored": "Installation restored from a backup",
    "institution.added": "Institution added",
    "institution.admin_invited": "First admin of an institution invited",
    "institution.changed": "Institution changed",
    "institution.given": "Channel partner of an institution changed",
    "intermediary.added": "Intermediary added",
    "intermediary.changed": "Intermediary changed",
    "intermediary.disabled": "Intermediary disabled",
    "intermediary.enabled": "Intermediary enabled",
    "keys.lost": "Lost key replaced",
    "keys.rotated": "Keys of the installation rotated",
    "list.downloaded": "List downloaded",
    "member.invited": "Member invited",
    "member.invited_again": "Member invited again",
    "member.removed": "Member removed",
    "member.role_changed": "Role of a member changed",
    "origin.added": "Site that may embed the dashboard added",
    "origin.removed": "Site that may embed the dashboard removed",
    "page.ended": "Dashboard of a customer ended",
    "page.opened": "Dashboard of a customer opened",
    "partner.added": "Channel partner added",
    "preview.opened": "Dashboard of a test customer opened",
    "receipt.made": "Receipt made",
    "receipt_key.rotated": "Key that signs receipts rotated",
    "registration_token.ended": "Registration tokens ended after a restore",
    "registration_token.issued": "Registration token issued",
    "registration_token.rotated": "Registration token rotated",
    "sandbox.filled": "Sandbox filled",
    "staff.set_up_opened": "Set-up of the staff's sign-in opened",
    "staff.setup_link_made": "Link for a first admin made",
    "staff.set_up": "Set-up of the staff's sign-in",
    "staff.signed_in": "Sign-in",
    "staff.signed_out": "Sign-out",
    "staff.signed_out_at_provider": "Sign-out at the identity provider",
    "staff.signed_out_everywhere": "Sign-out everywhere",
    "staff_provider.changed": "Change of admin authentication",
    "staff_provider.forgotten": "Admin authentication forgotten",
    "staff_provider.proposal_dropped": "Proposed admin authentication dropped",
    "staff_provider.proposed": "Admin authentication proposed",
    "test_customer.added": "Test customer added",
    "token.revoked": "Token revoked",
}
SUBJECTS: Final = {
    "application": "App",
    "branding": "Theme",
    "credentials": "API credentials",
    "customer_provider": "Customer authentication",
    "keys": "Keys",
    "page": "Page",
    "search": "Search for customers",
    "staff_provider": "Admin authentication",
}
_STAFF_SECRET: Final = re.compile(r"cns_(session|setup|page|registration)_[0-9A-Za-z]+")
_LONGEST: Final = 300
"""So much of a value is shown; files have all of it."""


def action_words(action: str) -> str:
    """Say what was done; a route's name, which refusals have, is read as its section and what was wanted there."""
    if action in ACTIONS:
        return ACTIONS[action]
    parts = action.removeprefix("portal.").removeprefix("partner.").split(".")
    return ": ".join((word(parts[0]), *(part.replace("_", " ") for part in parts[1:] if part)))


def subject_words(kind: str) -> str:
    """Say what kind of thing an entry is about."""
    return SUBJECTS.get(kind) or word(kind)


def who_words(entry: AuditEntry, members: dict[str, Member]) -> tuple[str, str]:
    """Say who acted: a name, and what tells more, which may be empty."""
    kind = actor_words(entry.actor_kind)
    member = members.get(entry.actor_id or "")
    if member is None:
        return kind, plain(entry.actor_id or "")
    more = member.email if entry.actor_kind == ActorKind.STAFF.value else f"{member.email}, {kind.lower()}"
    return (member.name, more) if member.name else (member.email, more.removeprefix(member.email).removeprefix(", "))


def changes_of(entry: AuditEntry) -> list[tuple[str, str | None, str | None]]:
    """Give what an entry says of before and after, by name; None where it does not say it."""
    before, after = _members_of(entry.before), _members_of(entry.after)
    names = [*before, *(name for name in after if name not in before)]
    return [
        (
            word(plain(name)),
            _value(before[name]) if name in before else None,
            _value(after[name]) if name in after else None,
        )
        for name in names
    ]


def plain(text: str) -> str:
    """Give a text with no secret in it, and with what is not printable written out (R133, R135)."""
    without = _STAFF_SECRET.sub(lambda found: f"cns_{found[1]}_…", masked(text))
    return "".join(character if character.isprintable() else _written_out(character) for character in without)


def _written_out(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def _members_of(document: str | None) -> dict[str, object]:
    if document is None:
        return {}
    read = json.loads(document)
    return read if isinstance(read, dict) else {"value": read}


def _value(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            text = str(value)
        case []:
            return "none"
        case list() if all(isinstance(one, str | int | float) for one in value):
            text = ", ".join(str(one) for one in value)
        case _:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
