"""Refusals of the customer's dashboard, of what may embed it and of how it looks."""

from consentry.domain.refusal import Refusal


class PageEnded(Refusal):
    """A page whose time is over, or a token that opens none; `institution_id` says whose, where that is known."""

    code = "page_ended"
    sentence = "This page has ended; open it again in the bank's app or site."

    def __init__(self, institution_id: int | None = None) -> None:
        super().__init__()
        self.institution_id = institution_id


class ForeignOrigin(Refusal):
    code = "foreign_origin"
    sentence = "This site may not embed the dashboard; register its origin with the institution first."


class NotOnThisRequest(Refusal):
    """What a browser asks for beforehand, or as a part of another page, is no customer opening the dashboard."""

    code = "not_on_this_request"
    sentence = "The dashboard opens when it is shown, not before; ask again then."


class InvalidOrigin(Refusal):
    code = "invalid_origin"
    sentence = "Give an origin such as https://www.bank.example: https, a host name, a port if need be, and no path."


class InvalidBranding(Refusal):
    code = "invalid_branding"
    sentence = "These looks can't be used; see the Theme page for what can be chosen."
