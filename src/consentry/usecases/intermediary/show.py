"""Show one intermediary: what is set, what comes through it, its tokens, and what was done about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from consentry.domain.intermediary import Intermediary
from consentry.domain.refusal.request import NotFound
from consentry.domain.registration_token import RegistrationToken
from consentry.store import applications, clock, intermediaries, registration_tokens
from consentry.store.intermediaries import Reach, RecordedAct
from consentry.usecases.services import Services
from consentry.usecases.staff.names import staff_names

_MOST_ACTS: Final = 20
_members_of: Final = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class ShownAct:
    """Something that was done about an intermediary: what its maker is called, why, and what it changed."""

    at: datetime
    action: str
    actor_kind: str
    who: str | None
    reason: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownIntermediary:
    """An intermediary with its tokens (newest first, never the tokens themselves), its reach and its last 20 acts."""

    intermediary: Intermediary
    tokens: tuple[RegistrationToken, ...]
    reach: Reach
    counted_until: datetime | None
    acts: tuple[ShownAct, ...]
    moment: datetime

    @property
    def newest_token(self) -> int:
        """Give the number of the newest token, 0 where there is none."""
        return self.tokens[0].number if self.tokens else 0

    @property
    def live_tokens(self) -> tuple[RegistrationToken, ...]:
        """Give the tokens that open something at this moment."""
        return tuple(token for token in self.tokens if token.is_live(self.moment))


async def show_intermediary(services: Services, institution_id: int, intermediary_id: str) -> ShownIntermediary:
    """Give an intermediary of an institution.

    Raises:
        NotFound: the institution has none with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        found = await intermediaries.find(connection, institution_id, intermediary_id)
        if found is None:
            raise NotFound
        acts = await intermediaries.acts(connection, institution_id, intermediary_id, most=_MOST_ACTS)
        names = await staff_names(connection, institution_id, ((act.actor_kind, act.actor_id) for act in acts))
        return ShownIntermediary(
            intermediary=found,
            tokens=tuple(await registration_tokens.of_intermediary(connection, institution_id, intermediary_id)),
            reach=await intermediaries.reach(connection, institution_id, intermediary_id),
            counted_until=await applications.counted_until(connection, institution_id),
            acts=tuple(_shown(act, names.get(act.actor_id or "")) for act in acts),
            moment=await clock.now(connection),
        )


def _shown(act: RecordedAct, who: str | None) -> ShownAct:
    before = _members_of(act.before) if act.before else {}
    after = _members_of(act.after) if act.after else {}
    return ShownAct(
        at=act.at,
        action=act.action,
        actor_kind=act.actor_kind,
        who=who,
        reason=str(after.get("reason", "")),
        changed=tuple(_changed(before, after)) if act.action == "intermediary.changed" else (),
    )


def _changed(before: dict[str, object], after: dict[str, object]) -> Sequence[str]:
    return [name for name, value in after.items() if before.get(name) != value]
