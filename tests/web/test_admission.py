"""What is remembered of those who ask stays small, whoever they say they are (R107)."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from consentry.config import Settings
from consentry.domain.refusal.request import RateLimited
from consentry.web.safety.admission import Admission
from consentry.web.safety.limits import LIMITS_FILE, SharedLimits


def test_long_client_ids_are_not_kept(tmp_path: Path) -> None:
    SharedLimits.create(tmp_path / LIMITS_FILE)
    admission = Admission(SharedLimits(tmp_path / LIMITS_FILE), Settings.read({}).limits)
    tracemalloc.start()
    try:
        for number in range(200):
            admission.sign_in(f"{number}" + "x" * 60_000)
            admission.failed_to_sign_in(f"{number}" + "x" * 60_000, "192.0.2.1")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_a_source_that_tries_many_clients_is_told_to_wait_and_others_are_not(tmp_path: Path) -> None:
    """R104, R107: what is remembered of failures is bounded, however many names are tried."""
    SharedLimits.create(tmp_path / LIMITS_FILE)
    limits = Settings.read({"CONSENTRY_FAILURES_PER_MINUTE": "3"}).limits
    admission = Admission(SharedLimits(tmp_path / LIMITS_FILE), limits)
    for number in range(30):
        admission.failed_to_sign_in(f"client-{number}", "192.0.2.1")
    with pytest.raises(RateLimited):
        admission.failed_to_sign_in("one-more", "192.0.2.1")
    admission.failed_to_sign_in("one-more", "192.0.2.2")


@pytest.mark.parametrize("same", [["2001:db8:1:2::7", "2001:db8:1:2:ffff::9"], ["192.0.2.1", "::ffff:192.0.2.1"]])
def test_who_has_many_addresses_counts_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: list[str]) -> None:
    """R104: of IPv6 a /64 is one source, for tries to come in, failed sign-ins and requests."""
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    SharedLimits.create(tmp_path / LIMITS_FILE)
    settings = {"CONSENTRY_FAILURES_PER_MINUTE": "1", "CONSENTRY_SOURCE_RATE": "0.1", "CONSENTRY_SOURCE_BURST": "10"}
    admission = Admission(SharedLimits(tmp_path / LIMITS_FILE), Settings.read(settings).limits)

    def tries(source: str) -> tuple[Callable[[], None], ...]:
        return (
            lambda: admission.knock(source),
            lambda: admission.failed_to_sign_in("client", source),
            lambda: admission.enter(source),
        )

    for _ in range(5):
        for source in same:
            tries(source)[0]()
            tries(source)[2]()
    admission.failed_to_sign_in("client", same[0])
    for source in same:
        for attempt in tries(source):
            with pytest.raises(RateLimited):
                attempt()
    for attempt in tries("2001:db8:1:3::7"):
        attempt()
