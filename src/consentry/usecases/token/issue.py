"""Issue a token: the institution's server asks for one customer's."""

from dataclasses import dataclass, field
from typing import Final

from consentry import jose
from consentry.domain.credential import mac_of
from consentry.domain.refusal.request import InvalidClient
from consentry.domain.token import TOKEN_LIFETIME, TokenClaims
from consentry.store import credentials
from consentry.store.tokens import IssuedToken, TokenOrder
from consentry.usecases.services import Services

LONGEST_CREDENTIAL: Final = 256


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """Credentials as a request bore them, unchecked; `host` is the one it was sent to, `source` its IP address."""

    client_id: str
    client_secret: str = field(repr=False)
    host: str | None
    source: str
    request_id: str

    def macs(self, peppers: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Compute the keyed hash of the secret under each pepper that may have been used."""
        return tuple(mac_of(self.client_secret, pepper) for pepper in peppers)

    @property
    def are_possible(self) -> bool:
        """Tell whether such credentials can exist at all: ids and secrets are short and ASCII."""
        return (
            len(self.client_id) <= LONGEST_CREDENTIAL
            and len(self.client_secret) <= LONGEST_CREDENTIAL
            and self.client_id.isascii()
            and "\x00" not in self.client_id
        )


@dataclass(frozen=True, slots=True)
class HandedOutToken:
    """A token as it is given to the institution; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int


async def issue_token(services: Services, presented: PresentedCredentials, *, customer_id: str) -> HandedOutToken:
    """Issue a five-minute token for one customer (consent-api.md, Request token).

    The token's row is committed before the token is handed out. An id without consents is served like any other, so
    that the answer tells nobody who is a customer.

    Raises:
        InvalidClient: the credentials are not live; the caller remembers the attempt before it answers.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if not presented.are_possible:
        raise InvalidClient
    order = TokenOrder(
        client_id=presented.client_id,
        macs=presented.macs(tuple(services.keyring.peppers.values())),
        host=presented.host,
        customer_id=customer_id,
        source=presented.source,
        request_id=presented.request_id,
    )
    issued = await services.issuer.issue(order)
    if issued.use_to_mark:
        await _mark_use(services, presented, issued)
    signing_key = await services.signing_keys.get(issued.kid)
    claims = TokenClaims(
        institution=issued.public_id,
        customer_id=customer_id,
        jti=issued.jti,
        issued_at=int(issued.issued_at.timestamp()),
        expires_at=int(issued.expires_at.timestamp()),
    )
    return HandedOutToken(
        access_token=jose.sign(claims, kid=issued.kid, key=signing_key.key),
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
    )


async def _mark_use(services: Services, presented: PresentedCredentials, issued: IssuedToken) -> None:
    """Remember the use of the secret, and keep its hash under the newest pepper from now on."""
    async with services.session.begin(issued.institution_id) as connection:
        await credentials.mark_used(connection, issued.institution_id, issued.credential, issued.secret_number)
        current = services.keyring.current_pepper
        if issued.pepper_id != current:
            await credentials.store_under_pepper(
                connection,
                issued.institution_id,
                issued.credential,
                issued.secret_number,
                mac=mac_of(presented.client_secret, services.keyring.peppers[current]),
                pepper_id=current,
            )
