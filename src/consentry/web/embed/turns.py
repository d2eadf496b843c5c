"""A turn: one request of an open page, from its secret to the screen that answers it.

Here it is found out which page asks and that it lives; what is done is left to the actions.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.consent import CustomerConsents
from consentry.store.consents import Subject
from consentry.usecases.consent.changes import ChangeRequest
from consentry.usecases.page.open import Visit
from consentry.usecases.page.use import UsedPage
from consentry.usecases.services import Services
from consentry.web.embed.screens import Frame
from consentry.web.html.forms import Form


@dataclass(frozen=True, slots=True)
class Turn:
    """What an action works with."""

    services: Services
    request: Request
    visit: Visit
    form: Form
    used: UsedPage
    frame: Frame

    @property
    def subject(self) -> Subject:
        """Give whom the page speaks for."""
        return self.used.subject

    @property
    def actor(self) -> Actor:
        """Give who acts: the customer, from where the request came."""
        return Actor(ActorKind.CUSTOMER, self.subject.customer_id, self.visit.source, self.visit.request_id)

    @property
    def consent_id(self) -> str:
        """Give the consent that the path names; what can't be an id becomes the empty one, which no consent has."""
        named = str(self.request.path_params["consent_id"])
        return named if named.isprintable() else ""

    async def consents(self) -> CustomerConsents:
        """Read the customer's consents.

        Raises:
            InvalidToken: the page has ended meanwhile.
            TemporarilyUnavailable: the store can't be reached.
        """
        return await self.services.reader.read(self.subject)

    def change(self) -> ChangeRequest:
        """Give the request for a change of the consent that the path names, as the form's page knew it."""
        etag = self.form.text("etag")
        return ChangeRequest(self.subject, self.consent_id, self.actor, (etag,) if etag else ())


Action = Callable[[Turn], Awaitable[Response]]
