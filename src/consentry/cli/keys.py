"""`consentry keys`: the installation's own keys, shown by their ids, rotated and retired without downtime.

A new key is known to every process before anything is stored under it. Services on this machine are told to take the
key file anew; where others use it too, the steps are done one by one, with the file handed round between them.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter, validators

from consentry.cli.installation import InstallationError, check_database, hold_database, open_installation
from consentry.cli.options import Json, operator
from consentry.cli.output import note, write_document, write_line, write_table
from consentry.cli.serving.roster import replace_processes
from consentry.config import Settings
from consentry.keyring import Keyring, write_key_file
from consentry.store.keys_in_use import KeysInUse, keys_in_use
from consentry.usecases.keys.replace_lost import replace_lost_keys
from consentry.usecases.keys.reseal import reseal_keys
from consentry.usecases.keys.retire import without_retired_keys
from consentry.wiring import load_keyring, open_services

keys_app = App(name="keys", help="The installation's own keys: peppers for secrets, and keys that encrypt keys.")

_STEP = Group(show=False, validator=validators.mutually_exclusive)
_PATIENCE_BESIDE_DRAIN = 90.0


@keys_app.command(name="show")
async def show(*, as_json: Json = False) -> None:
    """Show the ids of the keys, and how much is stored under each; never a key.

    Example: `consentry keys show`
    """
    settings = Settings.read()
    async with open_installation(settings) as installation:
        async with installation.services.session.begin() as connection:
            used = await keys_in_use(connection)
        rows = list(_rows(installation.keyring, used))
    if as_json:
        names = ("key", "kind", "state", "in_use")
        write_document({"source": _source(settings), "keys": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    write_line(f"Keys from {_source(settings)}")
    write_table(("key", "kind", "state", "in use"), [(key, kind, state, str(uses)) for key, kind, state, uses in rows])


@keys_app.command(name="rotate")
async def rotate(
    *,
    prepare: Annotated[bool, Parameter(group=_STEP, help="Only make new keys known; they are not used yet.")] = False,
    activate: Annotated[bool, Parameter(group=_STEP, help="Only put prepared keys to use.")] = False,
    retire: Annotated[bool, Parameter(group=_STEP, help="Remove older keys that nothing is stored under.")] = False,
    to_output: Annotated[
        bool,
        Parameter(name="--print", help="Write the new content of the key file to standard output; for vaults."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put new keys to use, without a failed request.

    Makes a new pepper and a new key-encryption key, has the services on this machine learn them, makes them current,
    and encrypts what is stored anew. A secret's hash moves when the secret is next used; when all have moved, --retire
    removes the older keys. Where several machines have the key file: --prepare, hand the file round and send SIGHUP to
    each service, --activate, hand it round and send SIGHUP again.

    Example: `consentry keys rotate`
    """
    settings = Settings.read()
    if to_output:
        await _print(settings, prepare=prepare, activate=activate, retire=retire)
        return
    _refuse_other_sources(settings)
    with _alone(settings.key_file):
        if retire:
            await _retire(settings)
        else:
            if not activate:
                _write(settings, load_keyring(settings).with_coming_keys())
                await _renew(settings, why="learns the new keys")
            if not prepare:
                _write(settings, load_keyring(settings).with_coming_current())
                await _renew(settings, why="puts the new keys to use")
                await _reseal(settings)
    _report(load_keyring(settings), as_json=as_json)


@keys_app.command(name="replace-lost")
async def replace_lost(
    *,
    yes: Annotated[bool, Parameter(help="Confirm that the keys can't be restored.")] = False,
    as_json: Json = False,
) -> None:
    """Go on without keys that can't be restored, as the last resort.

    Ends every secret, signing key and token that depends on them. Consents, history and audit stay. The institutions
    need new secrets afterwards: consentry credentials rotate.

    Example: `consentry keys replace-lost --yes`
    """
    settings = Settings.read()
    with hold_database(settings, create=False) as database:
        used = await check_database(database)
        keyring = load_keyring(settings, create=yes)
        lost = used.missing_from(peppers=keyring.peppers, encryption_keys=keyring.encryption_keys)
        if not lost:
            raise InstallationError("nothing_lost", "The keys are those that the database needs; nothing is lost.")
        if not yes:
            raise InstallationError(
                "not_confirmed",
                f"{', '.join(lost)} would be given up, with every secret and token that depends on them: look for a "
                "backup of the keys first, then give --yes.",
            )
        async with open_services(database.app_url, keyring, connections=settings.connections) as services:
            done = await replace_lost_keys(services, lost, actor=operator())
    if as_json:
        write_document({"lost": lost, "institutions": list(done.institutions), "secrets_ended": done.secrets_ended})
        return
    write_line(f"Gave up {', '.join(lost)}: {done.secrets_ended} secrets have ended. Restart every service. Next:")
    for name in done.institutions:
        write_line(f"  consentry credentials rotate --institution {name}")


