"""`consentry doctor`: says what is wrong and what to do, each thing on an installation that has it."""

from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest

from consentry.cli.diagnosis import Level, _clock, look_at_contact, look_at_machine
from consentry.config import Settings
from consentry.store import mails
from consentry.usecases.audit.seal_waiting import seal_waiting
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.cli.commands import Ran, run
from tests.conftest import Database


def found(told: Ran, level: str) -> dict[str, str]:
    """The findings of a level, by subject."""
    return {f["subject"]: f["finding"] for f in told.document["findings"] if f["level"] == level}


def test_a_sound_installation_has_no_problem(database: Database) -> None:
    told = run(database.environment, "doctor", "--json")
    assert told.code == 0
    assert told.document["healthy"]
    assert found(told, "problem") == {}
    assert {"disk", "keys", "database", "clock", "schema", "partitions", "audit"} <= found(told, "fine").keys()
    assert str(database.key_file) in found(told, "fine")["keys"] or "match" in found(told, "fine")["keys"]


def test_it_names_whose_staff_cannot_sign_in_where_a_portal_is_answered(database: Database, bku: Tenant) -> None:
    told = run({**database.environment, "CONSENTRY_SURFACES": "portal"}, "doctor", "--json")
    assert told.code == 0
    assert "staff of bku" in found(told, "warning")["sign-in"]


@pytest.mark.parametrize(
    ("expires", "level", "sentence"),
    [
        ("2028-01-01", Level.FINE, "told until 2028-01-01"),
        ("2027-01-31", Level.WARNING, "is told until 2027-01-31 only"),
        ("2027-01-01", Level.WARNING, "was told until 2027-01-01 only"),
    ],
)
def test_it_says_when_the_contact_for_reports_needs_another_day(expires: str, level: Level, sentence: str) -> None:
    """R145."""
    assert look_at_contact(Settings.read({}), today=date(2027, 1, 1)) == []
    contact = {"CONSENTRY_SECURITY_CONTACT": "mailto:a@bank.example", "CONSENTRY_SECURITY_EXPIRES": expires}
    (finding,) = look_at_contact(Settings.read(contact), today=date(2027, 1, 1))
    assert finding.level is level
    assert sentence in finding.finding


def test_it_makes_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    told = run({"CONSENTRY_DATA_DIR": str(tmp_path / "new")}, "doctor", "--json")
    assert told.code == 3
    assert "no installation" in found(told, "problem")["database"]
    assert not (tmp_path / "new").exists()


def test_a_database_that_is_away_is_a_problem_like_others(database: Database) -> None:
    settings = {**database.environment, "CONSENTRY_DATABASE_URL": "postgresql://consentry_app@127.0.0.1:1/consentry"}
    told = run(settings, "doctor", "--json")
    assert told.code == 3
    assert "can't be reached" in found(told, "problem")["database"]


async def test_each_fault_is_named_with_what_to_do(
    database: Database, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await super_connection.execute("update consentry.audit_entries set at = at - interval '1 hour'")
    (week,) = await super_connection.fetchrow(
        "select max(relname) from pg_class where relname ~ '^tokens_[0-9]{8}$'"
    ) or [""]
    for partition in await super_connection.fetch("select relname from pg_class where relname ~ '^tokens_[0-9]{8}$'"):
        if partition[0] != week:
            await super_connection.execute(f"drop table consentry.{partition[0]}")
    await super_connection.execute(f"drop table consentry.{week}")
    database.key_file.chmod(0o640)
    settings = {**database.environment, "CONSENTRY_WORKERS": "64"}
    told = run(settings, "doctor", "--json")
    assert told.code == 3
    problems, warnings = found(told, "problem"), found(told, "warning")
    assert "wait for their seal" in problems["audit"]
    assert "chmod 600" in problems["keys"]
    assert "weeks" in problems["partitions"]
    assert "partition for this week" in problems["store"]
    assert "max_connections" in str(told.document["findings"])
    assert "connections" in warnings
    assert "problem" in run(settings, "doctor").out


async def test_keys_of_another_database_and_a_schema_that_lags_are_problems(
    database: Database, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await super_connection.execute("update consentry.credential_secrets set pepper_id = 'pepper_lost'")
    assert "pepper_lost" in found(run(database.environment, "doctor", "--json"), "problem")["keys"]
    await super_connection.execute(
        "delete from consentry.schema_migrations where version = (select max(version) from consentry.schema_migrations)"
    )
    assert "lacks" in found(run(database.environment, "doctor", "--json"), "problem")["schema"]


async def test_a_chain_that_is_not_witnessed_is_a_problem(
    database: Database, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await seal_waiting(services.session)
    await super_connection.execute("update consentry.audit_seals set sealed_at = sealed_at - interval '1 hour'")
    assert "no checkpoint" in found(run(database.environment, "doctor", "--json"), "problem")["audit"]


async def test_e_mails_that_do_not_leave_are_told(
    database: Database, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await mails.write(
            connection, bku.institution_id, kind="x", recipient="ada@bank.example", subject="s", body="canary"
        )
    assert "not set up" in found(run(database.environment, "doctor", "--json"), "fine")["e-mail"]
    await super_connection.execute("update consentry.mails set written_at = written_at - interval '1 hour'")
    assert "1 wait" in found(run(database.environment, "doctor", "--json"), "warning")["e-mail"]
    server = {"CONSENTRY_SMTP_URL": "smtp://u:canary@127.0.0.1:1", "CONSENTRY_MAIL_FROM": "a@bank.example"}
    told = run({**database.environment, **server}, "doctor", "--json")
    assert "1 wait to be sent through 127.0.0.1:1" in found(told, "warning")["e-mail"]
    assert "canary" not in str(told.document)


@pytest.mark.parametrize(("seconds", "level"), [(0.1, Level.FINE), (5, Level.WARNING), (60, Level.PROBLEM)])
def test_clocks_that_differ_are_told_by_how_much(seconds: float, level: Level) -> None:
    assert _clock(timedelta(seconds=seconds)).level is level


def test_a_full_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings.read({"CONSENTRY_DATA_DIR": str(tmp_path)})
    for free, level in ((100 << 20, Level.PROBLEM), (1 << 30, Level.WARNING), (1 << 40, Level.FINE)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert look_at_machine(settings)[0].level is level
