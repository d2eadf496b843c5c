"""Every reason for which the product says no.

A refusal has a stable code and a sentence that tells the caller what to do. How a surface answers it (an HTTP status,
an exit code) is decided by that surface, in web/errors.py and cli/.
"""

from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """A request that is refused: nothing was changed.

    Attributes:
        code: the stable code, part of the public interface.
        sentence: what is wrong and what to do, fit for anybody to read; never a secret.
    """

    code: ClassVar[str] = "refused"
    sentence: ClassVar[str] = "The request was refused."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)

    @property
    def description(self) -> str:
        """Give the sentence for the caller."""
        return str(self)


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


class ConnectionsBlocked(Refusal):
    code = "connections_blocked"
    sentence = "The customer connects no further app for the time being; the bank can say why and lift it."


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


class UnknownInstitution(Refusal):
    code = "unknown_institution"
    sentence = "There is no institution with this id; see consentry institution list."


class InstitutionExists(Refusal):
    code = "institution_exists"
    sentence = "There is an institution with this id or host already; choose another."


class InvalidInstitution(Refusal):
    code = "invalid_institution"
    sentence = (
        "Give an institution an id of 1 to 64 letters, digits, - and _ that begins with a letter or digit,"
        " and a name of 1 to 200 characters."
    )


class InvalidSettings(Refusal):
    """Fields of settings that can't be used: `fields` has a sentence for each, by the field's name."""

    code = "invalid_settings"
    sentence = "Correct the fields that can't be used."

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentence in self.fields.items()) or None)


class ChangedMeanwhile(Refusal):
    code = "changed_meanwhile"
    sentence = "This was changed since it was shown; look at it again and decide anew."


class CredentialsExist(Refusal):
    code = "credentials_exist"
    sentence = "The institution has credentials already; rotate them instead."


class NoCredentials(Refusal):
    code = "no_credentials"
    sentence = "The institution has no credentials yet; generate them first."


class InstitutionNotEnabled(Refusal):
    code = "institution_not_enabled"
    sentence = "The institution's requests are refused at present; it has to be enabled first."


class UnknownTestCustomer(Refusal):
    code = "unknown_test_customer"
    sentence = "There is no such test customer; choose one from the list, or add one."


class TooManyTestCustomers(Refusal):
    code = "too_many_test_customers"
    sentence = "There are twenty test customers, the most there may be; use one of them."


class NoCustomerProvider(Refusal):
    code = "no_customer_provider"
    sentence = "The customers' provider is not configured, or its secret is missing; save both, then test."


class ImportRunning(Refusal):
    code = "import_running"
    sentence = "Another import of this institution is running; wait until it has ended, or stop it."


class ImportUnreadable(Refusal):
    code = "import_unreadable"
    sentence = "The file to import can't be read; check its name and who may read it."


class InstitutionMirrored(Refusal):
    code = "institution_mirrored"
    sentence = "The institution mirrors another system; import with --mirror, or cut over first."


class AlreadyCutOver(Refusal):
    code = "already_cut_over"
    sentence = "The institution has cut over and decides here; import without --mirror."


class NothingMirrored(Refusal):
    code = "nothing_mirrored"
    sentence = "The institution mirrors no other system; there is nothing to cut over."


class ReportOutdated(Refusal):
    code = "report_outdated"
    sentence = "Another import was published after the differences were reported; look at them again."


class VanishedUndecided(Refusal):
    code = "vanished_undecided"
    sentence = (
        "Consents that are live here were not in the last file; say with --vanished whether to end or to keep them."
    )


class KeysStillUsed(Refusal):
    code = "keys_still_used"
    sentence = "Live secrets are still stored under the older peppers; they move when they are used."


class AddressRefused(Refusal):
    code = "address_refused"
    sentence = "Give a public https address; only the operator can allow a private one (CONSENTRY_ALLOWED_ORIGINS)."


class AddressSilent(Refusal):
    code = "address_silent"
    sentence = "Nothing usable answered at this address within 10 seconds; check it and try again."


class ProviderUnusable(Refusal):
    code = "provider_unusable"
    sentence = "The identity provider's answer can't be used; check its settings."


class SignInFailed(Refusal):
    code = "sign_in_failed"
    sentence = "The sign-in could not be completed; begin again."


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


class SignedOut(Refusal):
    code = "signed_out"
    sentence = "You are signed out; sign in again."


class NotAllowed(Refusal):
    code = "not_allowed"
    sentence = "Your role does not allow this; ask an admin of your team."


class ForgedRequest(Refusal):
    code = "forged_request"
    sentence = "This form did not come from your own page, or the page was too old; reload it and try again."


class NotInvited(Refusal):
    code = "not_invited"
    sentence = "You are not on this team; ask one of its admins to invite you by e-mail."


class EmailUnverified(Refusal):
    code = "email_unverified"
    sentence = (
        "Your identity provider does not confirm your e-mail address (email_verified); ask those who look after it."
    )


class MemberExists(Refusal):
    code = "member_exists"
    sentence = "Somebody with this e-mail address is on the team already."


class UnknownMember(Refusal):
    code = "unknown_member"
    sentence = "There is no such person on the team; they may have been removed meanwhile."


class UnknownPortalAddress(Refusal):
    """Only the Host header of a request says where the portal is, which whoever asks may choose."""

    code = "unknown_portal_address"
    sentence = (
        "No e-mail can be written, because it is not certain at which address the portal is: set the public URL under"
        " API settings, or ask whoever runs consentry to set CONSENTRY_PORTAL_URL."
    )


class TooManyInvitations(Refusal):
    code = "too_many_invitations"
    sentence = "100 invitations were sent within the last hour, and more are not; try again later."


class LastAdmin(Refusal):
    code = "last_admin"
    sentence = "This is the last admin who can sign in; make somebody else an admin first."


class NoStaffProvider(Refusal):
    code = "no_staff_provider"
    sentence = (
        "Sign-in is not set up here yet; whoever runs consentry makes a link for the first admin"
        " with consentry staff first-admin."
    )


class SetupLinkDead(Refusal):
    code = "setup_link_dead"
    sentence = (
        "This set-up code is not right, was used or has expired; whoever runs consentry makes a new one"
        " with consentry staff first-admin."
    )


class UnknownPartner(Refusal):
    code = "unknown_partner"
    sentence = "There is no channel partner with this id; see consentry partner list."


class ProviderInForce(Refusal):
    code = "provider_in_force"
    sentence = (
        "The staff can sign in here already; an admin invites others in the portal. If nobody can sign in any more,"
        " run consentry staff provider reset first."
    )


class StaffWereThere(Refusal):
    """A partner is asked to make a first admin where there have been some: whoever is it then would see customers."""

    code = "staff_were_there"
    sentence = (
        "Its staff have signed in before, so that only whoever runs consentry makes a link for them now, with consentry"
        " staff first-admin."
    )


class AppDisabled(Refusal):
    code = "app_disabled"
    sentence = "The institution has stopped this app's access; ask the institution. Its customers' consents stay."


class AppNeedsReview(Refusal):
    code = "app_needs_review"
    sentence = "The institution has not let this app in yet; wait for its review, or ask the institution."


class IntermediaryDisabled(Refusal):
    code = "intermediary_disabled"
    sentence = "The institution has stopped the access of this app's intermediary; ask the institution."
