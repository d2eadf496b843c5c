"""Verify bearer tokens: their form and signature here; that they live is asked in the statement that uses them."""

from typing import Final
from uuid import UUID

from consentry import jose
from consentry.store.consents import Subject
from consentry.usecases.token.signing_keys import SigningKeys

_MOST_REMEMBERED: Final = 4096


class TokenVerifier:
    """Finds whom tokens speak for.

    A signature that was right stays right, so the tokens verified last are remembered. Nothing is remembered of whether
    they live: that is the store's to say, each time.
    """

    def __init__(self, signing_keys: SigningKeys) -> None:
        self._signing_keys = signing_keys
        self._verified: dict[str, tuple[int, UUID, str]] = {}

    async def verify(self, token: str, *, host: str | None) -> Subject:
        """Find whom a token speaks for. `host` is the one the request was sent to.

        Raises:
            InvalidToken: malformed, or not signed by an institution here.
            InsufficientScope: genuine, but for another use.
            TemporarilyUnavailable: the store can't be reached.
        """
        verified = self._verified.get(token)
        if verified is None:
            verified = await self._verify(token)
            if len(self._verified) >= _MOST_REMEMBERED:
                self._verified.clear()
            self._verified[token] = verified
        institution_id, jti, customer_id = verified
        return Subject(institution_id, host, jti, customer_id)

    async def _verify(self, token: str) -> tuple[int, UUID, str]:
        unverified = jose.parse(token)
        signing_key = await self._signing_keys.get(unverified.kid)
        claims = unverified.verify(signing_key.key, institution=signing_key.institution)
        return signing_key.institution_id, claims.jti, claims.customer_id
