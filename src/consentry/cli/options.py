"""Options that several commands share, and who it is that types them."""

import os
import pwd
from typing import Annotated, Final

from cyclopts import Parameter

from consentry.domain.actor import Actor, ActorKind

Json = Annotated[bool, Parameter(name="--json", help="Write exactly one JSON document.")]
InstitutionId = Annotated[str, Parameter(name="--institution", help="The institution's id.")]

_ROOT: Final = 0


def operator() -> Actor:
    """Give the actor of this process, for the audit: its operating-system user, and who became it by sudo."""
    user = _user_name(os.geteuid())
    behind = os.environ.get("SUDO_USER", "")
    if os.geteuid() == _ROOT and behind.isprintable() and 0 < len(behind) <= 64:
        user = f"{user} (sudo by {behind})"
    return Actor(ActorKind.OPERATOR, user)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
