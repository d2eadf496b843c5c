"""Owns the product under load: its data folders, its server, and the requests for tokens, lists and toggles.

The server is what any operator starts, `python -m consentry serve`, with its limits of requests a second out of the
way.
"""

import base64
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import seed
from bench.cluster import Cluster
from bench.load import Figures, Load, run, run_out
from bench.processes import LOAD_CORE, MissingError, Server, free_port, inherited, start
from bench.seed import ACCOUNTS_EACH, CONSENTS_EACH, Size
from bench.servers import ROOT, WORK, basic

INSTITUTION = "bench"
RENEW_TOKENS_AFTER = 180.0  # seconds; a token lives for 300
UNLIMITED = {
    "CONSENTRY_INSTITUTION_RATE": "1e9",
    "CONSENTRY_INSTITUTION_BURST": "1000000000",
    "CONSENTRY_SOURCE_RATE": "1e9",
    "CONSENTRY_SOURCE_BURST": "1000000000",
    "CONSENTRY_LOG_LEVEL": "warning",
}


@dataclass(slots=True)
class Product:
    """The data of one size, with the server of one worker that answers from it."""

    size: Size
    cluster: Cluster
    credentials: str
    server: Server
    issued_at: float | None = None
    place: int = 0
    toggled: int = 0

    @property
    def tokens(self) -> Path:
        """Return the file of `customer token` lines for the hot set."""
        return WORK / f"tokens-{self.size.name}.txt"

    def url(self, path: str, server: Server | None = None) -> str:
        """Return the address of a path of the consent API."""
        return f"http://127.0.0.1:{(server or self.server).port}/api/v4/{path}"

    def token_load(self, server: Server | None = None) -> Load:
        """Return the load of token requests, by default for this product's own server."""
        customers, step = str(self.size.hot), str(self.size.step)
        settings = {"BENCH_BASIC": self.credentials, "BENCH_CUSTOMERS": customers, "BENCH_STEP": step}
        return Load("token.lua", self.url("token", server), settings)

    def ask_tokens(self, seconds: float, *, server: Server | None = None, connections: int = 32) -> Figures:
        """Ask for tokens, each for the next customer of the hot set."""
        figures = run(self.token_load(server), seconds=seconds, offset=self.place, connections=connections)
        self.place += figures.sent
        return figures

    def list_consents(self, seconds: float, *, server: Server | None = None, connections: int = 32) -> Figures:
        """List consents, each time those of the next customer of the hot set."""
        self.renew_tokens()
        load = Load("list.lua", self.url("consent_management", server), {"BENCH_TOKENS": str(self.tokens)})
        figures = run(load, seconds=seconds, offset=self.place, connections=connections)
        self.place += figures.sent
        return figures

    def toggle(self, seconds: float) -> Figures:
        """Switch single accounts of the hot set off, and in the next pass on again."""
        self.renew_tokens()
        settings = {
            "BENCH_TOKENS": str(self.tokens),
            "BENCH_CONSENTS": str(CONSENTS_EACH),
            "BENCH_ACCOUNTS": str(ACCOUNTS_EACH),
        }
        figures = run(
            Load("toggle.lua", self.url("consent_management"), settings), seconds=seconds, offset=self.toggled
        )
        self.toggled += figures.sent
        return figures

    def renew_tokens(self) -> None:
        """Ask for one token for every customer of the hot set, unless those at hand live for a while yet."""
        if self.issued_at is not None and time.monotonic() - self.issued_at < RENEW_TOKENS_AFTER:
            return
        answers = WORK / f"answers-{self.size.name}.txt"
        load = self.token_load()
        settings = {**load.settings, "BENCH_OUT": str(answers), "BENCH_COUNT": str(self.size.hot)}
        run_out(Load(load.script, load.url, settings), patience=90)
        issued = dict(_customer_and_token(line) for line in answers.read_text().splitlines())
        if len(issued) < self.size.hot * 0.99:
            raise MissingError(f"only {len(issued):,} of {self.size.hot:,} customers got a token")
        customers = sorted(issued)
        random.Random(5).shuffle(customers)
        self.tokens.write_text("".join(f"{customer} {issued[customer]}\n" for customer in customers))
        self.issued_at = time.monotonic()
        answers.unlink()
        self._require_whole_lists(issued[customers[0]])

    def _require_whole_lists(self, token: str) -> None:
        """Raise unless a customer's list is what is meant to be measured: 5 consents with 4 accounts each."""
        asked = urllib.request.Request(self.url("consent_management"), headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - ours
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - ours
            consents = json.load(answer)
        if [len(consent["accounts"]) for consent in consents] != [ACCOUNTS_EACH] * CONSENTS_EACH:
            raise MissingError(f"a customer's list is not whole: {consents}")


def _customer_and_token(answer: str) -> tuple[str, str]:
    token: str = json.loads(answer)["access_token"]
    claims = token.split(".")[1]
    scopes = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["scopes"]
    return scopes["customer.modify_consent"].removeprefix("customer-"), token


def folder_of(size: Size) -> Path:
    """Return the data folder of a size; it is kept between runs."""
    return WORK / f"data-{size.name}"


def open_cluster(size: Size) -> Cluster:
    """Start the PostgreSQL of a size, on an empty folder when its data is half made or of another version."""
    data = folder_of(size)
    if _credentials_in(data).exists() and not seed.is_current(data):
        seed.discard(data)
    return Cluster.start(data)


def open_product(cluster: Cluster, size: Size, *, companion: bool, say: Callable[[str], None]) -> Product:
    """Create the institution, its credentials and its data where they are missing, and start the server."""
    kept = _credentials_in(cluster.data)
    if not kept.exists():
        _consentry(cluster, "institution", "add", INSTITUTION, "--name", "Bench", "--json")
        kept.touch(mode=0o600)
        kept.write_text(_consentry(cluster, "credentials", "generate", "--institution", INSTITUTION, "--json"))
    made = json.loads(kept.read_text())
    if not seed.is_current(cluster.data):
        seed.require_space(cluster.data, size)
        seed.fill(cluster, institution=INSTITUTION, size=size, say=say)
    cluster.bind({LOAD_CORE})
    seed.clear_traffic(cluster)
    seed.read_hot_set(cluster, institution=INSTITUTION, size=size)
    credentials = basic(f"{made['client_id']}:{made['client_secret']}")
    return Product(size, cluster, credentials, start_server(cluster, workers=1, companion=companion))


def _credentials_in(data: Path) -> Path:
    return data / "bench-credentials.json"


def start_server(cluster: Cluster, *, workers: int, companion: bool, surfaces: str = "api,embed") -> Server:
    """Start `consentry serve` on the servers' core; its companion seals and dispatches."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "consentry", "serve"]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    command.append("--with-worker" if companion else "--no-with-worker")
    return start(
        f"consentry, {workers} worker{'s' * (workers > 1)}",
        command,
        port=port,
        log=WORK / f"consentry-{cluster.data.name}-{workers}.log",
        environment={**_environment(cluster), "CONSENTRY_SURFACES": surfaces},
        folder=ROOT,
        path="/ready",
    )


def _environment(cluster: Cluster) -> dict[str, str]:
    return {**UNLIMITED, "CONSENTRY_DATA_DIR": str(cluster.data), "PYTHONPATH": str(ROOT / "src")}


def _consentry(cluster: Cluster, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "consentry", *words],
        env={**inherited(), **_environment(cluster)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise MissingError(f"consentry {' '.join(words)} failed: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    return done.stdout
