"""The provider: oidc-provider-mock's protocol, with a page of ours on which one picks who signs in.

It asks for no passwords, and it keeps everything in memory. Who works where is said in `people`.
"""

import re
import secrets
import warnings
from typing import Final
from urllib.parse import parse_qs, urlsplit

import flask
from authlib.common.urls import add_params_to_uri
from authlib.deprecate import AuthlibDeprecationWarning

from consentry.sandbox.people import HOUSES, PEOPLE, people_of

with warnings.catch_warnings():
    # The package is written for what Authlib will leave out in its version 2.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    import oidc_provider_mock

_AUTHORIZE: Final = "/oauth2/authorize"
_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # No form-action: its answer leads the browser back to the portal.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}


def make_app() -> flask.Flask:
    """Give the provider; it answers to the names of this machine alone."""
    app = flask.Flask("consentry.sandbox.provider")
    plain = app.wsgi_app
    oidc_provider_mock.init_app(
        app,
        require_nonce=True,
        issue_refresh_token=False,
        user_claims=[
            oidc_provider_mock.User(sub=person.email, claims=_claims(person.email, person.name)) for person in PEOPLE
        ],
    )
    # The package switches a debugger on, for those who write tests with it.
    app.debug = False
    app.wsgi_app = plain  # type: ignore[method-assign] # as Flask's guide wraps it, and the package does
    app.secret_key = secrets.token_bytes(16)
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1"]
    app.before_request(_know_newcomers)
    app.after_request(_with_state)
    app.after_request(_with_headers)
    app.context_processor(_who_may_sign_in)
    return app


def _claims(email: str, name: str) -> dict[str, object]:
    return {"email": email, "email_verified": True, "name": name}


def _know_newcomers() -> None:
    """Let somebody who gives an address sign in with it: whoever was invited to a team meanwhile."""
    if flask.request.method != "POST" or flask.request.path != _AUTHORIZE:
        return
    address = flask.request.form.get("sub", "")
    storage = flask.g.oidc_provider_mock_storage
    if _ADDRESS.fullmatch(address) and storage.get_user(address) is None:
        name = address.partition("@")[0].replace(".", " ").title()
        storage.store_user(oidc_provider_mock.User(sub=address, claims=_claims(address.lower(), name)))


def _with_state(answer: flask.Response) -> flask.Response:
    """Give back the state that was asked with, where the package leaves it out: of refusals (RFC 6749, 4.1.2.1)."""
    state = flask.request.args.get("state")
    if flask.request.path == _AUTHORIZE and answer.location and state:
        asked = parse_qs(urlsplit(answer.location).query)
        if "error" in asked and "state" not in asked:
            answer.location = add_params_to_uri(answer.location, [("state", state)])
    return answer


def _with_headers(answer: flask.Response) -> flask.Response:
    answer.headers.update(_HEADERS)
    return answer


def _who_may_sign_in() -> dict[str, object]:
    """Tell the pages who works where; the house at which somebody signs in comes first."""
    asked = flask.request.args.get("client_id", "")
    houses = [(house, people_of(house.public_id)) for house in HOUSES]
    return {
        "own": [(house, people) for house, people in houses if house.client_id == asked],
        "others": [(house, people) for house, people in houses if house.client_id != asked],
        "hint": flask.request.args.get("login_hint", ""),
    }
