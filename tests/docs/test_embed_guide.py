"""The servers' examples of the guide to embedding, run as they stand there; those that can't be are read.

Java's is run where there is a `javac`, which the guide says. The page's examples are run by tests/browser.
"""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from consentry.store.embedded import EmbeddedPostgres
from consentry.wiring import open_services
from tests.builders import Tenant
from tests.conftest import Database, make_database, make_tenant
from tests.docs.blocks import example
from tests.serving import Service, environment, start_service

GUIDE = "embed.md"

# Around each example: a program that opens, says the token, waits for a line, and signs out.
PYTHON = """
import sys
from consents import open_dashboard, sign_out
token = open_dashboard(sys.argv[1])
print(token, flush=True)
sys.stdin.readline()
sign_out(token)
print("signed out", flush=True)
"""
NODE = """
import { openDashboard, signOut } from "./consents.mjs";
const token = await openDashboard(process.argv[2]);
console.log(token);
process.stdin.once("data", async () => { await signOut(token); console.log("signed out"); process.exit(0); });
"""
JAVA = """
class Main {
    public static void main(String[] arguments) throws Exception {
        var consents = new Consents();
        var token = consents.openDashboard(arguments[0]);
        System.out.println(token);
        System.in.read();
        consents.signOut(token);
        System.out.println("signed out");
    }
}
"""


@dataclass(frozen=True, slots=True)
class Bank:
    """What a bank's server is told, and where its files are."""

    service: Service
    tenant: Tenant
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        return {
            **environment({}),
            "CONSENT_URL": self.service.base_url,
            "CLIENT_ID": self.tenant.client_id,
            "CLIENT_SECRET": self.tenant.client_secret,
        }

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / name.replace("_", ".")).write_text(text)


def _python(bank: Bank) -> list[str]:
    bank.write(consents_py=example(GUIDE, "python"), main_py=PYTHON)
    return [sys.executable, "main.py"]


def _node(bank: Bank) -> list[str]:
    bank.write(consents_mjs=example(GUIDE, "javascript", containing="export async function signOut"), main_mjs=NODE)
    node = shutil.which("node")
    assert node, "Node is missing: .ci/programs installs it"
    return [node, "main.mjs"]


def _java(bank: Bank) -> list[str]:
    bank.write(Consents_java=example(GUIDE, "java"), Main_java=JAVA)
    subprocess.run(["javac", "Consents.java", "Main.java"], cwd=bank.folder, check=True, timeout=120)
    return ["java", "-cp", ".", "Main"]


SERVERS: dict[str, Callable[[Bank], list[str]]] = {"python": _python, "node": _node}
if shutil.which("javac"):
    SERVERS["java"] = _java


@pytest.fixture(scope="module")
def running(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Tenant]]:
    """One service for all examples, and an institution with credentials."""
    database = asyncio.run(make_database(postgres, tmp_path_factory.mktemp("embed-guide")))
    tenant = asyncio.run(_tenant(database))
    service = start_service({**database.environment, "CONSENTRY_WORKERS": "1"})
    yield service, tenant
    service.stop()


async def _tenant(database: Database) -> Tenant:
    async with open_services(database.app_url, database.keyring, connections=2) as services:
        return await make_tenant(services, "bku")


@pytest.fixture
def bank(running: tuple[Service, Tenant], tmp_path: Path) -> Bank:
    return Bank(*running, tmp_path)


def _lives(bank: Bank, token: str) -> bool:
    answer = httpx.get(
        f"{bank.service.base_url}/api/v6/consent_management",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=120,
    )
    return answer.status_code == 200


@pytest.mark.parametrize("prepare", SERVERS.values(), ids=list(SERVERS))
def test_a_server_gets_a_token_for_the_page_and_revokes_it_at_sign_out(
    bank: Bank, prepare: Callable[[Bank], list[str]]
) -> None:
    command = [*prepare(bank), "cust-1"]
    with subprocess.Popen(
        command, cwd=bank.folder, env=bank.settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        assert _lives(bank, token)
        said, _ = process.communicate("\n", timeout=120)
        assert said.strip() == "signed out"
    assert process.returncode == 0
    assert not _lives(bank, token)


@pytest.mark.parametrize("prepare", SERVERS.values(), ids=list(SERVERS))
def test_a_secret_that_is_not_the_newest_is_named_as_the_trouble(
    bank: Bank, prepare: Callable[[Bank], list[str]]
) -> None:
    done = subprocess.run(
        [*prepare(bank), "cust-1"],
        cwd=bank.folder,
        env={**bank.settings, "CLIENT_SECRET": "cns_secret_of_before"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "invalid_client" in done.stderr
    assert "cns_secret_of_before" not in done.stderr


# --- what is not run --------------------------------------------------------------------------------------------

STRINGS_AND_COMMENTS = re.compile(r'"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|///?.*')
WEB_VIEWS = {"swift": "consentry", "kotlin": "Consentry", "tsx": "onMessage"}


@pytest.mark.parametrize("language", ["csharp", *WEB_VIEWS])
def test_what_is_not_run_has_its_brackets_in_order(language: str) -> None:
    code = STRINGS_AND_COMMENTS.sub("", example(GUIDE, language))
    pairs = {")": "(", "]": "[", "}": "{"}
    open_ones: list[str] = []
    for letter in code:
        if letter in pairs.values():
            open_ones.append(letter)
        elif letter in pairs:
            assert open_ones.pop() == pairs[letter]
    assert open_ones == []


@pytest.mark.parametrize(("language", "bridge"), WEB_VIEWS.items())
def test_web_views_post_the_token_and_hear_the_bridge_of_their_platform(language: str, bridge: str) -> None:
    code = example(GUIDE, language)
    for part in ("https://dashboard.bank.example", "/embed/authorizations", "access_token=", bridge):
        assert part in code
    assert {"consentry:expired", "consentry:close"} <= set(re.findall(r"consentry:\w+", code))
    assert "authorizations?access_token" not in code
    assert "addJavascriptInterface" not in code
