"""The token on the wire, held to an independent implementation (R51 to R60)."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from consentry import jose
from consentry.domain.refusal.request import InsufficientScope, InvalidToken
from consentry.domain.token import TokenClaims

KEY = bytes(range(32))
CLAIMS = TokenClaims(
    institution="bku", customer_id="cust:1", jti=uuid4(), issued_at=1_795_448_380, expires_at=1_795_448_680
)


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def wire(header: object, payload: object, *, key: bytes = KEY) -> str:
    """Sign anything with HS256, as an attacker who had the key would."""
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def payload(**changes: object) -> dict[str, object]:
    members: dict[str, object] = {
        "name": "consent_management",
        "scopes": {"customer.modify_consent": "cust:1"},
        "iat": CLAIMS.issued_at,
        "exp": CLAIMS.expires_at,
        "jti": str(CLAIMS.jti),
        "_type": "Institution",
        "_id": "bku",
    }
    return {**members, **changes}


customer_ids = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255)


@given(customer_ids, st.uuids(), st.integers(min_value=0, max_value=2**40), st.binary(min_size=32, max_size=32))
def test_joserfc_reads_what_we_sign(customer_id: str, jti: UUID, issued_at: int, key: bytes) -> None:
    claims = TokenClaims(
        institution="bku", customer_id=customer_id, jti=jti, issued_at=issued_at, expires_at=issued_at + 300
    )
    token = jose.sign(claims, kid="k1", key=key)
    read = jwt.decode(token, OctKey.import_key(key), algorithms=["HS256"])
    assert read.header == {"alg": "HS256", "kid": "k1"}
    assert read.claims == {
        "name": "consent_management",
        "scopes": {"customer.modify_consent": customer_id},
        "iat": issued_at,
        "exp": issued_at + 300,
        "jti": str(jti),
        "_type": "Institution",
        "_id": "bku",
    }
    assert list(read.claims) == ["name", "scopes", "iat", "exp", "jti", "_type", "_id"]


@given(customer_ids)
def test_we_read_what_joserfc_signs(customer_id: str) -> None:
    token = jwt.encode(
        {"alg": "HS256", "kid": "k1", "typ": "JWT"},
        payload(scopes={"customer.modify_consent": customer_id}),
        OctKey.import_key(KEY),
    )
    unverified = jose.parse(token)
    assert unverified.kid == "k1"
    assert unverified.verify(KEY, institution="bku").customer_id == customer_id


def test_a_token_of_another_key_or_institution_is_refused() -> None:
    token = jose.parse(jose.sign(CLAIMS, kid="k", key=KEY))
    with pytest.raises(InvalidToken):
        token.verify(b"x" * 32, institution="bku")
    with pytest.raises(InvalidToken):
        token.verify(KEY, institution="other")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "k"},
        {"alg": "None", "kid": "k"},
        {"alg": "nOnE", "kid": "k"},
        {"alg": "HS384", "kid": "k"},
        {"alg": "RS256", "kid": "k"},
        {"alg": "ES256", "kid": "k"},
        {"alg": ["HS256"], "kid": "k"},
        {"alg": "HS256"},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "kid": "k", "jwk": {"kty": "oct", "k": encode(KEY)}},
        {"alg": "HS256", "kid": "k", "jku": "https://attacker.example/jwks"},
        {"alg": "HS256", "kid": "k", "x5c": []},
        {"alg": "HS256", "kid": "k", "crit": ["exp"]},
        {"alg": "HS256", "kid": "k", "b64": False},
        {"alg": "HS256", "kid": "k", "typ": "at+jwt"},
        {"alg": "HS256", "kid": "k", "zip": "DEF"},
        [],
        "HS256",
    ],
)
def test_any_other_header_is_refused(header: object) -> None:
    """R51, R52, R53, R54: the token never chooses its algorithm or key."""
    with pytest.raises(InvalidToken):
        jose.parse(wire(header, payload()))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "1795448680"},
        {"exp": 1.5},
        {"exp": True},
        {"iat": None},
        {"jti": "not-a-uuid"},
        {"jti": 5},
        {"_type": "User"},
        {"_id": ["bku"]},
        {"scopes": "customer.modify_consent:cust:1"},
        {"scopes": {"customer.modify_consent": 7}},
    ],
)
def test_claims_of_another_type_are_refused(changes: dict[str, object]) -> None:
    """R55."""
    with pytest.raises(InvalidToken):
        jose.parse(wire({"alg": "HS256", "kid": "k"}, payload(**changes))).verify(KEY, institution="bku")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "something_else"},
        {"scopes": {}},
        {"scopes": {"customer.read": "cust:1"}},
        {"scopes": {"customer.modify_consent": "cust:1", "more": "x"}},
        {"scopes": {"customer.modify_consent": "two words"}},
    ],
)
def test_a_genuine_token_for_something_else_has_too_little_scope(changes: dict[str, object]) -> None:
    with pytest.raises(InsufficientScope):
        jose.parse(wire({"alg": "HS256", "kid": "k"}, payload(**changes))).verify(KEY, institution="bku")


def test_every_other_encoding_of_a_token_is_refused() -> None:
    """R59: base64url is malleable; only the canonical form counts."""
    token = jose.sign(CLAIMS, kid="k", key=KEY)
    header, body, mac = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare_bits = last[(last.index(mac[-1]) | 1) if mac[-1] in last else 0]
    same_bytes = [
        f"{header}.{body}.{mac}=",
        f"{header}=.{body}.{mac}",
        f"{header}.{body}.{mac[:-1]}{spare_bits}",
        f"{header}.{body}.{mac.replace('-', '+').replace('_', '/')}",
        f" {token}",
        f"{token}\n",
        f"{header}.{body}.{mac}.",
        f"{header}..{body}.{mac}",
    ]
    for other in same_bytes:
        if other == token:
            continue
        with pytest.raises(InvalidToken):
            jose.parse(other).verify(KEY, institution="bku")
    assert urlsafe_b64decode(mac + "=")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b.c", "é.é.é", "A" * 3000, "." * 3000, f"{'A' * 300}.e30.{'A' * 43}"]
)
def test_nonsense_is_refused_before_it_is_decoded(text: str) -> None:
    """R56."""
    with pytest.raises(InvalidToken):
        jose.parse(text)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(InvalidToken):
        jose.parse(text)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_any_changed_byte_kills_a_token(place: int, byte: int) -> None:
    token = jose.sign(CLAIMS, kid="k", key=KEY)
    place %= len(token)
    changed = token[:place] + chr(byte) + token[place + 1 :]
    if changed == token:
        return
    with pytest.raises((InvalidToken, InsufficientScope)):
        jose.parse(changed).verify(KEY, institution="bku")
