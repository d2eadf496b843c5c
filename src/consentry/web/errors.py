"""The only place where a refusal becomes an HTTP status.

One table a surface; a test walks all refusals and finds each either here or named as one that never reaches HTTP.
"""

from typing import Final

from consentry.domain import refusal as reasons
from consentry.domain.refusal import Refusal
from consentry.domain.scope import MODIFY_CONSENT

CONSENT_API: Final[dict[type[Refusal], int]] = {
    reasons.InvalidRequest: 400,
    reasons.UnsupportedType: 400,
    reasons.InvalidScope: 400,
    reasons.UnknownName: 400,
    reasons.InvalidClient: 401,
    reasons.MissingToken: 401,
    reasons.InvalidToken: 401,
    reasons.InsufficientScope: 403,
    reasons.SupersededSecret: 403,
    reasons.UnknownVersion: 404,
    reasons.NotFound: 404,
    reasons.UnknownToken: 404,
    reasons.UnknownConsent: 404,
    reasons.UnknownAccount: 404,
    reasons.MethodNotAllowed: 405,
    reasons.ConsentNotActive: 409,
    reasons.ReadOnlyConsent: 409,
    reasons.StaleEtag: 412,
    reasons.BodyTooLarge: 413,
    reasons.UnsupportedMediaType: 415,
    reasons.RateLimited: 429,
    reasons.TemporarilyUnavailable: 503,
}

PAGES: Final[dict[type[Refusal], int]] = {
    reasons.AddressRefused: 422,
    reasons.AddressSilent: 422,
    reasons.ProviderUnusable: 422,
    reasons.SignInFailed: 403,
    reasons.InvalidOrigin: 400,
    reasons.InvalidBranding: 400,
    reasons.PageEnded: 401,
    reasons.ForeignOrigin: 403,
    reasons.NotOnThisRequest: 425,
    reasons.SignedOut: 401,
    reasons.NotAllowed: 403,
    reasons.ForgedRequest: 403,
    reasons.NotInvited: 403,
    reasons.EmailUnverified: 403,
    reasons.MemberExists: 422,
    reasons.UnknownMember: 404,
    reasons.LastAdmin: 422,
    reasons.UnknownPortalAddress: 409,
    reasons.StaffWereThere: 409,
    reasons.TooManyInvitations: 429,
    reasons.NoStaffProvider: 404,
    reasons.SetupLinkDead: 403,
    reasons.NoCustomerProvider: 409,
    reasons.InvalidSettings: 422,
    reasons.ChangedMeanwhile: 409,
    reasons.CredentialsExist: 409,
    reasons.NoCredentials: 409,
    reasons.InstitutionNotEnabled: 409,
    reasons.UnknownTestCustomer: 404,
    reasons.TooManyTestCustomers: 409,
    reasons.ConnectionsBlocked: 403,
}
"""What only pages refuse; for everything else they answer as the API does."""

GATEWAY: Final[dict[type[Refusal], int]] = {
    reasons.AppDisabled: 403,
    reasons.AppNeedsReview: 403,
    reasons.IntermediaryDisabled: 403,
}
"""What is answered to an app that may not be answered (domain/application.py)."""

COMMAND_LINE_ONLY: Final[frozenset[type[Refusal]]] = frozenset(
    {
        reasons.UnknownInstitution,
        reasons.UnknownPartner,
        reasons.ProviderInForce,
        reasons.InstitutionExists,
        reasons.InvalidInstitution,
        reasons.ImportRunning,
        reasons.ImportUnreadable,
        reasons.InstitutionMirrored,
        reasons.AlreadyCutOver,
        reasons.NothingMirrored,
        reasons.ReportOutdated,
        reasons.VanishedUndecided,
        reasons.KeysStillUsed,
    }
)

RETRY_AFTER_SECONDS: Final = 1
_REALM: Final = 'realm="consentry"'


def page_status(refusal: Refusal) -> int:
    """Give the status with which a page answers a refusal; what has none of its own concerns what was typed."""
    return PAGES.get(type(refusal)) or CONSENT_API.get(type(refusal), 422)


def error_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Give the headers that a refusal brings: challenges (RFC 6750, RFC 7617), Allow and Retry-After."""
    match refusal:
        case reasons.InvalidClient():
            header = ("www-authenticate", f"Basic {_REALM}")
        case reasons.MissingToken():
            header = ("www-authenticate", f"Bearer {_REALM}")
        case reasons.InvalidToken():
            header = ("www-authenticate", _bearer_challenge(refusal))
        case reasons.InsufficientScope():
            header = ("www-authenticate", f'{_bearer_challenge(refusal)}, scope="{MODIFY_CONSENT}"')
        case reasons.MethodNotAllowed():
            header = ("allow", ", ".join(refusal.allowed))
        case reasons.RateLimited():
            header = ("retry-after", str(refusal.retry_after))
        case reasons.TemporarilyUnavailable():
            header = ("retry-after", str(RETRY_AFTER_SECONDS))
        case reasons.BodyTooLarge():
            header = ("connection", "close")
        case _:
            return []
    name, value = header
    return [(name.encode(), value.encode())]


def _bearer_challenge(refusal: Refusal) -> str:
    return f'Bearer {_REALM}, error="{refusal.code}", error_description="{refusal.description}"'
