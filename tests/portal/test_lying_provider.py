"""Providers that lie, change, or answer with what was said before: nobody comes in by them (R86, R99)."""

from typing import Any
from urllib.parse import urlencode

import pytest

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, begin, query_of
from tests.portal.liar import DISCOVERY, Liar, answered, trust
from tests.portal.test_sign_in import told
from tests.portal.visiting import Visitor, text_of


async def test_the_liar_lets_people_in_as_long_as_it_tells_the_truth(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor
) -> None:
    await trust(services, bku, liar)
    assert answered(stranger, liar, bku).status_code == 303
    assert liar.asked.count("/token_endpoint") == 1


async def test_an_id_token_that_was_used_before_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, super_connection: Any
) -> None:
    """R86: its nonce is another sign-in's."""
    await trust(services, bku, liar)
    assert answered(stranger, liar, bku).status_code == 303
    stranger.session = ""
    replayed = answered(stranger, liar, bku)
    assert (replayed.status_code, stranger.session) == (422, "")
    assert [outcome for outcome, _ in await told(super_connection, bku)] == ["done", "refused"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"aud": ["portal", "another"], "azp": "another"},
        {"nonce": "another"},
        {"iat": 1_000_000_000},
        {"exp": 1_000_000_000},
        {"sub": ""},
        {"sub": "a\nb"},
        {"at_hash": "x"},
        {"auth_time": None},
        {"auth_time": "now"},
        {"auth_time": 1_000_000_000},
        {"auth_time": 4_000_000_000},
    ],
)
async def test_an_id_token_for_somebody_or_something_else_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, claims: dict[str, Any]
) -> None:
    """R86, R87."""
    await trust(services, bku, liar)
    liar.claims = claims
    refused = answered(stranger, liar, bku)
    assert (refused.status_code, stranger.session) == (422, "")
    assert "provider_unusable" in text_of(refused)


@pytest.mark.parametrize("answer", [{}, {"iss": ""}, {"iss": "https://evil.example"}])
async def test_an_answer_without_its_provider_s_name_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, answer: dict[str, str]
) -> None:
    """R86: RFC 9207, where the provider says that it names itself."""
    await trust(services, bku, liar)
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    assert answered(stranger, liar, bku, **answer).status_code == 403
    assert "/token_endpoint" not in liar.asked


async def test_a_provider_that_became_another_is_not_asked_for_anybody(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor
) -> None:
    """R86: the issuer is the one that was set up, at the beginning of a sign-in and at its end."""
    await trust(services, bku, liar)
    asked = query_of(begin(stranger, bku))
    liar.metadata = {"issuer": "https://evil.example"}
    refused = stranger.get(f"/admin/sign-in/callback?{urlencode({'code': 'c', 'state': asked['state']})}")
    assert refused.status_code == 422
    assert "/token_endpoint" not in liar.asked
    page = stranger.send("POST", "/admin/sign-in", data={"institution": bku.public_id})
    assert (page.status_code, stranger.cookies) == (422, {})


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "https://10.0.0.1/token"}, "public https address"),
        ({"jwks_uri": "https://metadata.internal/keys"}, "public https address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "public https address"),
        ({"token_endpoint": 7}, "lacks"),
    ],
)
async def test_a_provider_that_cannot_be_trusted_is_never_pending(
    liar: Liar, signed_in: SignIn, metadata: dict[str, Any], sentence: str
) -> None:
    """R86, R99."""
    liar.metadata = metadata
    refused = await proposed(signed_in, liar)
    assert refused.status_code == 422
    assert sentence in refused.text.split('id="discovery_url-problem">')[1].split("<")[0]


async def test_a_discovery_address_that_leads_elsewhere_is_not_followed(liar: Liar, signed_in: SignIn) -> None:
    """R99."""
    liar.redirect = f"{liar.issuer}/elsewhere"
    refused = await proposed(signed_in, liar)
    assert refused.status_code == 422
    assert "status 302" in refused.text
    assert liar.asked == [DISCOVERY]


async def proposed(signed_in: SignIn, liar: Liar) -> Any:
    admin = await signed_in(Role.ADMIN)
    fields = {"discovery_url": liar.issuer, "client_id": "portal", "client_secret": SECRET}
    return admin.post("/admin/settings/authentication", fields)
