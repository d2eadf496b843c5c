"""Owns the peers: installs what each needs, starts it, and knows the request that is sent to it.

Their configuration is in `peers/`, one folder each; the product is left to `bench.product`.
"""

import base64
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import Cluster
from bench.load import Load
from bench.processes import MissingError, Server, free_port, start

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
BUILD = ROOT / "build"
WORK = BUILD / "bench"
DJANGO_DATABASE = "bench_django"
GUNICORN = ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "60", "--log-level", "warning")
FORM = "grant_type=client_credentials&scope=customer.modify_consent"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server beside the product and the load it gets."""

    title: str
    server: Server
    load: Load


def require_programs() -> None:
    """Make sure that Node is there.

    Raises: MissingError when it is not.
    """
    _found("node", "nodejs")
    _found("npm", "npm")


def start_hello() -> Peer:
    """Start the raw ASGI application under uvicorn, with one worker, uvloop and httptools."""
    port = free_port()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "uvicorn",
        "hello:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    server = start("hello", command, port=port, log=WORK / "hello.log", folder=PEERS)
    return Peer("raw ASGI hello", server, Load("fixed.lua", f"http://127.0.0.1:{port}/", {}))


def start_oidc_provider() -> Peer:
    """Install and start the npm package oidc-provider: JWT access tokens, HS256, its in-memory adapter.

    Raises: MissingError when Node is not there or the package can't be installed.
    """
    folder = _installed_node_packages()
    port, client_id, client_secret = free_port(), "bench", secrets.token_hex(24)
    environment = {"PORT": str(port), "CLIENT_ID": client_id, "CLIENT_SECRET": client_secret, "NODE_ENV": "production"}
    environment["SIGNING_KEY"] = secrets.token_hex(32)
    server = start(
        "oidc-provider",
        [_found("node", "nodejs"), "server.mjs"],
        port=port,
        log=WORK / "oidc-provider.log",
        environment=environment,
        folder=folder,
        path="/.well-known/openid-configuration",
    )
    return Peer("oidc-provider, in memory", server, _form(port, "/token", f"{client_id}:{client_secret}"))


def start_django_oauth_toolkit(cluster: Cluster) -> Peer:
    """Install and start django-oauth-toolkit under gunicorn, one worker, on the same PostgreSQL.

    Raises: MissingError when it can't be installed.
    """
    python = _peers_python()
    if not cluster.has_database(DJANGO_DATABASE):
        cluster.execute(f"create database {DJANGO_DATABASE}", database="postgres")
    place = cluster.address(DJANGO_DATABASE)
    port, client_id, client_secret = free_port(), "bench", secrets.token_hex(24)
    environment = {
        "BENCH_PG_DATABASE": place.database,
        "BENCH_PG_HOST": place.host,
        "BENCH_PG_PORT": place.port,
        "BENCH_PG_USER": place.user,
        "BENCH_PG_PASSWORD": place.password,
        "BENCH_DJANGO_KEY": secrets.token_hex(32),
        "BENCH_CLIENT_ID": client_id,
        "BENCH_CLIENT_SECRET": client_secret,
        "DJANGO_SETTINGS_MODULE": "peer_settings",
    }
    folder = PEERS / "django_oauth_toolkit"
    _run([python, "peer_setup.py"], folder=folder, environment=environment)
    server = start(
        "django-oauth-toolkit",
        [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", *GUNICORN, "peer_wsgi:application"],
        port=port,
        log=WORK / "django-oauth-toolkit.log",
        environment=environment,
        folder=folder,
        path="/o/token/",
    )
    return Peer("django-oauth-toolkit, PostgreSQL", server, _form(port, "/o/token/", f"{client_id}:{client_secret}"))


def basic(credentials: str) -> str:
    """Return what follows `Basic ` for `id:secret` (RFC 7617)."""
    return base64.b64encode(credentials.encode()).decode()


def _form(port: int, path: str, credentials: str) -> Load:
    return Load("fixed.lua", f"http://127.0.0.1:{port}{path}", {"BENCH_FORM": FORM, "BENCH_BASIC": basic(credentials)})


def _installed_node_packages() -> Path:
    source, target = PEERS / "oidc_provider", BUILD / "peers-node"

    def install() -> None:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "package.json", target)
        options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        _run([_found("npm", "npm"), "install", *options], folder=target, environment={})

    _once(target / ".ready", source / "package.json", install)
    shutil.copy(source / "server.mjs", target)
    return target


def _peers_python() -> Path:
    target, lock = BUILD / "peers", ROOT / "requirements" / "bench.txt"

    def install() -> None:
        _run([sys.executable, "-m", "venv", target], folder=ROOT, environment={})
        command: list[str | Path] = [
            target / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "install",
        ]
        _run([*command, "--require-hashes", "-r", lock], folder=ROOT, environment={})

    ready = target / ".ready"
    if not ready.exists() or ready.stat().st_mtime < lock.stat().st_mtime:
        install()
        ready.touch()
    return target / "bin" / "python"


def _once(marker: Path, source: Path, install: Callable[[], None]) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if not marker.exists() or marker.read_text() != digest:
        install()
        marker.write_text(digest)


def _found(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise MissingError(
            f"{program} is missing; on Debian and Ubuntu: apt-get install {package} (version 20 or later)"
        )
    return path


def _run(command: list[str | Path], *, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise MissingError(f"{command[0]} failed in {folder}: {done.stdout[-1000:]} {done.stderr[-1000:]}")
