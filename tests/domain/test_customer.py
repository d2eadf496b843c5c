"""Searches for customers: which ids fit, and what can't be searched for."""

from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.customer import CustomerSearch, check_search
from consentry.domain.refusal.institution import InvalidSettings

IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
_FIELDS = ("customer", "consent", "request", "ending", "app")
FEW = st.text("a~!", min_size=1, max_size=5)


@given(st.one_of(IDS, FEW), st.one_of(st.just(""), IDS, FEW), st.one_of(st.just(""), IDS, FEW))
def test_ids_that_fit_are_a_range_and_no_others_are_in_it(customer_id: str, wanted: str, after: str) -> None:
    low, high = CustomerSearch(customer=wanted).ids_from(after)
    fits = customer_id.startswith(wanted) if len(wanted) > 2 or not wanted else customer_id == wanted
    assert (low <= customer_id < high) == (fits and customer_id > after)


@given(st.dictionaries(st.sampled_from([*_FIELDS, "else"]), st.text(max_size=80)))
def test_any_search_is_carried_out_or_refused_by_its_fields(given_fields: dict[str, str]) -> None:
    try:
        found = check_search(given_fields)
    except InvalidSettings as refusal:
        refused = set(refusal.fields)
    else:
        refused = set()
        assert found.is_empty == (not any(given_fields.get(name, "").strip() for name in _FIELDS))
    assert refused <= {"customer", "consent", "ending"}
