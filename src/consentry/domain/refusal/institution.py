"""Refusals about an institution and what is configured for it."""

from collections.abc import Mapping

from consentry.domain.refusal import Refusal


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


class UnknownPartner(Refusal):
    code = "unknown_partner"
    sentence = "There is no channel partner with this id; see consentry partner list."
