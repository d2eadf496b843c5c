"""The Python client of the Consent Management API, for an institution's own servers.

Owns the names that a caller uses: two clients, what they answer and how they fail; leaves everything else to the
modules beside it. Needs httpx, which `consentry[client]` brings.

    with ConsentManagement("https://consent.bank.example", client_id, client_secret) as api:
        customer = api.for_customer("cus_5b81f0d2")
        for consent in customer.list():
            print(consent.application_name)
"""

from consentry.client.async_client import AsyncConsentManagement, AsyncCustomerSession
from consentry.client.errors import (
    ConflictError,
    ConnectionFailedError,
    ConsentryError,
    ForbiddenError,
    InvalidClientError,
    InvalidRequestError,
    InvalidTokenError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    StaleETagError,
    UnavailableError,
    UnexpectedAnswerError,
)
from consentry.client.models import Account, Consent, Credentials, RevokedToken, Token
from consentry.client.repeating import RetryPolicy
from consentry.client.sync_client import ConsentManagement, CustomerSession

__all__ = [
    "Account",
    "AsyncConsentManagement",
    "AsyncCustomerSession",
    "ConflictError",
    "ConnectionFailedError",
    "Consent",
    "ConsentManagement",
    "ConsentryError",
    "Credentials",
    "CustomerSession",
    "ForbiddenError",
    "InvalidClientError",
    "InvalidRequestError",
    "InvalidTokenError",
    "NotFoundError",
    "RateLimitedError",
    "RetryPolicy",
    "RevokedToken",
    "ServerError",
    "StaleETagError",
    "Token",
    "UnavailableError",
    "UnexpectedAnswerError",
]
