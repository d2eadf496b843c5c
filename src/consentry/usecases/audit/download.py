"""A list that leaves as a file: who took which, what it was filtered by and how long it was, is in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass

from consentry.domain.actor import Actor
from consentry.store import audit, institutions
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class Download:
    """Which list is taken, by whom, and what it is filtered by; `subject` is what it is about, if not a whole house.

    `house_id` is the house whose staff takes it, be it another's list.
    """

    name: str
    actor: Actor
    house_id: int
    filters: Mapping[str, str]
    subject: tuple[str, str] | None = None


async def record_download(connection: Connection, institution_id: int, download: Download | None, *, rows: int) -> None:
    """Record that a list of an institution is taken, if it is, in its audit and in that of whose staff takes it.

    It is the last thing to be done in the transaction that read the list: afterwards that sees one house alone.
    """
    if download is None:
        return
    for house_id in dict.fromkeys((institution_id, download.house_id)):
        await institutions.show(connection, house_id)
        await audit.record(
            connection,
            house_id,
            action="list.downloaded",
            actor=download.actor,
            subject=download.subject or ("list", download.name),
            after={"list": download.name, **download.filters, "rows": rows},
        )