async def _print(settings: Settings, *, prepare: bool, activate: bool, retire: bool) -> None:
    if retire:
        await _reseal(settings)
        async with open_installation(settings) as installation:
            write_line((await without_retired_keys(installation.services)).to_json())
        return
    keyring = load_keyring(settings)
    if prepare == activate:
        raise InstallationError("step_missing", "With --print, say which step: --prepare, --activate or --retire.")
    write_line((keyring.with_coming_keys() if prepare else keyring.with_coming_current()).to_json())


async def _retire(settings: Settings) -> None:
    await _reseal(settings)
    async with open_installation(settings) as installation:
        kept = await without_retired_keys(installation.services)
    _write(settings, kept)
    await _renew(settings, why="forgets the older keys")


async def _reseal(settings: Settings) -> None:
    async with open_installation(settings) as installation:
        resealed = await reseal_keys(installation.services, actor=operator())
    note(f"encrypted {resealed} stored keys anew")


async def _renew(settings: Settings, *, why: str) -> None:
    renewed = await asyncio.to_thread(
        replace_processes,
        settings.data_dir,
        patience=settings.drain_seconds + _PATIENCE_BESIDE_DRAIN,
        on_service=lambda url: note(f"the service at {url} {why}"),
    )
    if not renewed:
        note(f"no service of {settings.data_dir} runs on this machine; send SIGHUP to those elsewhere")


def _write(settings: Settings, keyring: Keyring) -> None:
    write_key_file(settings.key_file, keyring, replace=True)


def _refuse_other_sources(settings: Settings) -> None:
    if settings.keys is not None or settings.key_command is not None:
        raise InstallationError(
            "keys_elsewhere",
            f"The keys come from {_source(settings)}, which this command can't change: put there what it prints with "
            "--prepare --print, send SIGHUP to every service, and do the same with --activate --print and, when all "
            "secrets have been used, with --retire --print.",
        )


@contextlib.contextmanager
def _alone(key_file: Path) -> Iterator[None]:
    """Keep others from rotating at the same time, by a lock on the folder of the key file."""
    if not key_file.exists():
        raise InstallationError("key_file_missing", f"There is no key file at {key_file}.")
    descriptor = os.open(key_file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InstallationError("rotation_running", "The keys are being rotated by another process.") from None
    finally:
        os.close(descriptor)


def _rows(keyring: Keyring, used: KeysInUse) -> Iterator[tuple[str, str, str, int]]:
    kinds = (
        ("pepper", keyring.peppers, keyring.current_pepper, used.peppers),
        ("key-encryption key", keyring.encryption_keys, keyring.current_encryption_key, used.encryption_keys),
    )
    for kind, keys, current, uses in kinds:
        for key_id in keys:
            state = "current" if key_id == current else "coming" if key_id in keyring.coming else "older"
            yield key_id, kind, state, uses.get(key_id, 0)


def _source(settings: Settings) -> str:
    if settings.keys is not None:
        return "CONSENTRY_KEYS"
    return "CONSENTRY_KEY_COMMAND" if settings.key_command is not None else str(settings.key_file)


def _report(keyring: Keyring, *, as_json: bool) -> None:
    older = [
        key_id
        for key_id in (*keyring.peppers, *keyring.encryption_keys)
        if key_id not in (keyring.current_pepper, keyring.current_encryption_key, *keyring.coming)
    ]
    if as_json:
        write_document(
            {
                "current": [keyring.current_pepper, keyring.current_encryption_key],
                "coming": list(keyring.coming),
                "older": older,
            }
        )
        return
    write_line(f"Current: {keyring.current_pepper}, {keyring.current_encryption_key}.")
    if keyring.coming:
        write_line(f"Coming: {', '.join(keyring.coming)}. Next: consentry keys rotate --activate")
    if older:
        write_line(f"Older: {', '.join(older)}. Back the key file up; retire them when all secrets have been used.")
