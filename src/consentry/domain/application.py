"""Applications: whether they may read, and what staff may decide about that.

Consents are left alone by these decisions: a customer's stays as it is and can be changed and stopped, but nothing is
answered to the app. How an app proves who it is, is left to the surface that answers it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.access import AppDisabled, AppNeedsReview, IntermediaryDisabled
from consentry.domain.refusal.institution import ChangedMeanwhile, InstitutionNotEnabled


class ApplicationStatus(StrEnum):
    """Whether an app is let in: only active ones are."""

    ACTIVE = "active"
    NEEDS_REVIEW = "needs_review"
    DISABLED = "disabled"


class IntermediaryStatus(StrEnum):
    """Whether the apps of an intermediary are let in."""

    ACTIVE = "active"
    DISABLED = "disabled"


class AppDecision(StrEnum):
    """What can be decided about an app's access."""

    DISABLE = "disable"
    ENABLE = "enable"
    APPROVE = "approve"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Move:
    """What a decision makes of which status, and what its record and its event are called."""

    before: ApplicationStatus
    after: ApplicationStatus
    action: str
    event: str


MOVES: Final = {
    AppDecision.DISABLE: Move(
        ApplicationStatus.ACTIVE, ApplicationStatus.DISABLED, "application.disabled", "APPLICATION_DISABLED"
    ),
    AppDecision.ENABLE: Move(
        ApplicationStatus.DISABLED, ApplicationStatus.ACTIVE, "application.enabled", "APPLICATION_ENABLED"
    ),
    AppDecision.APPROVE: Move(
        ApplicationStatus.NEEDS_REVIEW, ApplicationStatus.ACTIVE, "application.approved", "APPLICATION_APPROVED"
    ),
    AppDecision.REFUSE: Move(
        ApplicationStatus.NEEDS_REVIEW, ApplicationStatus.DISABLED, "application.refused", "APPLICATION_REFUSED"
    ),
}


def decisions_about(status: ApplicationStatus) -> tuple[AppDecision, ...]:
    """Give what can be decided about an app of this status, in the order in which it is offered."""
    return tuple(
        decision
        for decision in (AppDecision.APPROVE, AppDecision.REFUSE, AppDecision.ENABLE, AppDecision.DISABLE)
        if MOVES[decision].before is status
    )


def decide(decision: AppDecision, status: ApplicationStatus) -> Move:
    """Decide about an app that has this status now.

    Raises:
        ChangedMeanwhile: the decision is about another status: somebody else has decided before.
    """
    move = MOVES[decision]
    if move.before is not status:
        raise ChangedMeanwhile
    return move


def check_access(
    *, application: ApplicationStatus, intermediary: IntermediaryStatus | None, institution: InstitutionStatus
) -> None:
    """Check that an app may be answered at all; `intermediary` is None for one that comes without.

    To be asked for every request of an app, with the statuses as they are then, before its consents are looked at.

    Raises:
        InstitutionNotEnabled: nobody is answered for this institution.
        IntermediaryDisabled: none of the intermediary's apps is let in.
        AppDisabled: this one is not let in.
        AppNeedsReview: nobody has let it in yet.
    """
    if institution is not InstitutionStatus.ENABLED:
        raise InstitutionNotEnabled
    if intermediary is IntermediaryStatus.DISABLED:
        raise IntermediaryDisabled
    match application:
        case ApplicationStatus.ACTIVE:
            return
        case ApplicationStatus.DISABLED:
            raise AppDisabled
        case ApplicationStatus.NEEDS_REVIEW:
            raise AppNeedsReview
        case _:
            assert_never(application)
