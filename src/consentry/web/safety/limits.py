"""Rate limits that all worker processes of a machine share.

One memory-mapped table of cells: a keyed fingerprint of what is limited, and the time at which it is paid off (the
generic cell rate algorithm). A race between two processes can at worst let a request through; a forgotten cell of an
idle key, too. What is limited, and how much, is said by whoever asks.
"""

import hashlib
import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIMITS_FILE: Final = "limits"
_CELLS: Final = 1 << 16
_CELL_BYTES: Final = 16
_PROBES: Final = 4
_SALT_BYTES: Final = 16
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second on average, and so many at once."""

    per_second: float
    burst: int


class SharedLimits:
    """The table; every process opens the same file, which `create` makes."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._salt = self._map[:_SALT_BYTES]
        cells = memoryview(self._map)[_SALT_BYTES:]
        self._fingerprints = cells.cast("Q")
        self._paid_off = cells.cast("d")
        self._remembered: dict[str, int] = {}

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty table, with a secret salt, so that nobody can aim at another's cell."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_SALT_BYTES))
            file.truncate(_SALT_BYTES + _CELLS * _CELL_BYTES)

    def take(self, key: str, rate: Rate) -> int:
        """Count one request of `key`; give 0 if it is within the rate, else the whole seconds until one is again."""
        now = time.monotonic()
        cell = self._cell_of(self._fingerprint(key), now)
        paid_off = max(self._paid_off[cell + 1], now)
        over = paid_off - now - (rate.burst - 1) / rate.per_second
        # A request that comes exactly as its turn does must not fail on the last bit of a float.
        if over > 1e-9:
            return int(over) + 1
        self._paid_off[cell + 1] = paid_off + 1 / rate.per_second
        return 0

    def give_back(self, key: str, rate: Rate) -> None:
        """Take back one request of `key` that was counted."""
        now = time.monotonic()
        cell = self._cell_of(self._fingerprint(key), now)
        self._paid_off[cell + 1] = max(self._paid_off[cell + 1] - 1 / rate.per_second, now)

    def _fingerprint(self, key: str) -> int:
        known = self._remembered.get(key)
        if known is None:
            digest = hashlib.blake2b(key.encode(), digest_size=8, key=self._salt).digest()
            known = int.from_bytes(digest, "little") or 1
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = known
        return known

    def _cell_of(self, fingerprint: int, now: float) -> int:
        """Find the key's cell or take over the one of its neighbourhood that is paid off longest."""
        best = 0
        best_paid_off = float("inf")
        for probe in range(_PROBES):
            cell = ((fingerprint + probe) % _CELLS) * 2
            if self._fingerprints[cell] == fingerprint:
                return cell
            paid_off = self._paid_off[cell + 1]
            if paid_off < best_paid_off:
                best, best_paid_off = cell, paid_off
        self._paid_off[best + 1] = now
        self._fingerprints[best] = fingerprint
        return best
