"""From lines to staged rows: each line is read, checked by itself, and taken apart.

Whether lines agree with each other and with what is stored is checked by store/import_faults.py, when all are staged.
What consents say of their customer's accounts and of their application is left to wordings.py.
"""

import re
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET

from consentry.domain.importing import (
    MOST_FAULTS,
    End,
    Fault,
    FieldFault,
    ToldEnd,
    end_of,
    has_control_character,
    is_icon_url,
    is_visible_id,
)
from consentry.domain.institution import check_new_institution
from consentry.domain.intermediary import network_of
from consentry.domain.refusal.institution import InvalidInstitution
from consentry.store.staging import (
    StagedApplication,
    StagedConsent,
    StagedCustomer,
    StagedInstitution,
    StagedIntermediary,
    StagedRows,
)
from consentry.usecases.importing import shapes
from consentry.usecases.importing.reading import Chunk, is_blank
from consentry.usecases.importing.shapes import EXPECTED, ConsentEntry, ConsentLine, Head, ListLine
from consentry.usecases.importing.wordings import Wordings, accounts_json, check_accounts, check_customer_id

Shape = TypeVar("Shape", bound=msgspec.Struct)

_NO_LIST: Final = -1
_WHOLE_OBJECT: Final = "one whole JSON object in UTF-8"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PLACE: Final = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]+)`")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>[^`]+)`")
_INDEX: Final = re.compile(r"\[\d*\.*\]")

_head: Final = msgspec.json.Decoder(Head)
_institution: Final = msgspec.json.Decoder(shapes.InstitutionLine)
_intermediary: Final = msgspec.json.Decoder(shapes.IntermediaryLine)
_application: Final = msgspec.json.Decoder(shapes.ApplicationLine)
_customer: Final = msgspec.json.Decoder(shapes.CustomerLine)
_consent: Final = msgspec.json.Decoder(ConsentLine)
_list: Final = msgspec.json.Decoder(ListLine)
_STATUS: Final = {id(_intermediary): shapes.INTERMEDIARY_STATUS, id(_application): shapes.APPLICATION_STATUS}


class LineReader:
    """Reads the lines of one import; it remembers wordings, so that each is staged about once."""

    def __init__(self, institution: str, now: datetime) -> None:
        """Prepare to read the lines of an institution, named by its public id, at this moment."""
        self._institution = institution
        self._now = now
        self._wordings = Wordings()

    def begins_with_institution(self, chunk: Chunk) -> bool:
        """Tell whether the first line of a chunk describes the institution."""
        first = next((line for line in chunk.lines if not is_blank(line)), None)
        try:
            return first is not None and bool(_read_institution(chunk.first_line, first, self._institution))
        except FieldFault:
            return False

    def read(self, chunk: Chunk) -> tuple[StagedRows, list[Fault]]:
        """Give the rows of a chunk and at most 20 faults; with faults the rows are not whole."""
        rows = StagedRows()
        faults: list[Fault] = []
        for number, line in enumerate(chunk.lines, start=chunk.first_line):
            if is_blank(line):
                continue
            try:
                if line is None:
                    raise FieldFault("", "a line of at most 1 MiB")
                self._read(number, line, rows)
            except FieldFault as fault:
                faults.append(Fault(number, fault.field, fault.expected))
                if len(faults) >= MOST_FAULTS:
                    break
        return rows, faults

    def _read(self, number: int, line: bytes, rows: StagedRows) -> None:
        head = _decoded(_head, line)
        match head.type:
            case "consent":
                self._consent_line(number, line, rows)
            case "customer":
                _read_customer(number, line, rows)
            case "application":
                _read_application(number, line, rows)
            case "intermediary":
                _read_intermediary(number, line, rows)
            case "institution":
                rows.institutions.append(_read_institution(number, line, self._institution))
            case msgspec.UnsetType() if head.consents is not UNSET:
                self._list_line(number, line, rows)
            case msgspec.UnsetType() if head.id is not UNSET:
                self._consent_line(number, line, rows)
            case msgspec.UnsetType():
                raise FieldFault("type", f"{EXPECTED['type']}; it is missing")
            case _:
                raise FieldFault("type", EXPECTED["type"])

    def _consent_line(self, number: int, line: bytes, rows: StagedRows) -> None:
        entry = _decoded(_consent, line)
        if entry.application_id is UNSET:
            raise FieldFault("application_id", f"{EXPECTED['application_id']}; it is missing")
        rows.consents.append(self._consent(entry, entry.customer_id, (number, _NO_LIST), rows))

    def _list_line(self, number: int, line: bytes, rows: StagedRows) -> None:
        told = _decoded(_list, line)
        check_customer_id(told.customer_id)
        for position, entry in enumerate(told.consents):
            try:
                if entry.application_name is UNSET:
                    raise FieldFault("application_name", f"{EXPECTED['application_name']}; it is missing")
                rows.consents.append(self._consent(entry, told.customer_id, (number, position), rows))
            except FieldFault as fault:
                raise FieldFault(f"consents[{position}].{fault.field}", fault.expected) from None

    def _consent(
        self, entry: ConsentEntry, customer_id: str, place: tuple[int, int], rows: StagedRows
    ) -> StagedConsent:
        """Check a consent and give its row; `place` is its line and its index in the line's list, or -1."""
        self._wordings.stage_accounts(customer_id, entry.accounts, place, rows)
        application_id = self._wordings.stage_application(entry, place, rows)
        for field in ("created_at", "consented_on", "expires_at", "paused_at", "revoked_at", "last_accessed"):
            moment = getattr(entry, field)
            if moment is not None and moment.tzinfo is not UTC:
                _check_range(field, moment)
        end = _end(entry, self._now)
        return StagedConsent(
            *place,
            entry.id,
            customer_id,
            application_id,
            entry.created_at,
            entry.consented_on,
            entry.expires_at,
            end.paused_at,
            end.revoked_at,
            end.revoked_by,
            end.revocation_reason,
            entry.auto_enable_future_accounts,
            self._wordings.ids_json(sorted([account.account_id for account in entry.accounts if account.enabled])),
            self._wordings.clusters_json(entry.data_clusters),
            entry.last_accessed,
        )


_LIVE: Final = End(None, None, None, None)


def _end(entry: ConsentEntry, now: datetime) -> End:
    told = (entry.paused_at, entry.revoked_at, entry.revoked_by, entry.revocation_reason)
    if told == (None, None, None, None) and entry.status in (None, "active"):
        return _LIVE
    return end_of(ToldEnd(entry.status, entry.consented_on, entry.expires_at, *told), now)


def _check_range(field: str, moment: datetime) -> None:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise FieldFault(field, "a time between the years 1 and 9999 in UTC") from None


def _read_institution(number: int, line: bytes, expected: str) -> StagedInstitution:
    told = _decoded(_institution, line)
    if told.institution_id != expected:
        raise FieldFault("institution_id", f'"{expected}", the institution of this import')
    try:
        check_new_institution(told.institution_id, told.name)
    except InvalidInstitution:
        raise FieldFault("name", EXPECTED["name"]) from None
    host = None if told.host is None else told.host.lower()
    if host is not None and not _HOST.fullmatch(host):
        raise FieldFault("host", EXPECTED["host"])
    return StagedInstitution(number, told.name, host)


def _read_intermediary(number: int, line: bytes, rows: StagedRows) -> None:
    told = _decoded(_intermediary, line)
    _check_id("intermediary_id", told.intermediary_id)
    settings = {
        "status": told.status,
        "request_limit": told.request_limit,
        "allowed_networks": None if told.allowed_networks is None else _networks(told.allowed_networks),
        "approval": told.approval,
    }
    stated = {name: value for name, value in settings.items() if value is not None}
    rows.intermediaries.append(
        StagedIntermediary(
            number,
            _NO_LIST,
            "line",
            told.intermediary_id,
            told.name,
            msgspec.json.encode(stated).decode() if stated else None,
        )
    )


def _networks(told: list[str]) -> list[str]:
    """Give networks in their usual form, each once."""
    found = []
    for position, text in enumerate(told):
        try:
            found.append(network_of(text))
        except ValueError:
            raise FieldFault(f"allowed_networks[{position}]", "a network such as 203.0.113.0/24") from None
    return list(dict.fromkeys(found))


def _read_application(number: int, line: bytes, rows: StagedRows) -> None:
    told = _decoded(_application, line)
    _check_id("application_id", told.application_id)
    if told.icon_url is not None and not is_icon_url(told.icon_url):
        raise FieldFault("icon_url", EXPECTED["icon_url"])
    if told.website is not None and not is_icon_url(told.website):
        raise FieldFault("website", EXPECTED["website"])
    intermediary_id = told.intermediary_id
    if told.intermediary is not None:
        if intermediary_id is not None:
            raise FieldFault("intermediary", "either intermediary or intermediary_id")
        intermediary_id = told.intermediary.intermediary_id
        rows.intermediaries.append(
            StagedIntermediary(number, _NO_LIST, "application", intermediary_id, told.intermediary.name)
        )
    if intermediary_id is not None:
        field = "intermediary_id" if told.intermediary is None else "intermediary.intermediary_id"
        _check_id(field, intermediary_id)
    rows.applications.append(
        StagedApplication(
            number,
            told.application_id,
            told.name,
            told.icon_url,
            told.purpose,
            intermediary_id,
            told.status,
            told.category,
            told.website,
        )
    )


def _read_customer(number: int, line: bytes, rows: StagedRows) -> None:
    told = _decoded(_customer, line)
    check_customer_id(told.customer_id)
    accounts = [(a.account_id, a.nickname, a.account_number_display) for a in told.accounts]
    check_accounts(accounts)
    rows.customers.append(StagedCustomer(number, told.customer_id, accounts_json(accounts)))


def _check_id(field: str, text: str) -> None:
    if not is_visible_id(text):
        raise FieldFault(field, EXPECTED["application_id"])


def _decoded(decoder: "msgspec.json.Decoder[Shape]", line: bytes) -> Shape:
    try:
        told = decoder.decode(line)
    except msgspec.ValidationError as error:
        raise _fault_of(str(error), decoder) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FieldFault("", f"{_WHOLE_OBJECT}; this one is cut off or malformed") from None
    if decoder is not _head and (b"\\" in line or b"\x7f" in line):
        # Only an escape can put one of the other control characters into JSON.
        _refuse_control_characters("", msgspec.to_builtins(told))
    return told


def _fault_of(message: str, decoder: object) -> FieldFault:
    """Say in the words of the guide what msgspec says in its own: where, and what was expected there."""
    place = _PLACE.search(message)
    path = place["path"] if place else ""
    missing, unknown = _MISSING.match(message), _UNKNOWN.match(message)
    named = missing or unknown
    if named:
        path = f"{path}.{named['name']}" if path else named["name"]
    if unknown:
        return FieldFault(path, "no field of this name")
    if not path:
        return FieldFault("", _WHOLE_OBJECT)
    name = _INDEX.sub("", path).rsplit(".", 1)[-1]
    if name == "status":
        expected = _STATUS.get(id(decoder), shapes.CONSENT_STATUS)
    else:
        expected = EXPECTED[name]
    return FieldFault(path, f"{expected}; it is missing" if missing else expected)


def _refuse_control_characters(path: str, told: object) -> None:
    if isinstance(told, str) and has_control_character(told):
        raise FieldFault(path, "a text without control characters")
    if isinstance(told, dict):
        for name, value in told.items():
            _refuse_control_characters(f"{path}.{name}" if path else name, value)
    elif isinstance(told, list):
        for index, value in enumerate(told):
            _refuse_control_characters(f"{path}[{index}]", value)
