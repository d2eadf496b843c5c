"""`consentry consents`: what a customer lets which app receive, for an operator who has to help."""

from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.installation import open_installation
from consentry.cli.options import InstitutionId, Json, operator
from consentry.cli.output import optional_time, shown_time, time_text, write_document, write_table
from consentry.config import Settings
from consentry.domain.consent import Consent, CustomerConsents, newest_first
from consentry.usecases.consent.evidence import history_member
from consentry.usecases.consent.history import operator_history
from consentry.usecases.consent.list_for_operator import list_for_operator
from consentry.usecases.institution.list_all import find_institution

consents_app = App(name="consents", help="Consents: what a customer lets which app receive.")


@consents_app.command(name="list")
async def list_consents(
    *,
    institution: InstitutionId,
    customer: Annotated[str, Parameter(help="The customer's id, as the institution's app uses it.")],
    as_json: Json = False,
) -> None:
    """List all consents of a customer, ended ones included, newest first.

    Looking leaves an audit entry.

    Example: `consentry consents list --institution bku --customer U-1234`
    """
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        customers = await list_for_operator(installation.services, found.institution_id, customer, actor=operator())
    newest = newest_first(customers.consents)
    if as_json:
        write_document([_document(consent, customers) for consent in newest])
        return
    write_table(
        ("consent", "app", "status", "since", "ended", "last accessed", "shared accounts"),
        [
            (
                consent.consent_id,
                consent.application_name,
                consent.status(customers.moment).value,
                shown_time(consent.consented_on),
                shown_time(consent.revoked_at),
                shown_time(consent.last_accessed),
                _shared(consent, customers),
            )
            for consent in newest
        ],
    )


@consents_app.command(name="history")
async def show_history(
    *,
    institution: InstitutionId,
    consent: Annotated[str, Parameter(help="The consent's id, as consentry consents list tells it.")],
    as_json: Json = False,
) -> None:
    """Tell what happened to a consent, newest first: when, by whom exactly, by which request.

    Looking leaves an audit entry.

    Example: `consentry consents history --institution bku --consent _b4kZ91hT`
    """
    async with open_installation(Settings.read()) as installation:
        found = await find_institution(installation.services, institution)
        told = await operator_history(installation.services, found.institution_id, consent_id=consent, actor=operator())
    if as_json:
        write_document(
            {
                "consent": consent,
                "customer": told.found.customer_id,
                "entries": [history_member(entry) for entry in told.entries],
            }
        )
        return
    write_table(
        ("when", "what", "by", "who exactly", "account", "reason", "request"),
        [
            (
                shown_time(entry.at),
                entry.kind.value,
                entry.by.value,
                None if entry.trace is None else f"{entry.trace.actor_kind} {entry.trace.actor_id or ''}".strip(),
                entry.account_id if entry.account is None else entry.account.nickname,
                entry.reason_text or entry.reason,
                None if entry.trace is None else entry.trace.request_id,
            )
            for entry in told.entries
        ],
    )


def _shared(consent: Consent, customers: CustomerConsents) -> str:
    names = [a.nickname for a in customers.accounts.accounts if a.account_id in consent.shared_accounts]
    return ", ".join(names) or "none"


def _document(consent: Consent, customers: CustomerConsents) -> dict[str, object]:
    return {
        "id": consent.consent_id,
        "application_id": consent.application_id,
        "application_name": consent.application_name,
        "intermediary_name": consent.intermediary_name,
        "status": consent.status(customers.moment).value,
        "created_at": time_text(consent.created_at),
        "consented_on": time_text(consent.consented_on),
        "expires_at": optional_time(consent.expires_at),
        "revoked_at": optional_time(consent.revoked_at),
        "revoked_by": consent.revoked_by,
        "revocation_reason": consent.revocation_reason,
        "last_accessed": optional_time(consent.last_accessed),
        "auto_enable_future_accounts": consent.auto_share,
        "data_clusters": list(consent.data_clusters),
        "read_only": consent.read_only,
        "accounts": [
            {
                "account_id": account.account_id,
                "nickname": account.nickname,
                "account_number_display": account.number_display,
                "enabled": account.account_id in consent.shared_accounts,
            }
            for account in customers.accounts.accounts
        ],
    }
