"""The pages around ours: a small server of a bank's site, and of strangers', on origins of their own.

One TLS listener answers for every host below `localhost`, so `https://bank.localhost:PORT` and
`https://stranger.localhost:PORT` are two sites. A plain one beside it stands for parents without TLS.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LISTEN = """<script>
window.heard = [];
addEventListener("message", event => {
  heard.push({origin: event.origin, data: event.data});
  if (event.data.type === "consentry:height" && document.querySelector("body > iframe"))
    document.querySelector("body > iframe").style.height = `${Math.max(600, event.data.height)}px`;
});
</script>"""


class Parent:
    """Serves the pages that tests put on it, for every host name, and remembers the requests' headers."""

    def __init__(self, tls_port: int, plain_port: int) -> None:
        self._tls_port = tls_port
        self._plain_port = plain_port
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self.answers: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def origin(self, host: str = "bank", *, tls: bool = True) -> str:
        """Give the origin of a host below `localhost`."""
        scheme, port = ("https", self._tls_port) if tls else ("http", self._plain_port)
        return f"{scheme}://{host}.localhost:{port}"

    def show(self, path: str, body: str, **headers: str) -> str:
        """Put a page on all hosts that also keeps the messages it gets, in `window.heard`; give its path."""
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Your bank</title>'
        style = (
            "<style>body{margin:0} iframe,consentry-dashboard{border:0;width:100%;height:600px;display:block}</style>"
        )
        self.pages[path] = (f"{head}{style}{LISTEN}{body}", headers)
        return path

    def answer_post(self, path: str, answer: object) -> str:
        """Let all hosts answer POSTs to a path with JSON; give the path."""
        self.answers[path] = json.dumps(answer)
        return path


def _handler(parent: list[Parent]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parent[0].asked.append((self.path, dict(self.headers)))
            body, headers = parent[0].pages.get(self.path.partition("?")[0], ("", {}))
            self._answer(200 if body else 404, {"Content-Type": "text/html; charset=utf-8", **headers}, body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = parent[0].answers.get(self.path, "")
            self._answer(200 if body else 404, {"Content-Type": "application/json"}, body)

        def _answer(self, status: int, headers: Mapping[str, str], body: str) -> None:
            content = body.encode()
            if self.path == "/favicon.ico":
                status = 204
            else:
                headers = {**headers, "Content-Length": str(len(content))}
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: browsers drop connections as they please."""


@contextmanager
def serve_parent(folder: Path) -> Iterator[Parent]:
    """Serve parent pages until the block ends; `folder` keeps the certificate."""
    known: list[Parent] = []
    handler = _handler(known)
    with _Server(("127.0.0.1", 0), handler) as plain, _Server(("127.0.0.1", 0), handler) as tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        tls.socket = context.wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
        known.append(Parent(tls.server_port, plain.server_port))
        threads = [Thread(target=server.serve_forever, daemon=True) for server in (plain, tls)]
        for thread in threads:
            thread.start()
        try:
            yield known[0]
        finally:
            for server in (plain, tls):
                server.shutdown()
            for thread in threads:
                thread.join()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "parent.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
