"""A real nginx with the configuration that ships, in front of a real service; only addresses and paths are others."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import held_port

SHIPPED = Path(__file__).parents[2] / "docs" / "deploy"
API, DASHBOARD, PORTAL = "consent.bank.example", "dashboard.bank.example", "portal.bank.example"
_MAIN = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/start.log error;
events {{ }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nginx-consentry.conf;
}}
"""
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx: its port, its certificate, and its logs."""

    port: int
    certificate: Path
    folder: Path

    def logged(self) -> str:
        """Give all that it has logged so far."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def access_log(self) -> list[str]:
        """Give the lines of its access log."""
        return (self.folder / "consentry-access.log").read_text().splitlines()


def nginx_program() -> str:
    """Find nginx, which Debian has where only root looks."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert found, "nginx is missing: .ci/programs installs it"
    return found


@contextmanager
def run_proxy(folder: Path, upstream: str) -> Iterator[Proxy]:
    """Run nginx in front of the service at this address until the block ends."""
    certificate = _make_certificate(folder, (API, DASHBOARD, PORTAL))
    command = [nginx_program(), "-p", str(folder), "-c", str(folder / "main.conf"), "-e", str(folder / "start.log")]
    with held_port() as port:
        _write_configuration(folder, port=port, upstream=urlsplit(upstream).netloc)
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tested.returncode == 0, tested.stderr
        assert "[warn]" not in tested.stderr, tested.stderr
        process = subprocess.Popen([*command, "-g", "daemon off;"])
        try:
            _await_listener(port, process)
            yield Proxy(port, certificate, folder)
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _write_configuration(folder: Path, *, port: int, upstream: str) -> None:
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "main.conf").write_text(_MAIN.format(folder=folder, user=user))
    shipped = (SHIPPED / "nginx.conf").read_text()
    for said, here in (
        ("    listen [::]:443 ssl default_server;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server 127.0.0.1:8080;", f"server {upstream};"),
    ):
        assert said in shipped
        shipped = shipped.replace(said, here)
    for name in ("api", "embed", "portal"):
        for kind in ("pem", "key"):
            shipped = shipped.replace(f"/etc/consentry/tls/{name}.{kind}", str(folder / f"server.{kind}"))
    texts = {"nginx-consentry.conf": shipped}
    for name in ("consentry-common.conf", "consentry-headers.conf"):
        texts[name] = (SHIPPED / name).read_text()
    for name, text in texts.items():
        here = text.replace("/etc/consentry/", f"{folder}/").replace("/var/log/nginx/", f"{folder}/")
        assert "/etc/" not in here.replace("/etc/nginx/conf.d", "")
        (folder / name).write_text(here)


def _await_listener(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, "nginx ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("nginx does not listen")


def _make_certificate(folder: Path, names: tuple[str, ...]) -> Path:
    """Make a self-signed certificate for these names, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate = folder / "server.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate
