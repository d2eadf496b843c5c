"""How an institution's pages look, who may embed them, and the pictures on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from consentry.domain.branding import PLAIN, Theme, parse_theme
from consentry.domain.refusal.dashboard import InvalidBranding
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class Look:
    """What every page of an institution shows of it; `origins` are those that may frame the dashboard."""

    institution_id: int
    public_id: str
    name: str
    origins: tuple[str, ...]
    theme: Theme
    version: int
    has_logo: bool
    has_favicon: bool
    fraud_phone: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A logo or a favicon."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class StoredBranding:
    """Everything that an institution has chosen; version 0 is that nothing has been."""

    theme: Theme
    logo: Picture | None
    favicon: Picture | None
    fraud_phone: str | None
    version: int


NOTHING_CHOSEN = StoredBranding(theme=PLAIN, logo=None, favicon=None, fraud_phone=None, version=0)


async def look(connection: Connection, institution_id: int) -> Look | None:
    """Give an institution's look; None if there is no such institution."""
    row = await connection.fetchrow("select * from consentry.look_of($1)", institution_id)
    if row is None:
        return None
    return Look(
        institution_id=institution_id,
        public_id=row["public_id"],
        name=row["name"],
        origins=tuple(row["origins"]),
        theme=_theme(row["theme"]),
        version=row["version"],
        has_logo=row["has_logo"],
        has_favicon=row["has_favicon"],
        fraud_phone=row["fraud_phone"],
    )


async def get(connection: Connection, *, lock: bool = False) -> StoredBranding:
    """Give what the transaction's institution has chosen; `lock` keeps others from changing it meanwhile."""
    row = await connection.fetchrow(
        f"""select theme::text, logo, logo_type, favicon, favicon_type, fraud_phone, version
            from consentry.branding {"for update" if lock else ""}"""
    )
    if row is None:
        return NOTHING_CHOSEN
    return StoredBranding(
        theme=_theme(row["theme"]),
        logo=_picture(row["logo"], row["logo_type"]),
        favicon=_picture(row["favicon"], row["favicon_type"]),
        fraud_phone=row["fraud_phone"],
        version=row["version"],
    )


async def put(connection: Connection, institution_id: int, branding: StoredBranding) -> None:
    """Store what an institution has chosen, whole."""
    await connection.execute(
        """insert into consentry.branding (institution_id, theme, logo, logo_type, favicon, favicon_type,
                                           fraud_phone, version)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (institution_id) do update
           set theme = excluded.theme, logo = excluded.logo, logo_type = excluded.logo_type,
               favicon = excluded.favicon, favicon_type = excluded.favicon_type,
               fraud_phone = excluded.fraud_phone, version = excluded.version""",
        institution_id,
        msgspec.json.encode(branding.theme.as_stored()).decode(),
        branding.logo and branding.logo.content,
        branding.logo and branding.logo.media_type,
        branding.favicon and branding.favicon.content,
        branding.favicon and branding.favicon.media_type,
        branding.fraud_phone,
        branding.version,
    )


async def origins(connection: Connection) -> list[str]:
    """Give the origins that may embed the dashboard of the transaction's institution."""
    return [row[0] for row in await connection.fetch("select origin from consentry.embedding_origins order by 1")]


async def add_origin(connection: Connection, institution_id: int, origin: str) -> bool:
    """Let an origin embed; False if it may already."""
    added: bool | None = await connection.fetchval(
        """insert into consentry.embedding_origins (institution_id, origin) values ($1, $2)
           on conflict do nothing returning true""",
        institution_id,
        origin,
    )
    return added is True


async def remove_origin(connection: Connection, origin: str) -> bool:
    """Let an origin embed no longer; False if it might not anyway."""
    removed: Sequence[object] = await connection.fetch(
        "delete from consentry.embedding_origins where origin = $1 returning origin", origin
    )
    return bool(removed)


def _theme(stored: str) -> Theme:
    """Read a stored theme; one that a later version wrote and this one can't read is the plain one."""
    try:
        return parse_theme(msgspec.json.decode(stored, type=dict[str, str | int]))
    except (InvalidBranding, msgspec.DecodeError):
        return PLAIN


def _picture(content: bytes | None, media_type: str | None) -> Picture | None:
    return None if content is None or media_type is None else Picture(content, media_type)
