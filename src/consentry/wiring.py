"""The composition root: the only module that knows every layer and puts them together.

The web is imported by whoever serves: commands that serve nothing start in half the time without it.
"""

import contextlib
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from consentry.config import Settings
from consentry.keyring import Keyring, KeyringError, new_keyring, parse_keyring, read_key_file, write_key_file
from consentry.store.consents import ConsentReader
from consentry.store.credentials import FailedSignIns
from consentry.store.session import Session
from consentry.store.tokens import TokenIssuer
from consentry.usecases.consent.changes import ConsentChanges
from consentry.usecases.services import Services
from consentry.usecases.token.signing_keys import SigningKeys
from consentry.usecases.token.verify import TokenVerifier

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from consentry.web.app import App
    from consentry.web.metrics import RequestMetrics
    from consentry.web.safety.admission import Admission

_KEY_COMMAND_SECONDS = 30


def load_keyring(settings: Settings, *, create: bool = False) -> Keyring:
    """Read the installation's keys from where the settings say; `create` makes a key file where there is none.

    Raises:
        KeyringError: they can't be read.
    """
    if settings.keys is not None:
        return parse_keyring(settings.keys)
    if settings.key_command is not None:
        try:
            done = subprocess.run(  # noqa: S602 - the operator's own command, from the settings
                settings.key_command,
                shell=True,
                capture_output=True,
                text=True,
                timeout=_KEY_COMMAND_SECONDS,
                check=True,
            )
        except (subprocess.SubprocessError, OSError):
            raise KeyringError("The command in CONSENTRY_KEY_COMMAND failed; run it by hand to see why.") from None
        return parse_keyring(done.stdout)
    if create and not settings.key_file.exists():
        # Where another process makes it at the same moment, its keys are the ones.
        with contextlib.suppress(FileExistsError):
            write_key_file(settings.key_file, new_keyring(), replace=False)
    return read_key_file(settings.key_file)


@asynccontextmanager
async def open_services(
    database_url: str, keyring: Keyring, *, connections: int, answer_within: float | None = None
) -> AsyncIterator[Services]:
    """Connect the use cases to a database, as the application's role; `answer_within` is the session's.

    Raises:
        TemporarilyUnavailable: the database can't be reached.
    """
    session = await Session.connect(database_url, connections=connections, answer_within=answer_within)
    try:
        slots = max(1, connections // 4)
        signing_keys = SigningKeys(session, keyring)
        yield Services(
            session=session,
            keyring=keyring,
            choose=secrets.choice,
            signing_keys=signing_keys,
            verifier=TokenVerifier(signing_keys),
            issuer=TokenIssuer(session, slots=slots),
            failed_sign_ins=FailedSignIns(session),
            reader=ConsentReader(session, slots=slots),
            changes=ConsentChanges(session, slots=slots),
        )
    finally:
        await session.close()


def build_app(services: Services, settings: Settings, *, shared_folder: Path) -> "App":
    """Put the surfaces of a worker process together; `shared_folder` is what all workers of the service share."""
    from consentry.web.app import App
    from consentry.web.consent_api.app import ConsentApi
    from consentry.web.consent_api.operations import Operations
    from consentry.web.front import Front
    from consentry.web.metrics import RequestMetrics
    from consentry.web.observation import Observation
    from consentry.web.safety.admission import Admission
    from consentry.web.safety.limits import LIMITS_FILE, SharedLimits

    admission = Admission(SharedLimits(shared_folder / LIMITS_FILE), settings.limits)
    metrics = RequestMetrics(shared_folder)
    observation = Observation(metrics, logs_requests=settings.log_level in ("debug", "info"))
    consent_api = ConsentApi(Operations(services, admission), admission, observation, settings)
    pages = _build_pages(services, settings, admission, metrics)
    front = Front(pages, admission, observation, trusted_proxies=settings.trusted_proxies)
    return App(consent_api, front, observation, metrics, serves_api="api" in settings.surfaces)


def _build_pages(
    services: Services, settings: Settings, admission: "Admission", metrics: "RequestMetrics"
) -> "Starlette":
    """Put the pages of the surfaces that are served together, with what operators ask for."""
    from consentry.web import operations as operator_pages
    from consentry.web.embed import routes as dashboard
    from consentry.web.openapi import page as api_reference
    from consentry.web.pages import build_pages
    from consentry.web.portal import routes as portals
    from consentry.web.receipts import published_keys

    surfaces = settings.surfaces
    return build_pages(
        [
            *operator_pages.routes(services.session, metrics, settings),
            *(api_reference.routes() if "api" in surfaces else []),
            *(published_keys.routes(services.session) if surfaces & {"api", "embed"} else []),
            *(dashboard.routes(services, admission) if "embed" in surfaces else []),
            *(portals.routes(services, settings, admission) if "portal" in surfaces else []),
        ]
    )
