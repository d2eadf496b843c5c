"""Refusals about addresses that others named, and about the identity providers found there."""

from consentry.domain.refusal import Refusal


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
