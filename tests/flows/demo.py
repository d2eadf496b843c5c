"""The demo as a person starts it: `consentry demo` in a folder of its own, in a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import environment

PATIENCE = 240


@dataclass(slots=True)
class Demo:
    """A folder in which `consentry demo` is run; its data is in `var`, as for everybody."""

    folder: Path
    process: "subprocess.Popen[str] | None" = None
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "var" / "demo.json"

    def told(self) -> dict[str, Any]:
        """Read what the demo wrote for programs."""
        told: dict[str, Any] = json.loads(self.file.read_text())
        return told

    def processes(self) -> set[int]:
        """Give the processes that work in the folder or below it: the demo's, its neighbours' and its database's."""
        found = set()
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(self.folder):
                    found.add(int(process.name))
        return found

    def start(self, *arguments: str) -> "Demo":
        """Start it and wait until it says that it is ready; on any free port unless told otherwise."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "consentry", "demo", *(arguments or ("--port", "0"))],
            cwd=self.folder,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("Ready"):
                return self
        raise AssertionError("\n".join(["the demo did not start:", *self.said]))

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        self.said += (self.process.stdout or iter(())) if number != signal.SIGKILL else ()
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None
        return code

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of consentry in the same folder, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "consentry", *arguments],
            cwd=self.folder,
            env=environment(settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )


@contextlib.contextmanager
def demo_folder() -> Iterator[Demo]:
    """Make a folder for a demo; at the end stop what runs there and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="consentry-demo-"))
    folder.chmod(0o711)  # as root, the database's own user must get through
    demo = Demo(folder)
    try:
        yield demo
    finally:
        if demo.process is not None:
            demo.stop()
        shutil.rmtree(folder, ignore_errors=True)


def listening_addresses(port: int) -> set[str]:
    """Give the addresses that listen on a port of this machine, as the kernel writes them, in hexadecimal."""
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if os.path.exists(table)
        for line in Path(table).read_text().splitlines()[1:]
    ]
    places = (row[1].split(":") for row in rows if row[3] == "0A")
    return {address for address, number in places if int(number, 16) == port}
