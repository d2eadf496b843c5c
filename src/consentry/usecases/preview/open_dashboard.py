"""Let staff look at the dashboard of a test customer, and of nobody else."""

from typing import Final

from consentry import jose
from consentry.domain.actor import Actor
from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.institution import InstitutionNotEnabled, UnknownTestCustomer
from consentry.domain.scope import is_customer_id
from consentry.domain.token import TOKEN_LIFETIME, TokenClaims
from consentry.store import audit, institutions, test_customers, tokens
from consentry.usecases.services import Services
from consentry.usecases.token.issue import HandedOutToken

_NO_CLIENT: Final = "preview"


async def issue_preview_token(
    services: Services, institution_id: int, *, customer_id: str, actor: Actor
) -> HandedOutToken:
    """Issue the very token that the institution's server would ask for, if the customer is a test customer.

    It opens one dashboard, once, like any other. Its row names no client and no secret.

    Raises:
        UnknownTestCustomer: it is none.
        InstitutionNotEnabled: no dashboard of this institution opens at present.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        if not is_customer_id(customer_id) or not await test_customers.is_one(connection, institution_id, customer_id):
            raise UnknownTestCustomer
        (institution,) = await institutions.visible(connection)
        if institution.status is not InstitutionStatus.ENABLED:
            raise InstitutionNotEnabled
        token = await tokens.add(
            connection,
            institution_id,
            customer_id=customer_id,
            client_id=_NO_CLIENT,
            source=actor.source,
            request_id=actor.request_id,
        )
        kid = await institutions.current_signing_key(connection, institution_id)
        await audit.record(
            connection,
            institution_id,
            action="preview.opened",
            actor=actor,
            subject=("customer", customer_id),
            after={"token": str(token.jti)},
        )
    signing_key = await services.signing_keys.get(kid)
    claims = TokenClaims(
        institution=institution.public_id,
        customer_id=customer_id,
        jti=token.jti,
        issued_at=int(token.issued_at.timestamp()),
        expires_at=int(token.expires_at.timestamp()),
    )
    return HandedOutToken(
        access_token=jose.sign(claims, kid=kid, key=signing_key.key), expires_in=int(TOKEN_LIFETIME.total_seconds())
    )
