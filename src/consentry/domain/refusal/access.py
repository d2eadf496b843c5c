"""What an app or a customer is refused although everything asked is well-formed: somebody has stopped it."""

from consentry.domain.refusal import Refusal


class ConnectionsBlocked(Refusal):
    code = "connections_blocked"
    sentence = "The customer connects no further app for the time being; the bank can say why and lift it."


class AppDisabled(Refusal):
    code = "app_disabled"
    sentence = "The institution has stopped this app's access; ask the institution. Its customers' consents stay."


class AppNeedsReview(Refusal):
    code = "app_needs_review"
    sentence = "The institution has not let this app in yet; wait for its review, or ask the institution."


class IntermediaryDisabled(Refusal):
    code = "intermediary_disabled"
    sentence = "The institution has stopped the access of this app's intermediary; ask the institution."
