"""Revoke a token: it is dead for everything before the answer is sent, and so is the page that it opened."""

from typing import Final
from uuid import UUID

from consentry import jose
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.request import InsufficientScope, InvalidToken, UnknownToken
from consentry.domain.token import StoredToken
from consentry.store import audit, pages, tokens
from consentry.store.session import Connection
from consentry.usecases.credentials.authenticate import authenticate
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials

WITH_TOKEN: Final = "token_revoked"  # noqa: S105 - how a page ended


async def revoke_token(services: Services, presented: PresentedCredentials, *, token: str) -> StoredToken:
    """End a token of the institution (consent-api.md, Revoke token); repeated, the first time of revocation stays.

    An expired token can be revoked while its row is kept, 30 days.

    Raises:
        InvalidClient: the credentials are not live.
        UnknownToken: unknown, tampered with, or another institution's, all alike.
        TemporarilyUnavailable: the store can't be reached or can't write; the token may live on.
    """
    client = await authenticate(services, presented)
    try:
        unverified = jose.parse(token)
        signing_key = await services.signing_keys.get(unverified.kid)
        claims = unverified.verify(signing_key.key, institution=signing_key.institution)
    except (InvalidToken, InsufficientScope):
        raise UnknownToken from None
    if signing_key.institution_id != client.institution_id:
        raise UnknownToken
    async with services.session.begin(client.institution_id) as connection:
        await tokens.lock(connection, claims.jti)
        before = await tokens.find(connection, claims.jti)
        revoked = await tokens.revoke(connection, claims.jti)
        if before is None or revoked is None:
            raise UnknownToken
        if before.revoked_at is None:
            actor = Actor(ActorKind.INSTITUTION, client.client_id, presented.source, presented.request_id)
            await audit.record(
                connection,
                client.institution_id,
                action="token.revoked",
                actor=actor,
                subject=("token", str(claims.jti)),
            )
            await _end_page(connection, client.institution_id, claims.jti, actor=actor)
    return revoked


async def _end_page(connection: Connection, institution_id: int, jti: UUID, *, actor: Actor) -> None:
    """End the page that a token has opened, if it has; they share a gate, which is held."""
    page_id = await pages.page_of_token(connection, jti)
    if await pages.end(connection, page_id, ended_by=WITH_TOKEN):
        await audit.record(
            connection,
            institution_id,
            action="page.ended",
            actor=actor,
            subject=("page", str(page_id)),
            after={"by": WITH_TOKEN},
        )
