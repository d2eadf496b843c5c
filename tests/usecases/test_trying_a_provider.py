"""Trying a provider: its answers are judged, the outcome remembered; the secret goes to its token endpoint alone."""

import json
from collections.abc import Mapping

import pytest

from consentry.connectors.openid import basic_authorization
from consentry.connectors.outbound import OutboundAnswer
from consentry.domain.customer_provider import CustomerProvider, Endpoints
from consentry.domain.provider_check import Outcome
from consentry.domain.refusal.institution import NoCustomerProvider
from consentry.domain.refusal.provider import AddressSilent
from consentry.usecases.configuration.customer_provider import change_customer_provider, show_customer_provider
from consentry.usecases.configuration.try_provider import try_customer_provider
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.domain.test_provider_check import DOCUMENT, ISSUER, PROVIDER

KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "use": "sig"}]}


class FakeProvider:
    """A provider that knows one client."""

    def __init__(self, *, client: tuple[str, str], discovery: Mapping[str, object] = DOCUMENT) -> None:
        self.client = client
        self.discovery = discovery
        self.asked: list[str] = []

    async def get(self, address: str) -> OutboundAnswer:
        self.asked.append(address)
        pages = {PROVIDER.discovery_url: self.discovery, f"{ISSUER}/keys": KEYS}
        if address not in pages:
            raise AddressSilent
        return answer(200, pages[address])

    async def post_form(
        self, address: str, fields: Mapping[str, str], *, authorization: str | None = None
    ) -> OutboundAnswer:
        assert address == f"{ISSUER}/token"
        assert fields["grant_type"] == "authorization_code"
        self.asked.append(address)
        known = authorization == basic_authorization(*self.client)
        return answer(400, {"error": "invalid_grant"}) if known else OutboundAnswer(401, b"<html>No.</html>")


def answer(status: int, document: Mapping[str, object]) -> OutboundAnswer:
    return OutboundAnswer(status, json.dumps(document).encode())


async def configure(services: Services, tenant: Tenant, provider: CustomerProvider = PROVIDER) -> None:
    await change_customer_provider(services, tenant.institution_id, provider, secret="right", version=0, actor=OPERATOR)


async def remembered(services: Services, tenant: Tenant) -> bool | None:
    found = await show_customer_provider(services, tenant.institution_id)
    return None if found is None or found.test is None else found.test.passed


async def test_a_provider_that_knows_the_client_passes(services: Services, bku: Tenant) -> None:
    await configure(services, bku)
    outside = FakeProvider(client=("consentry", "right"))
    tried = await try_customer_provider(services, bku.institution_id, outside, actor=OPERATOR)
    assert tried.passed
    assert await remembered(services, bku) is True
    assert outside.asked == [PROVIDER.discovery_url, f"{ISSUER}/keys", f"{ISSUER}/token"]


async def test_a_wrong_secret_is_found_before_a_customer_finds_it(services: Services, bku: Tenant) -> None:
    await configure(services, bku)
    tried = await try_customer_provider(
        services, bku.institution_id, FakeProvider(client=("consentry", "another")), actor=OPERATOR
    )
    assert [f.subject for f in tried.findings if f.outcome is Outcome.FAILED] == ["Client"]
    assert await remembered(services, bku) is False


async def test_the_secret_goes_nowhere_when_the_document_is_another_providers(services: Services, bku: Tenant) -> None:
    await configure(services, bku)
    for wrong in ({"token_endpoint": "http://evil.example/token"}, {"issuer": "https://evil.example"}):
        rogue = FakeProvider(client=("consentry", "right"), discovery=DOCUMENT | wrong)
        tried = await try_customer_provider(services, bku.institution_id, rogue, actor=OPERATOR)
        assert not tried.passed
        assert rogue.asked == [PROVIDER.discovery_url]


async def test_single_endpoints_need_no_document(services: Services, bku: Tenant) -> None:
    endpoints = Endpoints(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/keys")
    await configure(services, bku, CustomerProvider(None, endpoints, "consentry"))
    outside = FakeProvider(client=("consentry", "right"))
    assert (await try_customer_provider(services, bku.institution_id, outside, actor=OPERATOR)).passed
    assert PROVIDER.discovery_url not in outside.asked


async def test_a_provider_that_cannot_be_reached_is_told_in_a_sentence(services: Services, bku: Tenant) -> None:
    elsewhere = "https://nowhere.example/.well-known/openid-configuration"
    await configure(services, bku, CustomerProvider(elsewhere, None, "consentry"))
    tried = await try_customer_provider(
        services, bku.institution_id, FakeProvider(client=("consentry", "right")), actor=OPERATOR
    )
    assert [(f.subject, f.sentence) for f in tried.findings] == [("Connection", AddressSilent.sentence)]


async def test_without_a_provider_there_is_nothing_to_try(services: Services, bku: Tenant) -> None:
    with pytest.raises(NoCustomerProvider):
        await try_customer_provider(services, bku.institution_id, FakeProvider(client=("", "")), actor=OPERATOR)
