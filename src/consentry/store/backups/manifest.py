"""The manifest: what a backup says of itself, and the seal that shows that it was made with the same keys.

The manifest is readable by anybody and holds no secret: keys are named by their ids alone. The seal is encrypted
under the installation's key-encryption key, so that only who has the key file can have made it. The file around both
is archive.py's business.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from consentry.keyring import Keyring, KeyringError
from consentry.store.backups.errors import BackupError

FORMAT: Final = 1
_PURPOSE: Final = "backup"


class BackedUpInstitution(msgspec.Struct, frozen=True):
    """An institution in a backup: its consents, and how far its audit was sealed (`chain_hash` in hexadecimal)."""

    public_id: str
    consents: int
    chain_sequence: int
    chain_hash: str


class AppliedMigration(msgspec.Struct, frozen=True):
    """A migration that the backed-up schema has."""

    version: int
    name: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds and needs.

    `made_at` is the database's time of the snapshot; `lsn` and `xmin` are its place in the old server's log and
    transactions. Versions of PostgreSQL are major ones. `app_roles` are the roles that the schema grants rights to.
    Every digest is in hexadecimal.
    """

    format: int
    product_version: str
    made_at: datetime
    server_version: int
    dump_version: int
    lsn: str
    xmin: str
    migrations: tuple[AppliedMigration, ...]
    institutions: tuple[BackedUpInstitution, ...]
    app_roles: tuple[str, ...]
    peppers: tuple[str, ...]
    encryption_keys: tuple[str, ...]
    dump_size: int
    dump_sha256: str

    @property
    def schema_version(self) -> int:
        """Give the number of the newest migration, 0 for none."""
        return max((migration.version for migration in self.migrations), default=0)


class _Seal(msgspec.Struct, frozen=True):
    sealed_under: str
    sealed: str


class _Sealed(msgspec.Struct, frozen=True):
    manifest_sha256: str
    keys: dict[str, str]


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as JSON for people to read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BackupError: `damaged`, or `unknown_format` when a newer product wrote it.
    """
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError("damaged", f"The backup's manifest can't be read ({error}); use another backup.") from None
    if manifest.format != FORMAT:
        raise BackupError(
            "unknown_format",
            f"The backup has format {manifest.format} and this version reads {FORMAT}: use the version that made it "
            f"({manifest.product_version}) or a later one.",
        )
    return manifest


def seal_manifest(text: bytes, manifest: Manifest, keyring: Keyring) -> bytes:
    """Seal a manifest's bytes with the installation's keys, and remember digests of the keys that the backup needs.

    Raises:
        BackupError: `key_missing` when the keyring lacks one of them.
    """
    refuse_missing_keys(keyring, peppers=manifest.peppers, encryption_keys=manifest.encryption_keys)
    needed = _digests(keyring, {*manifest.peppers, *manifest.encryption_keys})
    inside = _Sealed(manifest_sha256=hashlib.sha256(text).hexdigest(), keys=needed)
    sealed, key_id = keyring.seal(msgspec.json.encode(inside), purpose=_PURPOSE)
    return msgspec.json.encode(_Seal(sealed_under=key_id, sealed=base64.b64encode(sealed).decode()))


def check_seal(text: bytes, manifest: Manifest, *, seal: bytes, keyring: Keyring) -> None:
    """Make sure that these keys sealed this manifest and that each key the backup needs is the one it was.

    Raises:
        BackupError: `key_missing` names a missing key; `wrong_keys`: a key has the right name and another content, or
            the backup was not made with these keys; `damaged`.
    """
    refuse_missing_keys(keyring, peppers=manifest.peppers, encryption_keys=manifest.encryption_keys)
    try:
        outside = msgspec.json.decode(seal, type=_Seal)
        opened = keyring.open(
            base64.b64decode(outside.sealed, validate=True), key_id=outside.sealed_under, purpose=_PURPOSE
        )
        inside = msgspec.json.decode(opened, type=_Sealed)
    except (msgspec.DecodeError, binascii.Error):
        raise BackupError("damaged", "The backup's seal can't be read; use another backup.") from None
    except KeyringError:
        raise _wrong_keys() from None
    if not hmac.compare_digest(inside.manifest_sha256, hashlib.sha256(text).hexdigest()):
        raise BackupError("damaged", "The backup's manifest is not the one that was sealed; use another backup.")
    if _digests(keyring, set(inside.keys)) != inside.keys:
        raise _wrong_keys()


def refuse_missing_keys(keyring: Keyring, *, peppers: Iterable[str], encryption_keys: Iterable[str]) -> None:
    """Refuse a keyring without the keys that a backup needs, given by their ids.

    Raises:
        BackupError: `key_missing`; the sentence names them.
    """
    missing = [key for key in peppers if key not in keyring.peppers]
    missing += [key for key in encryption_keys if key not in keyring.encryption_keys]
    if missing:
        raise BackupError(
            "key_missing",
            f"The key file lacks {', '.join(missing)}, which this backup needs: put the key file that belongs to it in "
            "place, or name it in CONSENTRY_KEY_FILE.",
        )


def _wrong_keys() -> BackupError:
    return BackupError(
        "wrong_keys",
        "The backup was not made with these keys: put the key file that belongs to it in place, or name it in "
        "CONSENTRY_KEY_FILE.",
    )


def _digests(keyring: Keyring, key_ids: set[str]) -> dict[str, str]:
    known: Mapping[str, bytes] = {**keyring.peppers, **keyring.encryption_keys}
    return {key: hashlib.sha256(known[key]).hexdigest() for key in sorted(key_ids) if key in known}
