"""Make a secret: its text, to be shown once, and what is stored of it."""

from dataclasses import dataclass, field
from datetime import datetime

from consentry.domain.credential import NewSecret, display_form, mac_of, new_secret
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ShownCredentials:
    """Credentials with their secret in clear, the one time it is shown."""

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    created_at: datetime
    previous_secret_expires_at: datetime | None


def make_secret(services: Services) -> tuple[str, NewSecret]:
    """Give a new secret in clear, and its keyed hash and display form for the store."""
    text = new_secret(services.choose)
    pepper_id = services.keyring.current_pepper
    stored = NewSecret(
        mac=mac_of(text, services.keyring.peppers[pepper_id]), pepper_id=pepper_id, display=display_form(text)
    )
    return text, stored
