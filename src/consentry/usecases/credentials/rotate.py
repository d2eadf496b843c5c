"""Rotate credentials: a new secret, and an overlap in which the previous one still works."""

from datetime import timedelta

from consentry.domain.actor import Actor
from consentry.domain.credential import CREDENTIAL_NAME, Credentials, NewSecret, Secret, rotate
from consentry.domain.institution import Institution, InstitutionStatus, check_overlap
from consentry.domain.refusal.institution import ChangedMeanwhile, NoCredentials
from consentry.domain.refusal.request import InvalidClient
from consentry.store import audit, clock, credentials, events, institutions
from consentry.store.session import Connection
from consentry.usecases.credentials.new_secret import ShownCredentials, make_secret
from consentry.usecases.mail import texts
from consentry.usecases.mail.tell_admins import tell_admins, who
from consentry.usecases.services import Services


async def rotate_credentials(
    services: Services,
    institution_id: int,
    *,
    actor: Actor,
    presented: Secret | None = None,
    overlap: timedelta | None = None,
    newest_seen: int | None = None,
) -> ShownCredentials:
    """Replace the newest secret of an institution's credentials (consent-api.md, Rotate credentials).

    `presented` is the secret that asks for it, None for an operator or an admin; `overlap` is the institution's unless
    given. `newest_seen` is the number of the newest secret as it was when somebody decided, so that a decision that
    arrives twice is carried out once.

    Raises:
        NoCredentials: there is nothing to rotate.
        ChangedMeanwhile: another secret is the newest.
        InvalidClient: the presented secret has ended meanwhile, or the institution was disabled.
        SupersededSecret: the presented secret is not the newest.
        InvalidInstitution: the overlap is longer than 30 days.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if overlap is not None:
        check_overlap(overlap)
    text, stored = make_secret(services)
    async with services.session.begin(institution_id) as connection:
        current = await credentials.lock(connection, institution_id, CREDENTIAL_NAME)
        if current is None:
            raise NoCredentials
        if newest_seen not in (None, current.secrets[0].number):
            raise ChangedMeanwhile
        now = await clock.now(connection)
        (institution,) = await institutions.visible(connection)
        if presented is not None and institution.status is not InstitutionStatus.ENABLED:
            raise InvalidClient
        rotation = rotate(
            current,
            presented=_as_stored(presented, current),
            new=stored,
            overlap=institution.secret_overlap if overlap is None else overlap,
            now=now,
        )
        await credentials.write_rotation(connection, current, rotation)
        shown = ShownCredentials(
            client_id=current.client_id,
            client_secret=text,
            name=current.name,
            created_at=now,
            previous_secret_expires_at=rotation.previous_ends_at,
        )
        await _remember(connection, institution, current, shown=shown, stored=stored, actor=actor)
    return shown


async def _remember(
    connection: Connection,
    institution: Institution,
    current: Credentials,
    *,
    shown: ShownCredentials,
    stored: NewSecret,
    actor: Actor,
) -> None:
    """Write the audit, tell the institution's servers, and tell its admins."""
    institution_id = institution.institution_id
    facts = {"secret": stored.display, "previous_secret_expires_at": _iso(shown)}
    await audit.record(
        connection,
        institution_id,
        action="credentials.rotated",
        actor=actor,
        subject=("credentials", current.client_id),
        before={"secret": current.secrets[0].display},
        after=facts,
    )
    await events.record(connection, institution_id, kind="CREDENTIALS_ROTATED", detail=facts)
    letter = texts.credentials_rotated(
        institution=institution.name,
        client_id=current.client_id,
        by=await who(connection, institution_id, actor),
        at=shown.created_at,
        previous_ends_at=shown.previous_secret_expires_at,
    )
    await tell_admins(connection, institution_id, kind="credentials_rotated", text=letter)


def _as_stored(presented: Secret | None, current: Credentials) -> Secret | None:
    """Give the presented secret as it is now, which may differ from what it was when it signed in."""
    if presented is None:
        return None
    stored = next((secret for secret in current.secrets if secret.number == presented.number), None)
    if stored is None:
        raise InvalidClient
    return stored


def _iso(shown: ShownCredentials) -> str | None:
    ends = shown.previous_secret_expires_at
    return None if ends is None else ends.isoformat(timespec="milliseconds")
