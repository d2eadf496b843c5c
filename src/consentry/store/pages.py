"""Pages: opened by spending a token, used while they live, ended."""

from uuid import UUID

import msgspec

from consentry.domain.actor import Actor
from consentry.domain.application import ApplicationStatus, IntermediaryStatus
from consentry.domain.page import Mode, Page, Wishes
from consentry.store.consents import Subject
from consentry.store.session import Connection


class NewPage(msgspec.Struct, frozen=True):
    """What is stored of a page's secret, and how the page is to be shown."""

    mac: bytes
    pepper_id: str
    wishes: Wishes


class FoundPage(msgspec.Struct, frozen=True):
    """A page that a secret has found, and whether it lives; if it does, its last use is this one."""

    page: Page
    is_live: bool


class AppFacts(msgspec.Struct, frozen=True):
    """What is shown of an app beside its name, as it was registered, and whether the bank lets it in.

    The statuses are None where the institution keeps no such app, or the app has no intermediary.
    """

    purpose: str | None
    category: str | None
    website: str | None
    has_access: bool
    status: ApplicationStatus | None = None
    intermediary_status: IntermediaryStatus | None = None


async def open_page(connection: Connection, subject: Subject, new: NewPage, *, actor: Actor) -> UUID | None:
    """Spend a token for a page and record it, in one statement; None if the token is not live any more."""
    opened: UUID | None = await connection.fetchval(
        "select consentry.open_page($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        subject.institution_id,
        subject.host,
        subject.jti,
        subject.customer_id,
        new.mac,
        new.pepper_id,
        new.wishes.locale,
        new.wishes.time_zone,
        new.wishes.mode.value,
        actor.source,
        actor.request_id,
    )
    return opened


async def use(connection: Connection, macs: tuple[bytes, ...], *, host: str | None) -> FoundPage | None:
    """Find the page of a secret, by its hash under each pepper, and let it live on from now if it does."""
    row = await connection.fetchrow("select * from consentry.use_page($1, $2)", list(macs), host)
    if row is None:
        return None
    page = Page(
        institution_id=row["institution_id"],
        page_id=row["page_id"],
        customer_id=row["customer_id"],
        opened_at=row["opened_at"],
        moment=row["moment"],
        wishes=Wishes(locale=row["locale"], time_zone=row["time_zone"], mode=Mode(row["mode"])),
    )
    return FoundPage(page=page, is_live=row["is_live"])


async def lock(connection: Connection, page_id: UUID) -> None:
    """Prepare to end a page: whatever it does at this moment finishes first, later things wait."""
    await connection.execute("select consentry.end_token($1)", page_id)


async def end(connection: Connection, page_id: UUID, *, ended_by: str) -> bool:
    """End a locked page for good; False if it had ended or never was."""
    done: bool | None = await connection.fetchval(
        """update consentry.page_sessions set ended_at = consentry.now(), ended_by = $2
           where page_id = $1 and ended_at is null returning true""",
        page_id,
        ended_by,
    )
    return done is True


async def page_of_token(connection: Connection, jti: UUID) -> UUID:
    """Give the id of the page that a token opens, whether it has or not."""
    page_id: UUID = await connection.fetchval("select consentry.page_of_token($1)", jti)
    return page_id


async def forget(connection: Connection) -> int:
    """Delete the pages of all institutions that were opened more than a day ago; give how many."""
    forgotten: int = await connection.fetchval("select consentry.forget_pages()")
    return forgotten


async def app_facts(connection: Connection, application_id: str) -> AppFacts:
    """Give what is shown of an app of the transaction's institution."""
    row = await connection.fetchrow(
        """select a.purpose, a.category, a.website, a.status, m.status as intermediary_status,
                  a.status = 'active' and coalesce(m.status, 'active') = 'active' as has_access
           from consentry.applications a
           left join consentry.intermediaries m
             on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id
           where a.application_id = $1""",
        application_id,
    )
    if row is None:
        return AppFacts(None, None, None, has_access=True)
    its = row["intermediary_status"]
    return AppFacts(
        purpose=row["purpose"],
        category=row["category"],
        website=row["website"],
        has_access=row["has_access"],
        status=ApplicationStatus(row["status"]),
        intermediary_status=None if its is None else IntermediaryStatus(its),
    )
