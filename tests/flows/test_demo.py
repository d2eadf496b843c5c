"""`make demo` as a person meets it: started in a folder, checked, stopped, started again, deleted."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from consentry.sandbox.checking import Failure
from consentry.sandbox.demo_file import read_demo
from consentry.sandbox.portals import check_portals
from tests.flows.demo import Demo, demo_folder, listening_addresses
from tests.serving import environment, start_service

ROOT = Path(__file__).parents[2]
LATER_START_SECONDS = 120  # on a machine that has nothing else to do it is a few; here a hang is looked for
FIRST_START_SECONDS = 240
PLACES = ("base_url", "bank_app", "provider", "inbox", "smtp")
ADDRESSES = {**dict.fromkeys(PLACES, ""), "sign_ins": []}  # any that are free, where the tests start a demo
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[Demo]:
    """A demo that runs while this module's tests look at it; they change no more than its walk-through does."""
    with demo_folder() as demo:
        begun = time.monotonic()
        demo.start()
        assert time.monotonic() - begun < FIRST_START_SECONDS
        yield demo
        assert demo.stop() == 0


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A folder in which no demo was ever started."""
    with demo_folder() as fresh:
        yield fresh


def _token(told: dict[str, Any], customer_id: str, *, secret: str | None = None) -> httpx.Response:
    with httpx.Client(verify=False, timeout=120) as client:  # noqa: S501 - there is no TLS on this machine's own address
        return _asked(client, told, customer_id, secret=secret)


def _asked(
    client: httpx.Client, told: dict[str, Any], customer_id: str, *, secret: str | None = None
) -> httpx.Response:
    return client.post(
        f"{told['base_url']}/api/v4/token",
        auth=(told["client_id"], secret or told["client_secret"]),
        json={"type": "consent_management", "scopes": f"customer.modify_consent:{customer_id}"},
    )


def _consents(told: dict[str, Any], *customer_ids: str) -> list[dict[str, Any]]:
    """List the consents of customers, in version 6, one customer after the other."""
    consents: list[dict[str, Any]] = []
    with httpx.Client(base_url=told["base_url"], verify=False, timeout=120) as client:  # noqa: S501 - as above
        for customer_id in customer_ids:
            token = _asked(client, told, customer_id).raise_for_status().json()["access_token"]
            listed = client.get("/api/v6/consent_management", headers={"Authorization": f"Bearer {token}"})
            consents += listed.raise_for_status().json()
    return consents


def _shell(folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-euo", "pipefail"],
        input=script,
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def _flaws_of_the_portals(demo: Demo) -> list[Failure]:
    """Sign everybody in, and come to a token with credentials of the portal, as `demo --check` does."""
    told = read_demo(demo.folder / "var")
    assert told is not None
    return [checked.failure for checked in check_portals(told) if checked.failure is not None]


def _section(document: Path, title: str) -> str:
    """Give a chapter of a document, from its heading to the next of the same rank."""
    rank, _, _ = title.partition(" ")
    rest = document.read_text().split(f"\n{title}\n", 1)[1]
    return re.split(rf"^{rank} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


# --- what a running demo is like --------------------------------------------------------------------------------


def test_a_program_learns_everything_from_the_demo_file(running: Demo) -> None:
    told = running.told()
    assert running.file.stat().st_mode & 0o777 == 0o600
    assert told["institution"] == "bku"
    assert re.fullmatch(r"http://localhost:\d+", told["bank_app"])
    assert len(told["customers"]) == 200
    counts = [customer["consents"] for customer in told["customers"]]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 12
    assert counts[-1] == 0
    for customer in (told["customers"][0], told["customers"][1], told["customers"][-1]):
        assert len(_consents(told, customer["customer_id"])) == customer["consents"]


def test_customers_of_the_demo_have_consents_of_every_kind(running: Demo) -> None:
    told = running.told()
    consents = _consents(told, *(customer["customer_id"] for customer in told["customers"][:60]))
    assert {consent["status"] for consent in consents} == {"active", "paused", "expired", "revoked"}
    assert {consent["revoked_by"] for consent in consents} >= {None, "customer", "institution", "recipient"}
    assert any(consent["last_accessed"] is None for consent in consents)
    assert any(consent["intermediary_name"] is None for consent in consents)
    assert all(consent["data_clusters"] for consent in consents)


def test_the_demo_listens_on_this_machine_alone(running: Demo) -> None:
    for place in PLACES:
        port = int(running.told()[place].rpartition(":")[2])
        assert listening_addresses(port) == {"0100007F"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CONSENTRY_BIND", "0.0.0.0:0"),
        ("CONSENTRY_BIND", "[::]:0"),
        ("CONSENTRY_DATABASE_URL", "postgresql://consentry_app@127.0.0.1/consentry"),
    ],
)
def test_the_demo_refuses_other_addresses_and_databases(demo: Demo, setting: str, value: str) -> None:
    refused = demo.run("demo", "--check", **{setting: value})
    assert refused.returncode == 1
    assert f"nset {setting}" in refused.stderr
    assert not (demo.folder / "var").exists()


def test_a_second_demo_in_the_same_folder_is_refused(running: Demo) -> None:
    refused = running.run("demo")
    assert refused.returncode == 1
    assert "runs in this folder already" in refused.stderr


def test_everybody_of_the_portals_stands_in_the_demo_file_and_on_the_terminal(running: Demo) -> None:
    told = running.told()
    said = "\n".join(running.said)
    assert {(one["institution"], one["role"]) for one in told["sign_ins"]} >= {
        ("bku", "admin"),
        ("bku", "support"),
        ("bku", "compliance"),
        ("bku", "user"),
        ("hazel", "admin"),
        ("ternbridge", "admin"),
        ("ternbridge", "user"),
    }
    for one in told["sign_ins"]:
        assert one["url"] in said
        assert f"{one['name']} ({one['role']})" in said
    assert told["inbox"] in said
    assert said.index("in three steps") < said.index("Ready")


def test_the_guide_shows_what_the_terminal_shows(running: Demo) -> None:
    """But for ports, seconds, and how many consents a year has that ends today."""
    changing = re.compile(r"(?<=:)\d+|[\d,]+(?= consents)|[\d.]+(?= s\.)")
    ((_, shown),) = [
        block
        for block in BLOCK.findall(_section(ROOT / "docs" / "guides" / "start.md", "## A bank to try it with"))
        if block[0] == "text"
    ]
    begins = running.said.index("A made-up bank, on this machine alone")
    said = "\n".join(line.rstrip() for line in running.said[begins:])
    assert changing.sub("N", said) == changing.sub("N", shown.strip())


def test_the_secret_is_in_no_output_and_no_log(running: Demo) -> None:
    secret = running.told()["client_secret"]
    assert secret not in "\n".join(running.said)
    assert secret not in (running.folder / "var" / "demo.log").read_text()


def test_the_first_steps_of_the_guide_do_what_it_says(running: Demo) -> None:
    """Each block of commands in the guide answers what stands below it, in which `...` is for anything."""
    blocks = BLOCK.findall(_section(ROOT / "docs" / "guides" / "start.md", "## The first call"))
    script = ""
    expected = ""
    for language, text in blocks:
        if language == "bash":
            script += text
        else:
            expected += text
    done = _shell(running.folder, script)
    assert done.returncode == 0, done.stderr
    told = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8080", TIME.sub("TIME", done.stdout))
    pattern = ".*?".join(re.escape(part) for part in TIME.sub("TIME", expected).split("..."))
    assert re.fullmatch(pattern, told, re.DOTALL), told


def test_the_readmes_python_example_runs(running: Demo) -> None:
    ((_, example),) = [b for b in BLOCK.findall((ROOT / "README.md").read_text()) if b[0] == "python"]
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=running.folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^.+ reads .+$", done.stdout, re.MULTILINE)


def test_the_walk_through_holds_again_and_again(running: Demo) -> None:
    """Also once the secret that the demo file tells is not the newest, or is lost: the check puts that right."""
    for _ in range(2):
        checked = running.run("demo", "--check")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "Get a token with credentials that the portal made" in checked.stdout
        assert "every answer is as it should be" in checked.stdout
    running.file.write_text(running.file.read_text().replace("cns_secret_", "cns_secret_x"))
    assert running.run("demo", "--check").returncode == 0


# --- starting, stopping, starting over --------------------------------------------------------------------------


def test_a_check_without_a_demo_starts_one_and_stops_it(demo: Demo) -> None:
    checked = demo.run("demo", "--check", "--port", "0")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert demo.processes() == set()
    assert not (demo.folder / "var" / "postgresql" / "postmaster.pid").exists()


def test_a_second_start_keeps_data_and_credentials_and_is_quick(demo: Demo) -> None:
    before = demo.start().told()
    first = before["customers"][0]["customer_id"]
    consents = _consents(before, first)
    assert _flaws_of_the_portals(demo) == []
    assert len(demo.processes()) > len(PLACES)
    assert demo.stop(signal.SIGTERM) == 0
    assert demo.processes() == set()
    begun = time.monotonic()
    after = demo.start().told()
    took = time.monotonic() - begun
    assert took < LATER_START_SECONDS
    assert {**after, **ADDRESSES} == {**before, **ADDRESSES}
    assert _consents(after, first) == consents
    assert _flaws_of_the_portals(demo) == []  # although the identity provider is another one now, by its address


def test_a_lost_demo_file_is_written_anew_with_a_new_secret(demo: Demo) -> None:
    before = demo.start().told()
    demo.stop()
    demo.file.unlink()
    after = demo.start().told()
    assert after["client_id"] == before["client_id"]
    assert _token(after, "cus_1").status_code == 200
    assert _token(after, "cus_1", secret=before["client_secret"]).status_code == 401


def test_a_killed_demo_leaves_nothing_behind_that_stops_the_next(demo: Demo) -> None:
    before = demo.start().told()
    assert demo.stop(signal.SIGKILL) == -signal.SIGKILL
    ends = time.monotonic() + LATER_START_SECONDS
    while any(listening_addresses(int(before[place].rpartition(":")[2])) for place in PLACES):
        assert time.monotonic() < ends, "a neighbour outlives the demo"
    after = demo.start().told()
    assert after["client_secret"] == before["client_secret"]
    assert _token(after, "cus_1").status_code == 200


def test_a_taken_port_is_stepped_over_unless_it_was_asked_for(demo: Demo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = demo.run("demo", "--port", str(port))
        assert refused.returncode == 1
        assert f"port {port} is taken" in refused.stderr
        checked = demo.run("demo", "--check", CONSENTRY_BIND=f"127.0.0.1:{port}")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert f"port {port} is taken" in checked.stdout
    assert int(demo.told()["base_url"].rpartition(":")[2]) > port


def test_reset_starts_over_but_not_under_a_running_demo_and_not_unasked(demo: Demo) -> None:
    before = demo.start().told()
    running = demo.run("sandbox", "reset", "--yes")
    assert (running.returncode, "stop it first" in running.stderr) == (1, True)
    demo.stop()
    unasked = demo.run("sandbox", "reset")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert demo.told() == before
    done = demo.run("sandbox", "reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert not demo.file.exists()
    after = demo.start().told()
    assert after["client_id"] != before["client_id"]
    assert after["customers"] == before["customers"]
    assert _token(after, "cus_1", secret=before["client_secret"]).status_code == 401


def test_reset_is_refused_while_a_server_works_on_the_data(demo: Demo) -> None:
    demo.start()
    demo.stop()
    service = start_service({"CONSENTRY_DATA_DIR": str(demo.folder / "var"), "CONSENTRY_BIND": "127.0.0.1:0"})
    try:
        refused = demo.run("sandbox", "reset", "--yes")
        assert (refused.returncode, "in use" in refused.stderr) == (1, True)
        assert _token({**demo.told(), "base_url": service.base_url}, "cus_1").status_code == 200
    finally:
        service.stop()


def test_what_the_sandbox_did_not_make_it_neither_uses_nor_deletes(demo: Demo) -> None:
    data = {"CONSENTRY_DATA_DIR": "var"}
    added = demo.run("institution", "add", "real", "--name", "A Real Bank", **data)
    assert added.returncode == 0, added.stderr
    for command in (("demo", "--check"), ("sandbox", "reset", "--yes")):
        refused = demo.run(*command, **data)
        assert refused.returncode == 1
        assert "not made by the sandbox" in refused.stderr
    assert "A Real Bank" in demo.run("institution", "list", **data).stdout
    assert not demo.file.exists()


def test_reset_of_nothing_makes_nothing(demo: Demo) -> None:
    refused = demo.run("sandbox", "reset", "--yes")
    assert refused.returncode == 1
    assert "no installation" in refused.stderr
    assert not (demo.folder / "var" / "postgresql").exists()


def test_the_demo_needs_no_package_of_the_tests(demo: Demo) -> None:
    """The locked packages of the sandbox are enough: the demo imports no other, and httpx for its neighbours alone."""
    watched = """
import runpy, sys
sys.argv = ["consentry", "demo", "--check", "--port", "0"]
try:
    runpy.run_module("consentry", run_name="__main__")
finally:
    print(sorted({"mimesis", "httpx", "pytest", "hypothesis"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", watched],
        cwd=demo.folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.rstrip().endswith("[]"), done.stdout + done.stderr


def test_make_demo_calls_what_is_tested_here() -> None:
    if shutil.which("make") is None:
        pytest.fail("GNU make is missing")
    told = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.runtime", "demo", "ARGS=--check"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
    )
    assert ".venv/bin/consentry demo --check" in told.stdout
