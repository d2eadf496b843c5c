"""The table of settings in docs/guides/operate.md is the list of settings: all, no other, with their defaults."""

import re
from pathlib import Path

from consentry.config import Settings

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(CONSENTRY_[A-Z_]+)` \| *([^|]*?) *\|", re.MULTILINE)


def documented() -> dict[str, str]:
    """Give the default that the guide names, by variable."""
    return dict(ROW.findall((ROOT / "docs" / "guides" / "operate.md").read_text(encoding="utf-8")))


def known() -> set[str]:
    """Give the variables that config.py reads."""
    source = (ROOT / "src" / "consentry" / "config.py").read_text(encoding="utf-8")
    return {f"CONSENTRY_{name}" for name in re.findall(r'reader\.\w+\(\s*"([A-Z_]+)"', source)}


def test_the_guide_lists_every_setting_and_no_other() -> None:
    assert documented().keys() == known()


def test_every_listed_setting_is_known_to_the_program() -> None:
    for name in documented().keys() - {"CONSENTRY_KEYS", "CONSENTRY_KEY_COMMAND"}:
        Settings.read({name: ""})


def test_defaults_that_are_numbers_are_those_of_the_program() -> None:
    settings = Settings.read({})
    actual = {
        "CONNECTIONS": settings.connections,
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "DRAIN_SECONDS": settings.drain_seconds,
        "INSTITUTION_RATE": settings.limits.institution_rate,
        "INSTITUTION_BURST": settings.limits.institution_burst,
        "SOURCE_RATE": settings.limits.source_rate,
        "SOURCE_BURST": settings.limits.source_burst,
        "FAILURES_PER_MINUTE": settings.limits.failures_per_minute,
        "IN_FLIGHT": settings.limits.in_flight,
        "KEEP_EVENTS_DAYS": settings.retention.event_days,
        "KEEP_AUDIT_DAYS": settings.retention.audit_days,
        "KEEP_CONSENTS_DAYS": settings.retention.consent_days,
    }
    told = {name.removeprefix("CONSENTRY_"): text for name, text in documented().items() if text.isdigit()}
    assert {name: int(text) for name, text in told.items()} == actual
