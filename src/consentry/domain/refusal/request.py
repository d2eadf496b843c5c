"""Refusals of a request as such, which all surfaces share: malformed, without right, about nothing known."""

from consentry.domain.refusal import Refusal


class InvalidRequest(Refusal):
    code = "invalid_request"
    sentence = "The request is malformed; compare it with the API documentation."


class UnsupportedType(Refusal):
    code = "unsupported_type"
    sentence = "Set type to consent_management."


class InvalidScope(Refusal):
    code = "invalid_scope"
    sentence = (
        "Set scopes to customer.modify_consent: followed by the customer's id,"
        " which has 1 to 255 visible ASCII characters and no space."
    )


class UnknownName(Refusal):
    code = "unknown_name"
    sentence = "Set name to consent_management, the only set of credentials there is."


class InvalidClient(Refusal):
    code = "invalid_client"
    sentence = "Send the institution's live client_id and client_secret as HTTP Basic credentials."


class SupersededSecret(Refusal):
    code = "superseded_secret"
    sentence = "This secret has been replaced and can only request and revoke tokens; rotate with the newest secret."


class MissingToken(Refusal):
    code = "missing_token"
    sentence = "Send a token of this customer in the header Authorization: Bearer."


class InvalidToken(Refusal):
    code = "invalid_token"
    sentence = "The token is malformed, expired, revoked or used up; request a new one."


class InsufficientScope(Refusal):
    code = "insufficient_scope"
    sentence = "The token is not for this operation; request one with the scope customer.modify_consent."


class UnknownVersion(Refusal):
    code = "unknown_version"
    sentence = "Use v4, v5 or v6 as the version in the path."


class NotFound(Refusal):
    code = "not_found"
    sentence = "There is nothing at this path; the operations are listed at /docs."


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    sentence = "Use one of the methods named in the Allow header."

    def __init__(self, *allowed: str) -> None:
        super().__init__()
        self.allowed = allowed


class UnknownToken(Refusal):
    code = "unknown_token"
    sentence = "There is no such token of this institution; it may have been deleted 30 days after its end."


class UnknownConsent(Refusal):
    code = "unknown_consent"
    sentence = "This customer has no consent with this id; list the customer's consents for the ids."


class UnknownAccount(Refusal):
    code = "unknown_account"
    sentence = "This customer has no account with this id; list the customer's consents for the accounts."


class ConsentNotActive(Refusal):
    code = "consent_not_active"
    sentence = "The consent has ended and can no longer be changed; the customer can connect the app again."


class ReadOnlyConsent(Refusal):
    code = "read_only_consent"
    sentence = "This consent is mirrored from another system; change it there until the cut-over."


class StaleEtag(Refusal):
    code = "stale_etag"
    sentence = "The consent has changed since it was read; read it again and decide anew."


class BodyTooLarge(Refusal):
    code = "body_too_large"
    sentence = "Send a body of at most 64 KiB."


class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    sentence = "Send the body as application/json without a content encoding."


class RateLimited(Refusal):
    code = "rate_limited"
    sentence = "Too many requests; wait for the number of seconds in the Retry-After header."

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class TemporarilyUnavailable(Refusal):
    """The store can't be reached or can't write; what was asked may be repeated."""

    code = "temporarily_unavailable"
    sentence = (
        "The service cannot answer just now; repeat the request after the number of seconds in the Retry-After header."
    )
