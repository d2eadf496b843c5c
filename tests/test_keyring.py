"""The installation's keys (R43, R46, R49)."""

import json
import os
from pathlib import Path

import pytest

from consentry.keyring import Keyring, KeyringError, new_keyring, parse_keyring, read_key_file, write_key_file


def test_what_is_sealed_opens_only_for_its_purpose() -> None:
    keyring = new_keyring()
    sealed, key_id = keyring.seal(b"signing key", purpose="signing-key:1")
    assert keyring.open(sealed, key_id=key_id, purpose="signing-key:1") == b"signing key"
    with pytest.raises(KeyringError):
        keyring.open(sealed, key_id=key_id, purpose="signing-key:2")
    with pytest.raises(KeyringError, match="missing"):
        new_keyring().open(sealed, key_id=key_id, purpose="signing-key:1")


def test_sealing_twice_gives_different_bytes() -> None:
    keyring = new_keyring()
    assert keyring.seal(b"x", purpose="p") != keyring.seal(b"x", purpose="p")


def test_new_keys_become_current_and_old_ones_still_open() -> None:
    old = new_keyring()
    sealed, key_id = old.seal(b"x", purpose="p")
    rotated = old.with_new_keys()
    assert rotated.current_pepper not in old.peppers
    assert rotated.open(sealed, key_id=key_id, purpose="p") == b"x"
    assert rotated.seal(b"x", purpose="p")[1] != key_id


def test_coming_keys_are_known_before_they_are_current(tmp_path: Path) -> None:
    old = new_keyring()
    prepared = old.with_coming_keys()
    assert (prepared.current_pepper, prepared.current_encryption_key) == (
        old.current_pepper,
        old.current_encryption_key,
    )
    assert {*prepared.coming} == {*prepared.peppers, *prepared.encryption_keys} - {*old.peppers, *old.encryption_keys}
    assert prepared.with_coming_keys() is prepared
    assert prepared.only(peppers=set(), encryption_keys=set()) == prepared
    write_key_file(tmp_path / "keys.json", prepared, replace=False)
    active = read_key_file(tmp_path / "keys.json").with_coming_current()
    assert prepared.coming == (active.current_pepper, active.current_encryption_key)
    assert active.coming == ()
    assert old.peppers.items() < active.peppers.items()
    with pytest.raises(KeyringError, match="--prepare"):
        active.with_coming_current()


@pytest.mark.parametrize("coming", ['["unknown"]', '"text"', "7", "null"])
def test_coming_keys_that_are_not_there_damage_a_key_file(coming: str) -> None:
    text = new_keyring().to_json()[:-1] + f', "coming": {coming}}}'
    with pytest.raises(KeyringError, match="damaged"):
        parse_keyring(text)


def test_a_key_file_that_root_writes_belongs_to_whom_its_folder_does(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        assert tmp_path.stat().st_uid == os.geteuid()
        return
    os.chown(tmp_path, 12345, 12345)
    path = tmp_path / "keys.json"
    write_key_file(path, new_keyring(), replace=False)
    assert path.stat().st_uid == 12345
    os.chown(path, 23456, 23456)
    write_key_file(path, new_keyring(), replace=True)
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (23456, 0o600)


def test_a_key_file_is_the_owners_alone_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keyring = new_keyring()
    write_key_file(path, keyring, replace=False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path) == keyring
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_a_key_file_is_never_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = new_keyring()
    write_key_file(path, first, replace=False)
    with pytest.raises(FileExistsError):
        write_key_file(path, new_keyring(), replace=False)
    assert read_key_file(path) == first


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_key_file(path, new_keyring(), replace=False)
    os.chmod(path, 0o640)
    with pytest.raises(KeyringError, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"peppers": {}, "encryption_keys": {}}', '{"peppers": {"a": "c2hvcnQ="}, "encryption_keys": {}}'],
)
def test_a_damaged_key_file_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(KeyringError) as refused:
        parse_keyring(text)
    assert refused.value.__suppress_context__ or refused.value.__cause__ is None
    assert "c2hvcnQ" not in str(refused.value)


def test_keys_never_show_in_a_representation() -> None:
    keyring = new_keyring()
    shown = repr(keyring)
    for key in json.loads(keyring.to_json())["peppers"].values():
        assert key not in shown
    assert isinstance(keyring, Keyring)
    assert shown == "Keyring()"
