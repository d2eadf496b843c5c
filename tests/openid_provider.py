"""An OpenID provider that others wrote, in a process of its own: oidc-provider-mock, which asks for no passwords."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx

from tests.ports import held_port
from tests.serving import READY_SECONDS


@contextlib.contextmanager
def running_provider(port: int | None = None) -> Iterator[str]:
    """Run a provider until the end of the block; gives its issuer. `PUT /users/SUB` adds a person with claims."""
    with contextlib.ExitStack() as stack:
        port = port or stack.enter_context(held_port())
        issuer = f"http://localhost:{port}"
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
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
