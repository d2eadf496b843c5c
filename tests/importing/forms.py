"""What import tests are made of: lines in their forms, and the import of some lines as a call."""

import io
import json
from dataclasses import dataclass
from typing import Any, BinaryIO

from consentry.domain.actor import Actor, ActorKind
from consentry.usecases.exporting.export import export
from consentry.usecases.importing.bring_in import bring_in
from consentry.usecases.importing.orders import ImportOrder, ImportReport
from consentry.usecases.services import Services

OPERATOR = Actor(ActorKind.OPERATOR, "importer")
Line = dict[str, Any]

CHECKING = {"account_id": "ACT-1~checking", "nickname": "Everyday", "account_number_display": "XXXXXXXX1234"}
SAVINGS = {"account_id": "ACT-2:savings/x", "nickname": "Rainy Day", "account_number_display": "XXXXXXXX5678"}
AT = "2024-06-14T19:48:18.354Z"
LATER = "2025-01-02T03:04:05.006Z"
ICON = "https://icons.example/budget.png"


def shared(account: dict[str, str], *, enabled: bool = True) -> Line:
    """Give an account as it stands in a consent."""
    return {"enabled": enabled, **account}


def entry(consent_id: str = "_c1", **members: Any) -> Line:
    """Give a consent exactly as MX's list answers it; `members` override and add."""
    return {
        "id": consent_id,
        "application_name": "Budget",
        "application_icon_url": ICON,
        "created_at": AT,
        "last_accessed": None,
        "accounts": [shared(CHECKING), shared(SAVINGS, enabled=False)],
        "auto_enable_future_accounts": False,
        "consented_on": AT,
        "revoked_at": None,
        **members,
    }


def consent(consent_id: str = "_c1", **members: Any) -> Line:
    """Give a consent with a line of its own."""
    return {
        "type": "consent",
        "customer_id": "cust-1",
        "application_id": "app-1",
        **entry(consent_id),
        **members,
    }


def listed(customer_id: str, *consents: Line) -> Line:
    """Give a customer with what MX's list answered."""
    return {"customer_id": customer_id, "consents": list(consents)}


def agency(intermediary_id: str = "agg-1", **members: Any) -> Line:
    """Give an intermediary's line."""
    return {"type": "intermediary", "intermediary_id": intermediary_id, "name": "Aggregator One", **members}


def application(application_id: str = "app-1", **members: Any) -> Line:
    """Give an application's line."""
    return {
        "type": "application",
        "application_id": application_id,
        "name": "Budget",
        "icon_url": ICON,
        **members,
    }


def customer(customer_id: str = "cust-1", *accounts: dict[str, str]) -> Line:
    """Give a customer's line."""
    return {"type": "customer", "customer_id": customer_id, "accounts": list(accounts or (CHECKING, SAVINGS))}


def institution(public_id: str = "bku", **members: Any) -> Line:
    """Give an institution's line; the name is that of the test's institutions."""
    return {"type": "institution", "institution_id": public_id, "name": public_id.upper(), "host": None, **members}


def encoded(*lines: Line | bytes) -> bytes:
    """Write lines as a file holds them."""
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports into one institution of one installation."""

    services: Services
    public_id: str = "bku"

    async def file(self, content: bytes, *, mirror: bool = False, name: str = "test.jsonl") -> ImportReport:
        """Import a file's content."""
        return await self.stream(io.BytesIO(content), mirror=mirror, name=name)

    async def stream(self, stream: BinaryIO, *, mirror: bool = False, name: str = "test.jsonl") -> ImportReport:
        """Import what a stream gives."""
        order = ImportOrder(institution=self.public_id, name=name, stream=stream, mirror=mirror)
        return await bring_in(self.services, order, actor=OPERATOR)

    async def lines(self, *lines: Line | bytes, mirror: bool = False) -> ImportReport:
        """Import lines."""
        return await self.file(encoded(*lines), mirror=mirror)

    async def publish(self, *lines: Line | bytes, mirror: bool = False) -> ImportReport:
        """Import lines that are valid."""
        report = await self.lines(*lines, mirror=mirror)
        assert report.is_published, [fault.sentence for fault in report.faults]
        return report

    async def faults(self, *lines: Line | bytes, mirror: bool = False) -> list[str]:
        """Import lines that are not valid, and give what is said of them."""
        report = await self.lines(*lines, mirror=mirror)
        assert not report.is_published
        return [fault.sentence for fault in report.faults]

    async def exported(self) -> bytes:
        """Export everything."""
        return b"".join([line async for line in export(self.services, self.public_id, actor=OPERATOR)])
