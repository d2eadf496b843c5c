"""Services as operators run them: `consentry serve` in processes of its own, spoken to over HTTP on 127.0.0.1."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

READY_SECONDS = 120


@dataclass(slots=True)
class Service:
    """A running `consentry serve`; `log` is what its processes wrote to standard error."""

    process: "subprocess.Popen[str]"
    base_url: str
    log: IO[str]

    def stop(self) -> int:
        """End it as an operator does, by SIGTERM; give its exit code. Its log is gone then."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()
        return code

    def logged(self) -> str:
        """Give everything logged so far."""
        return _read(self.log)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a product's process: this one's, with only the given settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENTRY_")}
    return {**kept, **settings}


def _read(log: IO[str]) -> str:
    """Read a log that is being written, opened anew: its writers share the place at which this file stands."""
    return Path(f"/proc/self/fd/{log.fileno()}").read_text()


def start_service(settings: Mapping[str, str]) -> Service:
    """Start a service and wait until it says that it is ready."""
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the service
    process = subprocess.Popen(
        [sys.executable, "-m", "consentry", "serve", "--json"],
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(READY_SECONDS)
        said = _read(log)
        log.close()
        process.stdout.close()
        raise AssertionError(f"the service did not start:\n{said}")
    return Service(process=process, base_url=json.loads(line)["ready"], log=log)
