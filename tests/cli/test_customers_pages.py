"""`consentry institution origins` and `branding`: who may embed the dashboard, and how it looks."""

from pathlib import Path

from tests.builders import Tenant
from tests.cli.commands import run
from tests.conftest import Database

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def test_origins_are_added_listed_and_removed(database: Database, bku: Tenant) -> None:
    environment = database.environment
    origins = ("institution", "origins")
    assert run(environment, *origins, "list", "bku", "--json").document == {"origins": []}
    assert "No site" in run(environment, *origins, "list", "bku").out
    bank, staging = "https://www.bank.example", "https://staging.bank.example:8443"
    run(environment, *origins, "add", "bku", staging)
    assert run(environment, *origins, "add", "bku", bank, "--json").document == {"origins": [staging, bank]}
    assert run(environment, *origins, "remove", "bku", staging, "--json").document == {"origins": [bank]}
    refused = run(environment, *origins, "add", "bku", "http://www.bank.example", "--json")
    assert (refused.code, refused.refusal) == (1, "invalid_origin")
    unknown = run(environment, *origins, "add", "nobody", bank, "--json")
    assert (unknown.code, unknown.refusal) == (1, "unknown_institution")


def test_looks_are_changed_one_by_one_and_what_can_not_be_used_changes_nothing(
    database: Database, bku: Tenant, tmp_path: Path
) -> None:
    environment = database.environment
    logo, drawing = tmp_path / "logo.png", tmp_path / "logo.svg"
    logo.write_bytes(PNG)
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    change = ("institution", "branding", "set", "bku")
    run(environment, *change, "--accent", "#0b6e4f", "--logo", str(logo))
    shown = run(environment, *change, "--fraud-phone", "+1 800 555 0199", "--json").document
    assert (shown["accent"], shown["logo"], shown["fraud_phone"]) == ("#0b6e4f", "image/png", "+1 800 555 0199")
    for wrong in (
        ("--accent", "green"),
        ("--radius", "99"),
        ("--font", "comic"),
        ("--logo", str(drawing)),
        ("--logo", str(tmp_path / "missing.png")),
        ("--fraud-phone", "call us"),
    ):
        refused = run(environment, *change, *wrong, "--json")
        assert (refused.code, refused.refusal) == (1, "invalid_branding"), wrong
    assert run(environment, "institution", "branding", "show", "bku", "--json").document == shown
    assert "#0b6e4f" in run(environment, "institution", "branding", "show", "bku").out
    assert run(environment, *change, "--logo", "", "--json").document["logo"] is None
