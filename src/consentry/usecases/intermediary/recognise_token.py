"""Recognise an intermediary by its registration token (RFC 7591, section 3, initial access token)."""

from dataclasses import dataclass

from consentry.domain.refusal.request import InvalidToken
from consentry.domain.registration_token import is_registration_token, registration_mac_of
from consentry.store import registration_tokens
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class RecognisedIntermediary:
    """Whose a token is."""

    institution_id: int
    intermediary_id: str


async def recognise_registration_token(services: Services, token: str) -> RecognisedIntermediary:
    """Give whose a token is; its hash moves to the current pepper if it is stored under an older one.

    Raises:
        InvalidToken: it is none, has ended, or its intermediary or institution is stopped.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if not is_registration_token(token):
        raise InvalidToken
    keyring = services.keyring
    macs = {pepper_id: registration_mac_of(token, pepper) for pepper_id, pepper in keyring.peppers.items()}
    async with services.session.connection() as connection:
        found = await registration_tokens.matching(connection, list(macs.values()))
    if found is None:
        raise InvalidToken
    current = keyring.current_pepper
    if found.pepper_id != current:
        async with services.session.begin(found.institution_id) as connection:
            await registration_tokens.store_under_pepper(connection, found, mac=macs[current], pepper_id=current)
    return RecognisedIntermediary(found.institution_id, found.intermediary_id)
