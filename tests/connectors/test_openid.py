"""Sign-in at an OpenID provider written by others, and what is refused of its answers (R86, R51 to R55)."""

import asyncio
import hmac
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from consentry import jose
from consentry.connectors.openid import (
    OpenIdClient,
    ProviderMetadata,
    SignInAttempt,
    code_of,
    discover,
    exchange,
    sign_in_address,
)
from consentry.connectors.outbound import Outbound
from consentry.domain.refusal.provider import AddressRefused, ProviderUnusable, SignInFailed
from tests.openid_provider import running_provider

ATTEMPT = SignInAttempt(state="state-1", nonce="nonce-1", code_verifier="v" * 43, begun_at=1_000_000_000, max_age=0)
REDIRECT = "http://127.0.0.1:1/admin/signed-in"
ISSUER = "https://idp.bank.example"
NOW = 1_795_000_000
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
KEYS = msgspec.json.encode(KeySet([KEY]).as_dict(private=False))


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with running_provider() as address:
        yield address


async def test_a_person_signs_in(provider: str) -> None:
    outbound = Outbound(allowed=frozenset({provider}))
    client = OpenIdClient(await discover(outbound, provider), "portal", "secret", REDIRECT)
    asked = sign_in_address(client, ATTEMPT)
    assert parse_qs(urlsplit(asked).query)["code_challenge_method"] == ["S256"]
    async with httpx.AsyncClient(timeout=60) as browser:
        person = {"email": "ada@bank.example", "email_verified": True, "name": "Ada"}
        await browser.put(f"{provider}/users/ada", json=person)
        answered = await browser.post(asked, data={"sub": "ada"})
    answer = parse_qs(urlsplit(answered.headers["location"]).query)
    code = code_of(client, ATTEMPT, {name: values[0] for name, values in answer.items()})
    identity = await exchange(outbound, client, ATTEMPT, code=code, now=int(time.time()))
    assert (identity.issuer, identity.subject, identity.name) == (client.metadata.issuer, "ada", "Ada")
    assert (identity.email, identity.email_verified) == ("ada@bank.example", True)
    with pytest.raises(SignInFailed):
        await exchange(outbound, client, ATTEMPT, code=code, now=int(time.time()))


async def test_a_discovery_document_that_is_not_there_is_told(provider: str) -> None:
    with pytest.raises(ProviderUnusable, match="status 404"):
        await discover(Outbound(allowed=frozenset({provider})), f"{provider}/elsewhere")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": ISSUER}, "another issuer"),
        ({"jwks_uri": None}, "lacks"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "https://169.254.169.254/token"}, "public https"),
        ({"jwks_uri": "http://10.0.0.1/keys"}, "public https"),
    ],
)
async def test_a_discovery_document_that_lies_is_refused(changes: dict[str, object], why: str) -> None:
    async def lies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        port = writer.get_extra_info("sockname")[1]
        endpoints = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        document = {"issuer": f"http://127.0.0.1:{port}", **endpoints, **changes}
        body = msgspec.json.encode({name: value for name, value in document.items() if value is not None})
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(lies, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises((ProviderUnusable, AddressRefused), match=why):
            await discover(Outbound(allowed=frozenset({address})), address)


METADATA = ProviderMetadata(ISSUER, f"{ISSUER}/authorize", f"{ISSUER}/token", f"{ISSUER}/keys")
CLIENT = OpenIdClient(METADATA, "portal", "secret", REDIRECT)


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "c"},
        {"code": "c", "state": "state-2"},
        {"state": "state-1"},
        {"state": "state-1", "code": ""},
        {"state": "state-1", "error": "access_denied"},
        {"state": "state-1", "code": "c", "error": "server_error"},
        {"state": "state-1", "code": "c", "iss": "https://evil.example"},
    ],
)
def test_an_answer_that_is_not_to_this_request_is_refused(answer: dict[str, str]) -> None:
    with pytest.raises(SignInFailed):
        code_of(CLIENT, ATTEMPT, answer)


