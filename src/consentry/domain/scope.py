"""Scopes of the Consent Management API: what a token may be asked for.

A token is for exactly one customer: the scope's name, a colon, and the customer's id. The names of FDX scopes come with
the authorization server.
"""

import re
from typing import Final

from consentry.domain.refusal.request import InvalidScope

MODIFY_CONSENT: Final = "customer.modify_consent"
_CUSTOMER_ID: Final = re.compile(r"[!-~]{1,255}")


def is_customer_id(text: str) -> bool:
    """Tell whether a text can be a customer's id: 1 to 255 visible ASCII characters, no space."""
    return _CUSTOMER_ID.fullmatch(text) is not None


def customer_of(scopes: str) -> str:
    """Give the customer's id of a request's `scopes`, split at the first colon; the id itself may hold colons.

    Raises:
        InvalidScope: another scope, none or several, or no well-formed customer id.
    """
    name, _, customer_id = scopes.partition(":")
    if name != MODIFY_CONSENT or not is_customer_id(customer_id):
        raise InvalidScope
    return customer_id
