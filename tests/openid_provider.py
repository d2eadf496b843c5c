"""An OpenID provider that others wrote, in a process of its own: oidc-provider-mock, which asks for no passwords."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx

from tests.serving import READY_SECONDS


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def running_provider(port: int | None = None) -> Iterator[str]:
    """Run a provider until the end of the block; gives its issuer. `PUT /users/SUB` adds a person with claims."""
    port = port or free_port()
    issuer = f"http://localhost:{port}"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)], stdout=log, stderr=log
        )
        try:
            _wait(process, issuer)
            yield issuer
        finally:
            process.terminate()
            process.wait(READY_SECONDS)


def _wait(process: "subprocess.Popen[bytes]", issuer: str) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, "the provider did not start"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the provider does not answer")
