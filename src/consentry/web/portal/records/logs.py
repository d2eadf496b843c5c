"""Logs, of both portals: what staff, partners and the operator did, everything that was refused, and all of it as CSV.

Compliance reads them as admins do. Of a partner's staff the admins alone, as entries hold colleagues' addresses.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.actor import ActorKind
from consentry.domain.audit import AuditEntry
from consentry.domain.staff import PORTAL_PATH, House, Member, Role
from consentry.store.audit_log import LogFilter
from consentry.usecases.audit.read_log import LOOKED_THROUGH, LogPage, read_log
from consentry.usecases.services import Services
from consentry.web.portal import audit_words, lists
from consentry.web.portal.doors import PortalRoute, route_of
from consentry.web.portal.lists import MOST_IN_CSV, PAGE, csv_answer
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import PORTAL, SignedIn
from consentry.web.portal.words import ACTORS, actor_words, second

READERS: Final = {House.INSTITUTION: (Role.ADMIN, Role.COMPLIANCE), House.PARTNER: (Role.ADMIN,)}
LOOKED_THROUGH_FOR_CSV: Final = 50_000
_NAMES: Final = ("who", "by", "action", "outcome", "from", "to", "subject", "after")
_FILTERS: Final = _NAMES[:-1]
_DAY: Final = "Give a day such as 2026-01-31."
_WRONG_WAY_ROUND: Final = "Give a day that is not after the last one."
_BY: Final = (ActorKind.STAFF, ActorKind.PARTNER, ActorKind.OPERATOR, ActorKind.SYSTEM, ActorKind.INSTITUTION)
_HEADINGS: Final = (
    "At (UTC)",
    "Who",
    "E-mail",
    "Who (id)",
    "By",
    "What",
    "Outcome",
    "About",
    "Which",
    "Before",
    "After",
    "From",
    "Code",
    "Request",
    "Entry",
)
_OUTCOMES: Final = (("done", "Done"), ("refused", "Refused"))


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the page shows it."""

    entry: AuditEntry
    who: str
    who_more: str
    what: str
    subject_kind: str
    subject: str
    source: str
    request_id: str
    changes: list[tuple[str, str | None, str | None]]


class LogPages:
    """The pages of the log of a house."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list(self, request: Request, staff: SignedIn) -> Response:
        """Show a page of the log."""
        query = lists.filters(request, *_NAMES)
        wanted, problems = _wanted(query)
        after = lists.id_in(query["after"])
        page = await read_log(
            self._services, staff.institution_id, wanted=wanted, who=query["who"], after=after, limit=PAGE
        )
        return render(
            staff,
            "records/logs.html",
            title="Logs",
            section="logs",
            status=422 if problems else 200,
            page=page,
            lines=_lines(page),
            query=query,
            problems=problems,
            is_filtered=any(query[name] for name in _FILTERS),
            by=[(kind.value, ACTORS[kind]) for kind in _BY],
            outcomes=_OUTCOMES,
            actions=_action_choices(query["action"]),
            looked_through=LOOKED_THROUGH,
            looked_through_for_csv=LOOKED_THROUGH_FOR_CSV,
            most_in_csv=MOST_IN_CSV,
            following={"after": page.following} if page.following and not page.looked_back_to else None,
            further=lists.address(staff.path, staff.query, {"after": page.following}),
        )

    async def download(self, request: Request, staff: SignedIn) -> Response:
        """Give the entries that match as a file; where its days are none, the page says so instead."""
        query = lists.filters(request, *_FILTERS)
        wanted, problems = _wanted(query)
        if problems:
            return RedirectResponse(lists.address(f"{staff.prefix}/logs", query.items()), status_code=303)
        page = await read_log(
            self._services,
            staff.institution_id,
            wanted=wanted,
            who=query["who"],
            limit=MOST_IN_CSV,
            look_through=LOOKED_THROUGH_FOR_CSV,
            download=staff.takes("log", query),
        )
        return csv_answer("log.csv", _HEADINGS, (_row(line, page.members) for line in _lines(page)))


def routes(services: Services, house: House) -> list[PortalRoute]:
    """Give the routes of the log, for a portal."""
    pages = LogPages(services)
    name, path = PORTAL[house], f"{PORTAL_PATH[house]}/logs"
    return [
        route_of(house, path, pages.list, role=READERS[house], name=f"{name}.logs"),
        route_of(house, f"{path}.csv", pages.download, role=READERS[house], name=f"{name}.logs.csv"),
    ]


def _wanted(query: dict[str, str]) -> tuple[LogFilter, dict[str, str]]:
    """Give the filter that an address asks for, and what is wrong with it, by field."""
    problems = {name: _DAY for name in ("from", "to") if query[name] and _day(query[name]) is None}
    since, until = _day(query["from"]), _day(query["to"])
    if since and until and since > until:
        problems["from"] = _WRONG_WAY_ROUND
    return LogFilter(
        actor_kind=query["by"] or None,
        action=query["action"] or None,
        outcome=query["outcome"] or None,
        subject_id=query["subject"] or None,
        since=since,
        until=None if until is None else until + timedelta(days=1),
    ), problems


def _day(text: str) -> datetime | None:
    """Give the beginning of a day (UTC), None where it is none that the log could have."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC) if 2000 <= found.year <= 2999 else None


def _action_choices(chosen: str) -> list[tuple[str, str]]:
    known = sorted(audit_words.ACTIONS.items(), key=lambda pair: pair[1])
    more = [] if not chosen or chosen in audit_words.ACTIONS else [(chosen, audit_words.action_words(chosen))]
    return [("", "Everything"), *more, *known]


def _lines(page: LogPage) -> list[Line]:
    return [_line(entry, page.members) for entry in page.entries]


def _line(entry: AuditEntry, members: dict[str, Member]) -> Line:
    who, more = audit_words.who_words(entry, members)
    about = members.get(entry.subject_id or "") if entry.subject_kind == "member" else None
    return Line(
        entry=entry,
        who=who,
        who_more=more,
        what=audit_words.action_words(entry.action),
        subject_kind=audit_words.subject_words(entry.subject_kind),
        subject=about.email if about else audit_words.plain(entry.subject_id or ""),
        source=audit_words.plain(entry.source or ""),
        request_id=audit_words.plain(entry.request_id or ""),
        changes=audit_words.changes_of(entry),
    )


def _row(line: Line, members: dict[str, Member]) -> tuple[object, ...]:
    entry = line.entry
    member = members.get(entry.actor_id or "")
    return (
        second(entry.at),
        line.who,
        "" if member is None else member.email,
        audit_words.plain(entry.actor_id or ""),
        actor_words(entry.actor_kind),
        line.what,
        entry.outcome,
        line.subject_kind,
        line.subject,
        "; ".join(f"{name}: {before}" for name, before, _ in line.changes if before is not None),
        "; ".join(f"{name}: {after}" for name, _, after in line.changes if after is not None),
        line.source,
        entry.action,
        line.request_id,
        entry.entry_id,
    )
