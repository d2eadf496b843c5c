"""Make a backup: everything that one moment of the database holds, in one file."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from consentry import __version__
from consentry.keyring import Keyring
from consentry.store.backups.archive import Draft, drafted
from consentry.store.backups.contents import Contents, owner_connection, snapshot
from consentry.store.backups.manifest import FORMAT, Manifest, encode_manifest, refuse_missing_keys, seal_manifest
from consentry.store.backups.programs import Programs, dumping

_CHUNK: Final = 1 << 20


async def make_backup(
    place: Path,
    *,
    owner_url: str,
    find_programs: Callable[[int], Programs],
    keyring: Keyring,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write a backup to `place` while the installation works on; give its manifest.

    `find_programs` gives PostgreSQL's programs of at least a major version; `on_progress` is told the number of bytes
    written.

    Raises:
        BackupError: why there is no backup; nothing is left at `place` then.
        TemporarilyUnavailable: the database can't be reached.
    """
    async with owner_connection(owner_url) as connection, snapshot(connection) as (name, contents):
        refuse_missing_keys(keyring, peppers=contents.peppers, encryption_keys=contents.encryption_keys)
        programs = find_programs(contents.server_version)
        with drafted(place) as draft:
            async with dumping(programs, owner_url, snapshot=name) as stream:
                while chunk := await stream.read(_CHUNK):
                    draft.write(chunk)
                    on_progress(draft.size)
            manifest = _manifest(contents, keyring=keyring, programs=programs, draft=draft)
            text = encode_manifest(manifest)
            draft.finish(text, seal_manifest(text, manifest, keyring))
    return manifest


def _manifest(contents: Contents, *, keyring: Keyring, programs: Programs, draft: Draft) -> Manifest:
    return Manifest(
        format=FORMAT,
        product_version=__version__,
        made_at=contents.made_at,
        server_version=contents.server_version,
        dump_version=programs.major,
        lsn=contents.lsn,
        xmin=contents.xmin,
        migrations=contents.migrations,
        institutions=contents.institutions,
        app_roles=contents.app_roles,
        peppers=contents.peppers,
        encryption_keys=tuple(sorted({*contents.encryption_keys, keyring.current_encryption_key})),
        dump_size=draft.size,
        dump_sha256=draft.sha256,
    )
