"""Intermediaries' settings from what was typed, and as records have them."""

from typing import Protocol

from consentry.domain.intermediary import IntermediarySettings, TypedSettings, check_settings
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.provider import AddressRefused


class Addresses(Protocol):
    """Tells whether an address may be named at all (R99), as `connectors.outbound.Outbound` does, without asking it."""

    def check(self, address: str) -> str:
        """Give the address, or raise AddressRefused."""
        ...


def checked_settings(typed: TypedSettings, addresses: Addresses) -> IntermediarySettings:
    """Give what was typed as settings.

    Raises:
        InvalidSettings: something can't be used; it has a sentence for each field.
    """
    problems: dict[str, str] = {}
    logo_url = typed.logo_url.strip()
    if logo_url:
        try:
            addresses.check(logo_url)
        except AddressRefused:
            problems["logo_url"] = "Give a public https address of at most 2,000 characters, or leave it empty."
    try:
        settings = check_settings(typed)
    except InvalidSettings as refusal:
        raise InvalidSettings({**refusal.fields, **problems}) from None
    if problems:
        raise InvalidSettings(problems)
    return settings


def facts_of(settings: IntermediarySettings) -> dict[str, object]:
    """Give what records say of settings; of people no more than how many there are."""
    limit = settings.limit
    return {
        "name": settings.name,
        "logo_url": settings.logo_url,
        "contacts": len(settings.contacts),
        "request_limit": None if limit is None else f"{limit.requests} a {limit.period}",
        "allowed_networks": list(settings.allowed_networks),
        "approval": settings.approval.value,
    }
