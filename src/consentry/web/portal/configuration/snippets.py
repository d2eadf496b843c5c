"""What developers paste: requests for the shell, and the lines that embed the dashboard.

All of it is made of checked parts: an origin, a client id and a customer's id in base62, and a secret of our form.
"""

import shlex
from typing import Final

from consentry.domain.scope import MODIFY_CONSENT

VERSION: Final = "v6"
_SECRET_NAME: Final = "$CLIENT_SECRET"  # noqa: S105 - the name of a variable


def token_request(origin: str, *, client_id: str, customer_id: str, secret: str | None = None) -> str:
    """Write the request for a token; without the secret it takes it from `$CLIENT_SECRET`."""
    credentials = f'"{client_id}:{_SECRET_NAME}"' if secret is None else shlex.quote(f"{client_id}:{secret}")
    body = f'{{"type": "consent_management", "scopes": "{MODIFY_CONSENT}:{customer_id}"}}'
    return " \\\n  ".join(
        (
            f"curl -sS {shlex.quote(f'{origin}/api/{VERSION}/token')}",
            f"-u {credentials}",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(body)}",
        )
    )


def consents_request(origin: str) -> str:
    """Write the request for a customer's consents, with the token in `$TOKEN`."""
    address = shlex.quote(f"{origin}/api/{VERSION}/consent_management")
    return f'curl -sS {address} \\\n  -H "Authorization: Bearer $TOKEN"'


def embedding(origin: str) -> str:
    """Write the lines that embed the dashboard in a page of the institution's own."""
    return (
        f'<script src="{origin}/embed/consentry.js" async></script>\n'
        '<consentry-dashboard token-url="/consentry-token"></consentry-dashboard>'
    )