def test_a_provider_that_names_itself_must_do_so() -> None:
    named = replace(
        CLIENT, metadata=msgspec.structs.replace(METADATA, authorization_response_iss_parameter_supported=True)
    )
    with pytest.raises(SignInFailed):
        code_of(named, ATTEMPT, {"state": "state-1", "code": "c"})
    assert code_of(named, ATTEMPT, {"state": "state-1", "code": "c", "iss": ISSUER}) == "c"


def claims(**changes: object) -> dict[str, object]:
    members = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": "portal",
        "iat": NOW - 1,
        "exp": NOW + 300,
        "auth_time": NOW - 900,
        "nonce": "nonce-1",
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def read(token: str, *, keys: bytes = KEYS) -> dict[str, object]:
    return jose.read_id_token(
        token,
        keys=keys,
        issuer=ISSUER,
        client_id="portal",
        nonce="nonce-1",
        access_token="at",
        signed_in_since=NOW - 900,
        now=NOW,
    )


def signed(payload: dict[str, object], *, key: RSAKey = KEY, **header: object) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1", **header}, payload, key)


def symmetric(payload: dict[str, object], *, key: bytes) -> str:
    """Sign with HS256 under a text that everybody knows, such as the provider's public key."""
    text = ".".join(jose._encode(msgspec.json.encode(part)).decode() for part in ({"alg": "HS256"}, payload))
    return f"{text}.{jose._encode(hmac.digest(key, text.encode(), 'sha256')).decode()}"


def test_an_id_token_as_it_should_be_is_read() -> None:
    assert read(signed(claims()))["sub"] == "ada"
    assert read(signed(claims(aud=["portal", "other"], azp="portal")))["sub"] == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"iss": f"{ISSUER}/"}, {"sub": None}, {"aud": "other"},
        {"aud": None},
        {"aud": ["other"]}, {"aud": ["portal", "other"], "azp": "other"}, {"azp": "other"}, {"nonce": "nonce-2"},
        {"nonce": None}, {"exp": NOW - 61}, {"exp": None}, {"exp": "never"}, {"exp": float("1e12")}, {"exp": True},
        {"iat": None}, {"iat": NOW + 120}, {"iat": NOW - 700}, {"nbf": NOW + 120}, {"at_hash": "wrong"},
        {"auth_time": None}, {"auth_time": NOW - 961}, {"auth_time": NOW + 120}, {"auth_time": 0}, {"auth_time": True},
        {"auth_time": str(NOW)},
    ],
)  # fmt: skip
def test_claims_that_are_not_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(jose.InvalidIdToken):
        read(signed(claims(**changes)))


def test_keys_and_algorithms_of_others_are_refused() -> None:
    """R51, R52, R53."""
    stranger = RSAKey.generate_key(2048)
    public = msgspec.json.encode(KEY.as_dict(private=False))
    unsigned = signed(claims()).split(".")
    none = jose._encode(b'{"alg":"none"}').decode()
    lies = [
        signed(claims(), key=stranger),
        signed(claims(), key=stranger, jwk=stranger.as_dict(private=False)),
        *(symmetric(claims(), key=spelling) for spelling in (public, KEYS, KEY.as_pem(private=False))),
        f"{none}.{unsigned[1]}.",
        f"{none}.{unsigned[1]}.{unsigned[2]}",
        ".".join(unsigned[:2]),
        "x" * 20_000,
    ]
    for lie in lies:
        with pytest.raises(jose.InvalidIdToken):
            read(lie)


def test_a_key_for_something_else_is_not_used() -> None:
    for member in ({"use": "enc"}, {"alg": "PS256"}, {"kty": "EC"}):
        keys = msgspec.json.encode({"keys": [{**KEY.as_dict(private=False), **member}]})
        with pytest.raises(jose.InvalidIdToken):
            read(signed(claims()), keys=keys)
    for nonsense in (b"", b"[]", b'{"keys": {}}', b'{"keys": [1]}', b"{}"):
        with pytest.raises(jose.InvalidIdToken):
            read(signed(claims()), keys=nonsense)
