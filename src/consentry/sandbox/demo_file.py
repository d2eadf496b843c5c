"""The file that tells programs where the demo is and how to sign in, and the lock of the one demo that runs.

Owns `demo.json` (mode 0600, written whole or not at all) and `demo.lock`, kept by the kernel and so never stale. The
file is the only place where the sandbox's secret is in clear; what is in it is decided by `preparation`.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from consentry.sandbox.places import Places
from consentry.store.sandbox import CustomerCount

LOG_FILE: Final = "demo.log"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody of the staff: the address that begins their sign-in, and what is picked or typed on the page after."""

    url: str
    institution: str
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What `demo.json` says; customers with the most consents come first.

    `bank_app` is the origin of the bank's own app, in which the dashboard is embedded, `provider` that at which staff
    signs in, `inbox` that of the pages that show what came to `smtp`. `sign_ins` are the people of the portals.
    """

    base_url: str
    institution: str
    client_id: str
    client_secret: str = field(repr=False)
    customers: tuple[CustomerCount, ...]
    bank_app: str = ""
    provider: str = ""
    inbox: str = ""
    smtp: str = ""
    sign_ins: tuple[SignIn, ...] = ()

    @property
    def places(self) -> Places:
        """Give where the neighbours are."""
        return Places(bank_app=self.bank_app, provider=self.provider, inbox=self.inbox, smtp=self.smtp)


def demo_file(data_dir: Path) -> Path:
    """Name the file of the demo in this data folder."""
    return data_dir / "demo.json"


def read_demo(data_dir: Path) -> Demo | None:
    """Read what the demo wrote; None if there is no file, or not a whole one."""
    try:
        return msgspec.json.decode(demo_file(data_dir).read_bytes(), type=Demo)
    except (OSError, msgspec.DecodeError):
        return None


def write_demo(data_dir: Path, demo: Demo) -> Path:
    """Write the file, whole or not at all, readable by its owner alone; give its path."""
    path = demo_file(data_dir)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(demo), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def the_only_demo(data_dir: Path) -> Iterator[bool]:
    """Hold the place of the demo that runs in this data folder; False if another process holds it."""
    # As root, the database's own user must get through.
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
