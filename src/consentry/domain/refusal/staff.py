"""Refusals that staff meet in the portals, and whoever wants to join them."""

from consentry.domain.refusal import Refusal


class SignedOut(Refusal):
    code = "signed_out"
    sentence = "You are signed out; sign in again."


class NotAllowed(Refusal):
    code = "not_allowed"
    sentence = "Your role does not allow this; ask an admin of your team."


class InsufficientUserAuthentication(Refusal):
    """The sign-in at the provider is too old for what is asked; the code is that of RFC 9470."""

    code = "insufficient_user_authentication"
    sentence = (
        "What gives somebody access needs a sign-in of the last 15 minutes at your identity provider, and yours is"
        " older. Nothing was changed; sign in again, and you are back here."
    )


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


class EvidenceBusy(Refusal):
    """Gathering evidence takes a processor for a while, so that only so much of it is gathered at once."""

    code = "evidence_busy"
    sentence = (
        "As much evidence as can be gathered at once is being gathered already, yours or a colleague's; wait until that"
        " file has come, then try again."
    )
    retry_after = 30


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
