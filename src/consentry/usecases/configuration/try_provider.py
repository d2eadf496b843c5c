"""Try the OpenID provider of an institution's customers: ask it everything that a sign-in would need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from consentry.connectors.openid import basic_authorization
from consentry.connectors.outbound import OutboundAnswer
from consentry.domain.actor import Actor
from consentry.domain.customer_provider import ConfiguredProvider, Endpoints
from consentry.domain.provider_check import (
    Finding,
    failed,
    fine,
    look_at_discovery,
    look_at_keys,
    look_at_refused_code,
    passed,
)
from consentry.domain.refusal.institution import NoCustomerProvider
from consentry.domain.refusal.provider import AddressRefused, AddressSilent
from consentry.store import audit, customer_providers
from consentry.usecases.configuration.customer_provider import purpose_of
from consentry.usecases.services import Services

_NO_CODE: Final = "consentry-connection-test"


class Outside(Protocol):
    """Asks addresses that an institution named, within the bounds of R99, as `connectors.outbound.Outbound` does.

    Both methods raise AddressRefused and AddressSilent.
    """

    async def get(self, address: str) -> OutboundAnswer:
        """Fetch an address."""

    async def post_form(
        self, address: str, fields: Mapping[str, str], *, authorization: str | None = None
    ) -> OutboundAnswer:
        """Post a form."""


@dataclass(frozen=True, slots=True)
class ProviderTest:
    """What was found, and whether customers can sign in as far as that goes."""

    findings: tuple[Finding, ...]
    passed: bool


async def try_customer_provider(
    services: Services, institution_id: int, outside: Outside, *, actor: Actor
) -> ProviderTest:
    """Ask the configured provider for its documents, and its token endpoint whether it knows the client.

    No transaction is open meanwhile. The outcome is remembered of the configuration that was tried.

    Raises:
        NoCustomerProvider: none is configured, or its secret is lost.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        configured = await customer_providers.find(connection, institution_id)
        sealed = await customer_providers.sealed_secret(connection, institution_id)
    if configured is None or sealed is None:
        raise NoCustomerProvider
    secret = services.keyring.open(sealed.sealed, key_id=sealed.under, purpose=purpose_of(institution_id)).decode()
    findings = await _ask(outside, configured, secret)
    went_well = passed(findings)
    async with services.session.begin(institution_id) as connection:
        await customer_providers.write_test(connection, institution_id, version=configured.version, passed=went_well)
        await audit.record(
            connection,
            institution_id,
            action="customer_provider.tested",
            actor=actor,
            subject=("customer_provider", configured.provider.client_id),
            after={finding.subject: finding.outcome.value for finding in findings},
        )
    return ProviderTest(findings=tuple(findings), passed=went_well)


async def _ask(outside: Outside, configured: ConfiguredProvider, secret: str) -> list[Finding]:
    provider = configured.provider
    findings: list[Finding] = []
    endpoints: Endpoints | None = provider.endpoints
    try:
        if provider.discovery_url is not None:
            answer = await outside.get(provider.discovery_url)
            document = _object(answer)
            if answer.status != 200 or not document:
                return [failed("Discovery", f"The discovery URL answers {answer.status} and no document; check it.")]
            findings.append(fine("Discovery", "The provider was reached, and gave its document."))
            more, endpoints = look_at_discovery(document, provider)
            findings += more
        # The secret is not shown to whoever may be another than the provider that was configured.
        if endpoints is None or not passed(findings):
            return findings
        findings.append(look_at_keys(_object(await outside.get(endpoints.jwks_uri))))
        refused = await outside.post_form(
            endpoints.token_endpoint,
            {"grant_type": "authorization_code", "code": _NO_CODE, "redirect_uri": "https://localhost/"},
            authorization=basic_authorization(provider.client_id, secret),
        )
        findings.append(look_at_refused_code(refused.status, _object(refused).get("error")))
    except (AddressRefused, AddressSilent) as refusal:
        findings.append(failed("Connection", refusal.description))
    return findings


def _object(answer: OutboundAnswer) -> Mapping[str, object]:
    """Give the JSON object of an answer, an empty one where it bears something else."""
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}
