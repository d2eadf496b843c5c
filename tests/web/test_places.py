"""Places for those who have evidence gathered: so many in a process, so many for one (R107)."""

import pytest

from consentry.domain.refusal.staff import EvidenceBusy
from consentry.web.safety.places import EvidencePlaces


def test_one_takes_no_more_places_than_one_may_and_all_no_more_than_there_are() -> None:
    places = EvidencePlaces(most=2, most_each=1)
    with places.taken("ada"):
        with pytest.raises(EvidenceBusy), places.taken("ada"):
            pass
        with places.taken("ben"), pytest.raises(EvidenceBusy), places.taken("cleo"):
            pass
        with places.taken("cleo"):
            pass


def test_a_place_is_given_back_whatever_happens_and_nobody_is_remembered() -> None:
    places = EvidencePlaces(most=1, most_each=1)
    for number in range(3):
        with pytest.raises(OSError, match="no space"), places.taken(str(number)):
            raise OSError("no space left")
    assert not places._taken
