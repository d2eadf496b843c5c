"""The only place where a refusal becomes an HTTP status.

One table a surface; a test walks all refusals and finds each either here or named as one that never reaches HTTP.
"""

from typing import Final

from consentry.domain.refusal import Refusal, access, dashboard, institution, operating, provider, request, staff
from consentry.domain.scope import MODIFY_CONSENT

CONSENT_API: Final[dict[type[Refusal], int]] = {
    request.InvalidRequest: 400,
    request.UnsupportedType: 400,
    request.InvalidScope: 400,
    request.UnknownName: 400,
    request.InvalidClient: 401,
    request.MissingToken: 401,
    request.InvalidToken: 401,
    request.InsufficientScope: 403,
    request.SupersededSecret: 403,
    request.UnknownVersion: 404,
    request.NotFound: 404,
    request.UnknownToken: 404,
    request.UnknownConsent: 404,
    request.UnknownAccount: 404,
    request.MethodNotAllowed: 405,
    request.ConsentNotActive: 409,
    request.ReadOnlyConsent: 409,
    request.StaleEtag: 412,
    request.BodyTooLarge: 413,
    request.UnsupportedMediaType: 415,
    request.RateLimited: 429,
    request.TemporarilyUnavailable: 503,
}

PAGES: Final[dict[type[Refusal], int]] = {
    provider.AddressRefused: 422,
    provider.AddressSilent: 422,
    provider.ProviderUnusable: 422,
    provider.SignInFailed: 403,
    dashboard.InvalidOrigin: 400,
    dashboard.InvalidBranding: 400,
    dashboard.PageEnded: 401,
    dashboard.ForeignOrigin: 403,
    dashboard.NotOnThisRequest: 425,
    staff.SignedOut: 401,
    staff.NotAllowed: 403,
    staff.InsufficientUserAuthentication: 403,
    staff.ForgedRequest: 403,
    staff.NotInvited: 403,
    staff.EmailUnverified: 403,
    staff.MemberExists: 422,
    staff.UnknownMember: 404,
    staff.LastAdmin: 422,
    staff.UnknownPortalAddress: 409,
    staff.ProviderInForce: 409,
    staff.StaffWereThere: 409,
    staff.TooManyInvitations: 429,
    staff.EvidenceBusy: 429,
    staff.NoStaffProvider: 404,
    staff.SetupLinkDead: 403,
    institution.NoCustomerProvider: 409,
    institution.InvalidSettings: 422,
    institution.ChangedMeanwhile: 409,
    institution.CredentialsExist: 409,
    institution.NoCredentials: 409,
    institution.InstitutionNotEnabled: 409,
    institution.UnknownTestCustomer: 404,
    institution.TooManyTestCustomers: 409,
    access.ConnectionsBlocked: 403,
}
"""What only pages refuse; for everything else they answer as the API does."""

GATEWAY: Final[dict[type[Refusal], int]] = {
    access.AppDisabled: 403,
    access.AppNeedsReview: 403,
    access.IntermediaryDisabled: 403,
}
"""What is answered to an app that may not be answered (domain/application.py)."""

COMMAND_LINE_ONLY: Final[frozenset[type[Refusal]]] = frozenset(
    {
        institution.UnknownInstitution,
        institution.UnknownPartner,
        institution.InstitutionExists,
        institution.InvalidInstitution,
        operating.ImportRunning,
        operating.ImportUnreadable,
        operating.InstitutionMirrored,
        operating.AlreadyCutOver,
        operating.NothingMirrored,
        operating.ReportOutdated,
        operating.VanishedUndecided,
        operating.KeysStillUsed,
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
        case request.InvalidClient():
            header = ("www-authenticate", f"Basic {_REALM}")
        case request.MissingToken():
            header = ("www-authenticate", f"Bearer {_REALM}")
        case request.InvalidToken():
            header = ("www-authenticate", _bearer_challenge(refusal))
        case request.InsufficientScope():
            header = ("www-authenticate", f'{_bearer_challenge(refusal)}, scope="{MODIFY_CONSENT}"')
        case request.MethodNotAllowed():
            header = ("allow", ", ".join(refusal.allowed))
        case request.RateLimited() | staff.EvidenceBusy():
            header = ("retry-after", str(refusal.retry_after))
        case request.TemporarilyUnavailable():
            header = ("retry-after", str(RETRY_AFTER_SECONDS))
        case request.BodyTooLarge():
            header = ("connection", "close")
        case _:
            return []
    name, value = header
    return [(name.encode(), value.encode())]


def _bearer_challenge(refusal: Refusal) -> str:
    return f'Bearer {_REALM}, error="{refusal.code}", error_description="{refusal.description}"'
