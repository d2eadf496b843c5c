"""Issue the token with which an intermediary registers apps, or replace it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consentry.domain.actor import Actor
from consentry.domain.refusal.request import NotFound
from consentry.domain.registration_token import (
    RegistrationToken,
    check_token_overlap,
    new_registration_token,
    registration_display,
    registration_mac_of,
    rotate_token,
)
from consentry.store import audit, clock, events, intermediaries, registration_tokens
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token in clear, the one time it is shown, and when the one before it ends (None: it has ended)."""

    token: str = field(repr=False)
    display: str
    previous_ends_at: datetime | None


async def issue_registration_token(
    services: Services, institution_id: int, intermediary_id: str, *, newest_seen: int, overlap: timedelta, actor: Actor
) -> IssuedToken:
    """Make a new token of an intermediary; the newest before it lives on for `overlap`, a day or not at all.

    `newest_seen` is the number of the newest when somebody decided, 0 where there was none: a form that is sent twice
    makes one token.

    Raises:
        InvalidSettings: `overlap`.
        NotFound: the institution has no such intermediary.
        ChangedMeanwhile: another token is the newest.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    check_token_overlap(overlap)
    text = new_registration_token(services.choose)
    pepper_id = services.keyring.current_pepper
    async with services.session.begin(institution_id) as connection:
        if await intermediaries.find(connection, institution_id, intermediary_id) is None:
            raise NotFound
        tokens = await registration_tokens.of_intermediary(connection, institution_id, intermediary_id, lock=True)
        now = await clock.now(connection)
        rotation = rotate_token(tokens, newest_seen=newest_seen, overlap=overlap, now=now)
        made = RegistrationToken(
            number=rotation.number,
            mac=registration_mac_of(text, services.keyring.peppers[pepper_id]),
            pepper_id=pepper_id,
            display=registration_display(text),
            created_at=now,
        )
        await registration_tokens.end(connection, institution_id, intermediary_id, rotation.ends)
        await registration_tokens.add(connection, institution_id, intermediary_id, made)
        ends_at = rotation.previous_ends_at
        facts: dict[str, object] = {
            "registration_token": made.display,
            "previous_ends_at": None if ends_at is None else ends_at.isoformat(timespec="milliseconds"),
        }
        await audit.record(
            connection,
            institution_id,
            action="registration_token.rotated" if tokens else "registration_token.issued",
            actor=actor,
            subject=("intermediary", intermediary_id),
            before={"registration_token": tokens[0].display} if tokens else None,
            after=facts,
        )
        await events.record(
            connection,
            institution_id,
            kind="REGISTRATION_TOKEN_ISSUED",
            detail={"intermediary_id": intermediary_id, **facts},
        )
    return IssuedToken(token=text, display=made.display, previous_ends_at=ends_at)
