"""Open a page: a token is spent for it, once and for everything."""

from dataclasses import dataclass, field

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.credential import PAGE_PREFIX, new_secret, page_mac_of
from consentry.domain.page import Wishes
from consentry.domain.refusal.dashboard import PageEnded
from consentry.store import pages
from consentry.store.consents import Subject
from consentry.store.pages import NewPage
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page, as far as it is checked and recorded: the host it was sent to, and where it came from."""

    host: str | None
    source: str
    request_id: str


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page just opened; `subject` is whom it speaks for, `secret` what it must show at each use."""

    subject: Subject
    secret: str = field(repr=False)


async def verify_opening(services: Services, token: str, visit: Visit) -> Subject:
    """Find whose page a token is to open, without spending it.

    Raises:
        InvalidToken, InsufficientScope: it is no token for a page of any institution here.
        TemporarilyUnavailable: the store can't be reached.
    """
    return await services.verifier.verify(token, host=visit.host)


async def open_page(services: Services, token: Subject, *, wishes: Wishes, visit: Visit) -> OpenedPage:
    """Spend a token and give the page that it opens (dashboard.md, Opening it).

    Of any number of openings with one token one succeeds, and from then on the token is dead for the API, too.

    Raises:
        PageEnded: the token is spent, revoked or expired, or the institution is disabled.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    secret = new_secret(services.choose, prefix=PAGE_PREFIX)
    pepper_id = services.keyring.current_pepper
    new = NewPage(mac=page_mac_of(secret, services.keyring.peppers[pepper_id]), pepper_id=pepper_id, wishes=wishes)
    actor = Actor(ActorKind.CUSTOMER, token.customer_id, visit.source, visit.request_id)
    async with services.session.connection() as connection:
        page_id = await pages.open_page(connection, token, new, actor=actor)
    if page_id is None:
        raise PageEnded(token.institution_id)
    return OpenedPage(subject=Subject(token.institution_id, token.host, page_id, token.customer_id), secret=secret)
