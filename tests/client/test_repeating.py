"""When the client repeats a request and how long it waits, without a wire and without waiting."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.client import ConsentryError, RetryPolicy
from consentry.client.calls import Secret
from consentry.client.conversations import Customer, Institution
from consentry.client.repeating import exchange
from consentry.client.wire import HttpAnswer, HttpRequest, NoAnswer, Outcome

REQUEST = HttpRequest(method="GET", url="https://bank.example/api/v4/consent_management", headers={})
LOST = NoAnswer("ReadTimeout")
GOOD = HttpAnswer(status=200, headers={}, body=b"[]")


def later(**headers: str) -> HttpAnswer:
    return HttpAnswer(status=503, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=b"")


def waits(*outcomes: Outcome, policy: RetryPolicy | None = None, chance: float = 0.0) -> list[float]:
    """Play the outcomes to an exchange; return how long it waited before each request."""
    conversation = exchange(REQUEST, policy=policy or RetryPolicy(), chance=lambda: chance)
    waited, coming = [next(conversation).after], iter(outcomes)
    with suppress(StopIteration, ConsentryError):
        while True:
            waited.append(conversation.send(next(coming)).after)
    return waited


def test_the_wait_doubles_up_to_its_longest() -> None:
    policy = RetryPolicy(attempts=7, first_wait=0.5, longest_wait=3.0)
    assert waits(*7 * [LOST], policy=policy) == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_chance_shortens_a_wait_by_a_half_at_most() -> None:
    assert waits(LOST, GOOD, policy=RetryPolicy(first_wait=1.0), chance=0.999999)[1] == pytest.approx(0.5, rel=1e-3)


def test_the_servers_wish_comes_before_our_own_wait() -> None:
    assert waits(later(retry_after="7"), GOOD, policy=RetryPolicy(first_wait=0.5)) == [0.0, 7.5]


def test_a_wish_in_form_of_a_date_counts_from_the_answers_own_date() -> None:
    answer = later(retry_after="Mon, 02 Mar 2026 09:00:12 GMT", date="Mon, 02 Mar 2026 09:00:00 GMT")
    assert waits(answer, GOOD, policy=RetryPolicy(first_wait=0.5)) == [0.0, 12.5]


@pytest.mark.parametrize("wish", ["soon", "-5", "1e9", "", "²", "Mon, 99 Mar 2026 09:00:12 GMT"])
def test_a_wish_that_cannot_be_read_is_no_wish(wish: str) -> None:
    assert waits(later(retry_after=wish), GOOD, policy=RetryPolicy(first_wait=0.5)) == [0.0, 0.5]


def test_a_date_in_the_past_is_now() -> None:
    answer = later(retry_after="Mon, 02 Mar 2026 09:00:00 GMT", date="Mon, 02 Mar 2026 09:00:12 GMT")
    assert waits(answer, GOOD, policy=RetryPolicy(first_wait=0.5)) == [0.0, 0.5]


@given(
    attempts=st.integers(1, 8),
    chance=st.floats(0, 1, exclude_max=True),
    outcomes=st.lists(st.one_of(st.just(LOST), st.integers(0, 99).map(lambda wish: later(retry_after=str(wish))))),
)
def test_no_call_is_sent_more_often_than_allowed_or_sooner_than_asked(
    attempts: int, chance: float, outcomes: list[Outcome]
) -> None:
    policy = RetryPolicy(attempts=attempts)
    waited = waits(*outcomes, policy=policy, chance=chance)
    assert len(waited) <= attempts
    for outcome, wait in zip(outcomes, waited[1:], strict=False):
        wish = float(outcome.headers["retry-after"]) if isinstance(outcome, HttpAnswer) else 0.0
        assert wish <= policy.patience
        assert wish < wait <= wish + policy.longest_wait


def test_a_token_is_renewed_thirty_seconds_before_its_end() -> None:
    now = 1000.0
    institution = Institution(
        root="https://bank.example/api/v4",
        secret=Secret("bku", "cns_secret_x"),
        policy=RetryPolicy(),
        clock=lambda: now,
        chance=lambda: 0.0,
    )
    customer = Customer(institution, "cus_1")

    def sent() -> list[str]:
        token = HttpAnswer(status=200, headers={}, body=b'{"access_token": "t", "expires_in": 300}')
        conversation = customer.list()
        urls = []
        try:
            step = next(conversation)
            while True:
                urls.append(step.request.url.rpartition("/")[2])
                step = conversation.send(token if urls[-1] == "token" else GOOD)
        except StopIteration:
            return urls

    assert sent() == ["token", "consent_management"]
    now += 269.9
    assert sent() == ["consent_management"]
    now += 0.2
    assert sent() == ["token", "consent_management"]
