"""What e-mails say: plain text, in English, with nothing in it that opens more than it says.

What comes from people, such as names, is brought to one line here, so that it can't add lines of its own (R135).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from consentry.domain.staff import PORTAL_PATH, WHAT_A_ROLE_MAY, House, Role

_PORTAL_NAME: Final = {House.INSTITUTION: "Data Provider Portal", House.PARTNER: "Channel Partner Portal"}
_LONGEST_NAME: Final = 120
_IF_UNEXPECTED: Final = "If you do not know why you get this e-mail, do nothing: without you nothing happens."


@dataclass(frozen=True, slots=True)
class MailText:
    """A mail's subject and body; some bodies hold what opens something, hence no representation."""

    subject: str
    body: str = field(repr=False)


def sign_in_link(origin: str, *, house: House, public_id: str) -> str:
    """Give the address at which the staff of a house sign in; it is no secret."""
    return f"{origin}{PORTAL_PATH[house]}/sign-in?institution={quote(public_id, safe='')}"


def set_up_link(origin: str, *, house: House, code: str) -> str:
    """Give the link that opens the set-up once; the code is behind the #, where no server and no log sees it."""
    return f"{origin}{PORTAL_PATH[house]}/set-up#{quote(code, safe='')}"


def invitation(*, house: House, institution: str, role: Role, invited_by: str, link: str, until: datetime) -> MailText:
    """Say that somebody may sign in: where, as what, asked by whom, until when."""
    name = one_line(institution)
    may = WHAT_A_ROLE_MAY[house][role]
    return MailText(
        subject=f"You are invited to the {_PORTAL_NAME[house]} of {name}",
        body=_letter(
            f"{one_line(invited_by)} invites you to the {_PORTAL_NAME[house]} of {name}.",
            f"Your role: {role.value}. {may}",
            "Sign in here, with the account that you have at your employer and this very e-mail address:",
            link,
            f"The invitation is valid until {_moment(until)}. No password is made for it.",
            _IF_UNEXPECTED,
        ),
    )


def set_up(*, house: House, institution: str, link: str, until: datetime) -> MailText:
    """Say to a first admin how the sign-in of a house's staff is set up."""
    name = one_line(institution)
    return MailText(
        subject=f"Set up the {_PORTAL_NAME[house]} of {name}",
        body=_letter(
            f"You are the first admin of the {_PORTAL_NAME[house]} of {name}.",
            "This link opens the set-up of how its staff sign in, with your own identity provider. It works once:",
            link,
            f"It is valid until {_moment(until)}. Pass it on to nobody: whoever has it can set the sign-in up.",
            _IF_UNEXPECTED,
        ),
    )


def credentials_rotated(
    *, institution: str, client_id: str, by: str, at: datetime, previous_ends_at: datetime | None
) -> MailText:
    """Tell the admins that there is a new secret."""
    name = one_line(institution)
    previous = (
        "No previous secret works on."
        if previous_ends_at is None
        else f"The previous secret works until {_moment(previous_ends_at)}."
    )
    return MailText(
        subject=f"The API credentials of {name} were rotated",
        body=_letter(
            f"On {_moment(at)} the secret of the API credentials {client_id} of {name} was replaced by {one_line(by)}.",
            previous,
            "If nobody of yours has done this, declare the credentials leaked: in the portal under Configuration, "
            "Consent Dashboard Management, or by the command consentry credentials leaked.",
        ),
    )


def credentials_leaked(*, institution: str, client_id: str, by: str, at: datetime, secrets_ended: int) -> MailText:
    """Tell the admins that all credentials, tokens and pages have ended."""
    name = one_line(institution)
    return MailText(
        subject=f"The API credentials of {name} were declared leaked",
        body=_letter(
            f"On {_moment(at)} the API credentials {client_id} of {name} were declared leaked by {one_line(by)}.",
            f"Secrets that ended: {secrets_ended}. All tokens and all open dashboards have ended with them.",
            "Your app can't reach consentry until it has a new secret: rotate the credentials in the portal under "
            "Configuration, Consent Dashboard Management, and hand the new secret to your developers.",
        ),
    )


def one_line(text: str) -> str:
    """Bring a name to one line of at most 120 printable characters."""
    plain = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[: _LONGEST_NAME - 1]}…"


def _letter(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
