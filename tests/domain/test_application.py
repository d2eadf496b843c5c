"""Whether an app may be answered, and what can be decided about that."""

import pytest

from consentry.domain.application import (
    MOVES,
    AppDecision,
    ApplicationStatus,
    IntermediaryStatus,
    check_access,
    decide,
    decisions_about,
)
from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.access import AppDisabled, AppNeedsReview, IntermediaryDisabled
from consentry.domain.refusal.institution import ChangedMeanwhile, InstitutionNotEnabled

EVERY = [
    (application, intermediary, institution)
    for application in ApplicationStatus
    for intermediary in (None, *IntermediaryStatus)
    for institution in InstitutionStatus
]


@pytest.mark.parametrize(("application", "intermediary", "institution"), EVERY)
def test_an_app_is_let_in_only_if_nobody_on_its_way_is_stopped(
    application: ApplicationStatus, intermediary: IntermediaryStatus | None, institution: InstitutionStatus
) -> None:
    """R94: deny by default, for every combination there is."""
    expected: type[Refusal] | None = None
    if institution is not InstitutionStatus.ENABLED:
        expected = InstitutionNotEnabled
    elif intermediary is IntermediaryStatus.DISABLED:
        expected = IntermediaryDisabled
    elif application is ApplicationStatus.DISABLED:
        expected = AppDisabled
    elif application is ApplicationStatus.NEEDS_REVIEW:
        expected = AppNeedsReview
    if expected is None:
        check_access(application=application, intermediary=intermediary, institution=institution)
    else:
        with pytest.raises(expected):
            check_access(application=application, intermediary=intermediary, institution=institution)


@pytest.mark.parametrize("decision", AppDecision)
@pytest.mark.parametrize("status", ApplicationStatus)
def test_a_decision_is_about_one_status_alone(decision: AppDecision, status: ApplicationStatus) -> None:
    if decision in decisions_about(status):
        assert decide(decision, status).after is not status
    else:
        with pytest.raises(ChangedMeanwhile):
            decide(decision, status)


def test_every_status_can_be_left_and_every_decision_has_a_name_of_its_own() -> None:
    assert all(decisions_about(status) for status in ApplicationStatus)
    assert len({move.action for move in MOVES.values()}) == len({move.event for move in MOVES.values()}) == len(MOVES)
