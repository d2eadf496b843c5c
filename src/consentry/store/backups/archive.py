"""The backup's file: an ordinary tar with `consentry.dump` (pg_dump's custom format), `manifest.json` and `seal.json`.

Owns that it is written whole or not at all, readable by its owner alone, and that every byte read again is the byte
that was written. What is in the dump and in the manifest is left to others.
"""

import contextlib
import hashlib
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from consentry.store.backups.errors import BackupError
from consentry.store.backups.manifest import Manifest, decode_manifest

DUMP: Final = "consentry.dump"
_MANIFEST: Final = "manifest.json"
_SEAL: Final = "seal.json"
_CHUNK: Final = 1 << 20
_LONGEST_MEMBER: Final = 64 << 20


class Draft:
    """A backup that is being written under a temporary name beside its place."""

    def __init__(self, file: IO[bytes]) -> None:
        """Begin with room for the dump's header, which is known once the dump is written."""
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        file.write(bytes(tarfile.BLOCKSIZE))

    @property
    def sha256(self) -> str:
        """Give the digest of the dump written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append to the dump."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self, manifest: bytes, seal: bytes) -> None:
        """Write what comes after the dump, and the dump's header before it."""
        self._pad(self.size)
        for name, content in ((_MANIFEST, manifest), (_SEAL, seal)):
            self._file.write(_header(name, len(content)))
            self._file.write(content)
            self._pad(len(content))
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.seek(0)
        self._file.write(_header(DUMP, self.size))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))


@contextlib.contextmanager
def drafted(place: Path) -> Iterator[Draft]:
    """Write a backup: it is at its place when the block ends well, and nothing is left of it otherwise.

    Raises:
        BackupError: `exists`, `not_written`.
    """
    if place.exists():
        raise BackupError("exists", f"{place} exists already: name another file, a backup never replaces one.")
    making = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackupError("not_written", f"The backup can't be written to {place.parent} ({error.strerror}).") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield Draft(file)
        making.rename(place)
        _sync(place.parent)
    except OSError as error:
        raise BackupError("not_written", f"The backup can't be written to {place} ({error.strerror}).") from error
    finally:
        making.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup's file, open; `manifest_text` and `seal` are as they were written, the dump begins at `dump_offset`."""

    file: IO[bytes]
    manifest: Manifest
    manifest_text: bytes
    seal: bytes
    dump_offset: int

    def dump(self) -> Iterator[bytes]:
        """Give the dump, a mebibyte at a time."""
        self.file.seek(self.dump_offset)
        left = self.manifest.dump_size
        while left and (chunk := self.file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk

    def verify(self, *, on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Make sure that the dump is whole and unchanged; `on_progress` is told the number of bytes read.

        Raises:
            BackupError: `damaged`.
        """
        digest = hashlib.sha256()
        read = 0
        for chunk in self.dump():
            digest.update(chunk)
            read += len(chunk)
            on_progress(read)
        if read != self.manifest.dump_size or digest.hexdigest() != self.manifest.dump_sha256:  # not secret: a checksum
            raise BackupError("damaged", "The backup's content is not what its manifest says; use another backup.")


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Archive]:
    """Open a backup and read its manifest; the dump is not looked at yet.

    Raises:
        BackupError: `no_backup`, `damaged`, `unknown_format`.
    """
    try:
        file = place.open("rb")
    except OSError as error:
        raise BackupError("no_backup", f"The backup {place} can't be opened ({error.strerror}).") from None
    with file:
        try:
            yield _read(file)
        except (tarfile.TarError, EOFError):
            raise BackupError("damaged", f"{place} is not a whole backup; use another one.") from None


def _read(file: IO[bytes]) -> Archive:
    with tarfile.open(fileobj=file, mode="r:") as tar:
        members = {member.name: member for member in tar.getmembers()}
        if members.keys() != {DUMP, _MANIFEST, _SEAL}:
            raise tarfile.ReadError
        text, seal = (_content(tar, members[name]) for name in (_MANIFEST, _SEAL))
    manifest = decode_manifest(text)
    dump = members[DUMP]
    if dump.size != manifest.dump_size:
        raise tarfile.ReadError
    return Archive(file=file, manifest=manifest, manifest_text=text, seal=seal, dump_offset=dump.offset_data)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member) if member.size <= _LONGEST_MEMBER else None
    if content is None:
        raise tarfile.ReadError
    return content.read()


def _header(name: str, size: int) -> bytes:
    about = tarfile.TarInfo(name)
    about.size = size
    about.mode = 0o600
    return about.tobuf(format=tarfile.GNU_FORMAT)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
