"""Verify a bearer token: its form and signature here; that it lives is asked in the statement that uses it."""

from consentry import jose
from consentry.store.consents import Subject
from consentry.usecases.services import Services


async def verify_token(services: Services, token: str, *, host: str | None) -> Subject:
    """Find whom a token speaks for. `host` is the one the request was sent to.

    Raises:
        InvalidToken: malformed, or not signed by an institution here.
        InsufficientScope: genuine, but for another use.
        TemporarilyUnavailable: the store can't be reached.
    """
    unverified = jose.parse(token)
    signing_key = await services.signing_keys.get(unverified.kid)
    claims = unverified.verify(signing_key.key, institution=signing_key.institution)
    return Subject(institution_id=signing_key.institution_id, host=host, jti=claims.jti, customer_id=claims.customer_id)
