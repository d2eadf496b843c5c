"""What is re-applied after a restore: whatever ended or narrowed and was not taken back, and nothing that widens."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.audit import AuditEntry
from consentry.domain.credential import Credentials, NewSecret, Secret, rotate
from consentry.domain.institution import InstitutionStatus
from consentry.domain.registration_token import RegistrationToken
from consentry.domain.restoration import (
    Restrictions,
    registration_ends,
    restrictions,
    role_of,
    secrets_ended_by,
    status_of,
)
from consentry.domain.staff import Role, is_narrower

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(
    action: str, subject: str = "_c", *, at: datetime = NOON, outcome: str = "done", **after: object
) -> AuditEntry:
    before = after.pop("before", None)
    return AuditEntry(
        entry_id=uuid4(),
        at=at,
        action=action,
        outcome=outcome,
        actor_kind="customer",
        actor_id="ann",
        subject_kind="consent",
        subject_id=subject,
        before=None if before is None else json.dumps(before),
        after=json.dumps(after),
        source=None,
        request_id=None,
    )


def decided(entries: Iterable[AuditEntry]) -> Restrictions:
    """Read entries of the audit of `bku`."""
    return restrictions(entries, house="bku")


@given(st.lists(st.tuples(st.sampled_from(["withheld", "shared"]), st.sampled_from("ab"), st.sampled_from("xy"))))
def test_an_account_is_withheld_again_if_that_was_the_last_word(said: list[tuple[str, str, str]]) -> None:
    wanted = decided(entry(f"consent.account_{kind}", consent, account_id=account) for kind, consent, account in said)
    last = {(consent, account): kind for kind, consent, account in said}
    assert set(wanted.withheld) == {place for place, kind in last.items() if kind == "withheld"}
    assert wanted.others.get("consent.account_shared", 0) == sum(kind == "shared" for kind, _, _ in said)


def test_what_widens_is_counted_and_not_re_applied() -> None:
    later = ("consent.auto_share_off", "consent.auto_share_on", "import.published", "consents.listed")
    wanted = decided(entry(action) for action in later)
    assert (wanted.consent_ids, wanted.others) == ([], {"consent.auto_share_on": 1, "import.published": 1})


def test_a_revocation_counts_from_its_first_record() -> None:
    first, second = entry("consent.revoked"), entry("consent.revoked", at=NOON + HOUR)
    assert decided([first, second]).revoked == {"_c": first}


def test_the_first_dispute_of_a_consent_is_kept_and_is_no_lost_decision() -> None:
    first, second = entry("consent.disputed"), entry("consent.disputed", at=NOON + HOUR)
    found = decided([first, second])
    assert (found.disputed, found.consent_ids, found.others) == ({"_c": first}, ["_c"], {})


def test_who_left_a_team_has_left_and_a_role_is_what_it_was_last() -> None:
    gone, admin, user = (
        entry("member.removed", "m1"),
        entry("member.role_changed", "m2", role="admin"),
        entry("member.role_changed", "m2", role="user", at=NOON + HOUR),
    )
    found = decided([gone, admin, user, entry("member.invited", "m3"), entry("staff.signed_in")])
    assert (found.removed_members, found.roles, found.others) == ({"m1": gone}, {"m2": user}, {"member.invited": 1})
    assert [role_of(told) for told in (admin, user, entry("member.role_changed", role="king"))] == [
        Role.ADMIN,
        Role.USER,
        None,
    ]


@pytest.mark.parametrize(
    ("role", "than", "narrower"),
    [
        (Role.USER, Role.ADMIN, True),
        (Role.SUPPORT, Role.ADMIN, True),
        (Role.USER, Role.COMPLIANCE, True),
        (Role.COMPLIANCE, Role.SUPPORT, True),
        (Role.SUPPORT, Role.COMPLIANCE, True),
        (Role.ADMIN, Role.SUPPORT, False),
        (Role.SUPPORT, Role.USER, False),
        (Role.USER, Role.USER, False),
    ],
)
def test_no_restored_role_sees_more_than_the_last_one_did(role: Role, than: Role, narrower: bool) -> None:
    assert is_narrower(role, than) is narrower


def test_what_was_refused_is_no_decision() -> None:
    assert decided([entry("consent.revoked", outcome="refused")]).consent_ids == []


def test_an_institution_that_was_opened_again_is_not_closed() -> None:
    off, on = (entry("institution.changed", "bku", status=status) for status in ("disabled", "enabled"))
    closed = decided([on, off]).closed
    assert closed is not None
    assert status_of(closed) is InstitutionStatus.DISABLED
    assert decided([off, on]).closed is None


def test_a_partner_that_stopped_an_institution_is_not_stopped_itself() -> None:
    stopped = entry("institution.changed", "bku", status="disabled")
    found = restrictions([stopped], house="ternbridge")
    assert (found.closed, found.others) == (None, {})


def test_a_customer_stays_blocked_if_that_was_the_last_word() -> None:
    blocked, allowed = (entry(f"customer.{done}", "ann") for done in ("blocked", "unblocked"))
    assert decided([allowed, blocked]).blocked == {"ann": blocked}
    again = decided([blocked, allowed])
    assert (again.blocked, again.others) == ({}, {"customer.unblocked": 1})


def test_what_was_only_looked_at_opened_or_left_is_no_lost_decision() -> None:
    seen = (
        "page.opened",
        "page.ended",
        "preview.opened",
        "customer.opened",
        "customer_provider.tested",
        "customers.searched",
        "staff.signed_out_at_provider",
    )
    assert decided(entry(action) for action in seen).others == {}


def credentials(*ends: datetime | None) -> Credentials:
    """Give credentials whose secrets, newest first, end then."""
    secrets = tuple(
        Secret(number=number, mac=b"", pepper_id="p", display=f"…{number}", created_at=NOON - HOUR, expires_at=expires)
        for number, expires in zip(range(len(ends), 0, -1), ends, strict=True)
    )
    return Credentials(institution_id=1, name="consent_management", client_id="c", created_at=NOON, secrets=secrets)


def rotation(
    before: Credentials, *, presented: Secret | None, overlap: timedelta
) -> tuple[AuditEntry, dict[int, datetime | None]]:
    """Rotate, and give the entry that tells of it with the ends of the old secrets."""
    done = rotate(before, presented=presented, new=NewSecret(b"", "p", "…new"), overlap=overlap, now=NOON)
    told = entry(
        "credentials.rotated",
        "c",
        before={"secret": before.secrets[0].display},
        secret="…new",
        previous_secret_expires_at=done.previous_ends_at and done.previous_ends_at.isoformat(timespec="milliseconds"),
    )
    ends = {secret.number: secret.expires_at for secret in (*before.secrets, *done.ended)}
    return told, ends


def test_a_rotation_ends_the_same_secrets_after_a_restore() -> None:
    """R45: the replaced one after the overlap, those before it at once; and after a lost answer as it was then."""
    previous = NOON + 2 * HOUR
    for before, presented, overlap in (
        (credentials(None), None, HOUR),
        (credentials(None), None, timedelta()),
        (credentials(None, previous), None, HOUR),
        (credentials(None, previous), 1, HOUR),
        (credentials(None, previous, NOON - HOUR), None, HOUR),
    ):
        asking = next((secret for secret in before.secrets if secret.number == presented), None)
        told, expected = rotation(before, presented=asking, overlap=overlap)
        ended = {secret.number: secret.expires_at for secret in before.secrets}
        ended |= {secret.number: secret.expires_at for secret in secrets_ended_by(before, told)}
        assert ended == expected


def test_a_leak_ends_every_secret_at_once() -> None:
    before = credentials(None, NOON + HOUR, NOON - HOUR)
    ended = secrets_ended_by(before, entry("credentials.leaked", "c"))
    assert [(secret.number, secret.expires_at) for secret in ended] == [(3, NOON), (2, NOON)]


def test_no_record_lets_a_secret_live_longer() -> None:
    before = credentials(NOON + HOUR)
    told = entry(
        "credentials.secrets_ended", "c", secrets=[{"secret": "…1", "expires_at": (NOON + 3 * HOUR).isoformat()}]
    )
    assert secrets_ended_by(before, told) == ()


def about_app(action: str, subject: str = "app", *, at: datetime = NOON) -> AuditEntry:
    return replace(entry(f"application.{action}", subject, at=at, reason="because"), subject_kind="application")


def test_an_app_stays_stopped_if_that_was_the_last_word() -> None:
    stopped = decided([about_app("disabled"), about_app("refused", "new")])
    assert set(stopped.stopped) == {("application", "app"), ("application", "new")}
    assert stopped.others == {}
    again = decided([about_app("disabled"), about_app("enabled")])
    assert (again.stopped, again.others) == ({}, {"application.enabled": 1})


def test_a_rotation_ends_the_same_registration_tokens_after_a_restore() -> None:
    def token(number: int, *, expires_at: datetime | None = None) -> RegistrationToken:
        return RegistrationToken(number, b"", "pepper", f"…{number}", NOON - HOUR, expires_at)

    backed_up = [token(2), token(1, expires_at=NOON + HOUR)]
    rotated = entry(
        "registration_token.rotated",
        "agg",
        before={"registration_token": "…2"},
        registration_token="…3",
        previous_ends_at=(NOON + 24 * HOUR).isoformat(),
    )
    assert registration_ends(backed_up, rotated) == ((2, NOON + 24 * HOUR), (1, NOON))
    at_once = entry("registration_token.rotated", "agg", before={"registration_token": "…2"}, registration_token="…3")
    assert registration_ends(backed_up, at_once) == ((2, NOON), (1, NOON))
    told = [{"token": "…2", "expires_at": NOON.isoformat()}]
    assert registration_ends(backed_up, entry("registration_token.ended", "agg", registration_tokens=told)) == (
        (2, NOON),
    )
    assert decided([rotated]).ended_registrations == (rotated,)
