"""The installation's own keys: peppers for secrets and key-encryption keys for what is stored encrypted.

Each has an id, the first of its kind is current, older ones still verify or open. They come from a key file, an
environment variable or a command (wiring.py and the command line decide which). They are never in the database and
never logged.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class KeyringError(Exception):
    """The keys can't be read or used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Peppers and key-encryption keys by id, 32 bytes each; the first of each is the current one.

    `coming` are the ids of keys that every process is to know before anything is stored under them.
    """

    peppers: Mapping[str, bytes] = field(repr=False)
    encryption_keys: Mapping[str, bytes] = field(repr=False)
    coming: tuple[str, ...] = field(default=(), repr=False)

    @property
    def current_pepper(self) -> str:
        """Give the id of the pepper that new secrets are stored under."""
        return next(iter(self.peppers))

    @property
    def current_encryption_key(self) -> str:
        """Give the id of the key that new values are encrypted under."""
        return next(iter(self.encryption_keys))

    def seal(self, plain: bytes, *, purpose: str) -> tuple[bytes, str]:
        """Encrypt with AES-256-GCM under the current key; give the sealed bytes and the key's id.

        `purpose` is authenticated with it: what was sealed for one purpose opens for no other.
        """
        key_id = self.current_encryption_key
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.encryption_keys[key_id]).encrypt(nonce, plain, purpose.encode())
        return nonce + sealed, key_id

    def open(self, sealed: bytes, *, key_id: str, purpose: str) -> bytes:
        """Decrypt what `seal` made.

        Raises:
            KeyringError: the key is not in the keyring, or the bytes were not sealed with it for this purpose.
        """
        key = self.encryption_keys.get(key_id)
        if key is None:
            raise KeyringError(
                f"The key-encryption key {key_id} is missing from the key file; restore it from your vault or backup."
            )
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except InvalidTag as error:
            raise KeyringError(
                f"A value stored under the key {key_id} can't be opened; the key file is not this database's."
            ) from error

    def with_coming_keys(self) -> "Keyring":
        """Give a keyring with a new key of each kind that is known but not current yet; unchanged if it has them."""
        if self.coming:
            return self
        pepper, encryption_key = _new_id("pepper"), _new_id("kek")
        return Keyring(
            peppers={**self.peppers, pepper: secrets.token_bytes(_KEY_BYTES)},
            encryption_keys={**self.encryption_keys, encryption_key: secrets.token_bytes(_KEY_BYTES)},
            coming=(pepper, encryption_key),
        )

    def with_coming_current(self) -> "Keyring":
        """Give a keyring in which the coming keys are the current ones; the others stay, for what was made under them.

        Raises:
            KeyringError: no keys are coming.
        """
        if not self.coming:
            raise KeyringError("No new keys were prepared; run consentry keys rotate --prepare first.")
        return Keyring(
            peppers=_with_first(self.peppers, self.coming),
            encryption_keys=_with_first(self.encryption_keys, self.coming),
        )

    def with_new_keys(self) -> "Keyring":
        """Give a keyring with a new current key of each kind, for where no other process has the keys."""
        return self.with_coming_keys().with_coming_current()

    def only(self, *, peppers: set[str], encryption_keys: set[str]) -> "Keyring":
        """Give a keyring with the current and coming keys and, of the older ones, only those named."""
        kept = {*peppers, *encryption_keys, self.current_pepper, self.current_encryption_key, *self.coming}
        return Keyring(
            peppers={k: v for k, v in self.peppers.items() if k in kept},
            encryption_keys={k: v for k, v in self.encryption_keys.items() if k in kept},
            coming=self.coming,
        )

    def to_json(self) -> str:
        """Write the keyring in the form of the key file. It is secret."""
        document: dict[str, object] = {
            "peppers": _encoded(self.peppers),
            "encryption_keys": _encoded(self.encryption_keys),
        }
        if self.coming:
            document["coming"] = list(self.coming)
        return json.dumps(document, indent=2)


def new_keyring() -> Keyring:
    """Make a keyring with one new pepper and one new key-encryption key."""
    return Keyring(peppers={}, encryption_keys={}).with_new_keys()


def parse_keyring(text: str) -> Keyring:
    """Read the form of the key file: `{"peppers": {id: base64}, "encryption_keys": {id: base64}}`, current ones first.

    A member `coming`, an array of ids, names keys that are to become current.

    Raises:
        KeyringError: it has another form, or a key does not have 32 bytes.
    """
    try:
        document = json.loads(text)
        keyring = Keyring(
            peppers=_decoded(document["peppers"]),
            encryption_keys=_decoded(document["encryption_keys"]),
            coming=tuple(map(str, document.get("coming", ()))),
        )
        if not set(keyring.coming) <= {*keyring.peppers, *keyring.encryption_keys}:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        # The original error may quote the text, which is secret.
        raise KeyringError(
            "The key file is damaged: restore it from your vault or backup; a new one opens nothing."
        ) from None
    if not keyring.peppers or not keyring.encryption_keys:
        raise KeyringError("The key file names no pepper or no encryption key: restore it from your vault or backup.")
    return keyring


def read_key_file(path: Path) -> Keyring:
    """Read a key file, which must be readable by its owner alone (mode 0600).

    Raises:
        KeyringError: it is missing, open to others, or damaged.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyringError(f"Others can read the key file {path}; set its mode with chmod 600.")
        return parse_keyring(path.read_text())
    except FileNotFoundError:
        raise KeyringError(f"There is no key file at {path}; restore it, or name it in CONSENTRY_KEY_FILE.") from None


def write_key_file(path: Path, keyring: Keyring, *, replace: bool) -> None:
    """Write a key file with mode 0600, whole or not at all, and return when it is on the disk.

    Raises:
        FileExistsError: there is one already and `replace` is not set.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            _give_to_owner(descriptor, path)
            file.write(keyring.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _with_first(keys: Mapping[str, bytes], first: tuple[str, ...]) -> dict[str, bytes]:
    return {
        **{key_id: key for key_id, key in keys.items() if key_id in first},
        **{key_id: key for key_id, key in keys.items() if key_id not in first},
    }


def _give_to_owner(descriptor: int, path: Path) -> None:
    """As root, give a draft to whom the file belongs that it replaces, else to whom its folder belongs."""
    if os.geteuid() == 0:
        owner = path.stat() if path.exists() else path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(4)}"


def _encoded(keys: Mapping[str, bytes]) -> dict[str, str]:
    return {key_id: base64.b64encode(key).decode() for key_id, key in keys.items()}


def _decoded(keys: Mapping[str, str]) -> dict[str, bytes]:
    decoded = {key_id: base64.b64decode(key, validate=True) for key_id, key in keys.items()}
    if any(len(key) != _KEY_BYTES for key in decoded.values()):
        raise ValueError
    return decoded
