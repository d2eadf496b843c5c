"""The settings: read from the environment once, checked whole, then frozen.

Everything has a default that is safe; a value that can't be used refuses the start with a sentence that names the
variable. What the settings are used for is decided by wiring.py and the command line.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from consentry.domain.api_settings import public_origin
from consentry.domain.origin import is_origin
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.staff import check_email

PREFIX: Final = "CONSENTRY_"
SURFACES: Final = ("api", "embed", "portal")
"""What a service can answer: the institutions' servers, customers' dashboards, staff."""
ANSWERED: Final = frozenset({"api", "embed"})
"""What it answers unless told otherwise: portals, which are better kept inside, are asked for."""
Value = TypeVar("Value")


class SettingsError(Exception):
    """A setting can't be used; the message names the variable and what it takes."""


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes e-mails (SMTP); with `tls` it is spoken to encrypted from the first byte."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second that are answered, and how many may come at once; failures are counted a minute."""

    institution_rate: float
    institution_burst: int
    source_rate: float
    source_burst: int
    failures_per_minute: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days events, the audit with failed sign-ins, and consents that have ended are kept.

    Of events and audit, what is older is dropped by months.
    """

    event_days: int
    audit_days: int
    consent_days: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a process; docs/guides/operate.md lists the variables."""

    data_dir: Path
    database_url: str | None
    migration_url: str | None
    postgres_user: str | None
    postgres_bin: Path | None
    key_file: Path
    keys: str | None
    key_command: str | None
    bind: Bind
    surfaces: frozenset[str]
    workers: int
    connections: int
    trusted_proxies: int
    allowed_origins: frozenset[str]
    drain_seconds: float
    limits: Limits
    log_level: str
    checkpoint_file: Path
    checkpoint_syslog: bool
    retention: Retention
    mail_server: MailServer | None
    mail_from: str | None
    portal_url: str | None
    security_contact: str | None
    security_expires: date | None

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, bind={str(self.bind)!r}, ...)"

    @staticmethod
    def read(environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `CONSENTRY_*` variables.

        Raises:
            SettingsError: a variable is unknown or its value can't be used.
        """
        reader = _Reader(os.environ if environment is None else environment)
        data_dir = reader.path("DATA_DIR", Path("var")).absolute()
        settings = Settings(
            data_dir=data_dir,
            database_url=reader.text("DATABASE_URL"),
            migration_url=reader.text("MIGRATION_URL"),
            postgres_user=reader.text("POSTGRES_USER"),
            postgres_bin=reader.optional_path("POSTGRES_BIN"),
            key_file=reader.path("KEY_FILE", data_dir / "keys.json"),
            keys=reader.text("KEYS"),
            key_command=reader.text("KEY_COMMAND"),
            bind=reader.bind("BIND", Bind("127.0.0.1", 8080)),
            surfaces=reader.surfaces("SURFACES"),
            workers=reader.integer("WORKERS", os.cpu_count() or 1, least=1, most=256),
            connections=reader.integer("CONNECTIONS", 8, least=3, most=100),
            trusted_proxies=reader.integer("TRUSTED_PROXIES", 0, least=0, most=10),
            allowed_origins=reader.origins("ALLOWED_ORIGINS"),
            drain_seconds=reader.number("DRAIN_SECONDS", 30, least=0, most=600),
            limits=Limits(
                institution_rate=reader.number("INSTITUTION_RATE", 20_000, least=0.1, most=1e9),
                institution_burst=reader.integer("INSTITUTION_BURST", 40_000, least=1, most=10**9),
                source_rate=reader.number("SOURCE_RATE", 20_000, least=0.1, most=1e9),
                source_burst=reader.integer("SOURCE_BURST", 40_000, least=1, most=10**9),
                failures_per_minute=reader.integer("FAILURES_PER_MINUTE", 30, least=1, most=10**6),
                in_flight=reader.integer("IN_FLIGHT", 2_000, least=1, most=100_000),
            ),
            log_level=reader.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            checkpoint_file=reader.path("CHECKPOINT_FILE", data_dir / "audit-checkpoints.jsonl"),
            checkpoint_syslog=reader.choice("CHECKPOINT_SYSLOG", "no", ("yes", "no")) == "yes",
            retention=Retention(
                event_days=reader.integer("KEEP_EVENTS_DAYS", 90, least=30, most=36_500),
                audit_days=reader.integer("KEEP_AUDIT_DAYS", 3 * 366, least=366, most=36_500),
                consent_days=reader.integer("KEEP_CONSENTS_DAYS", 3 * 366, least=366, most=36_500),
            ),
            mail_server=reader.mail_server("SMTP_URL"),
            mail_from=reader.mail_sender("MAIL_FROM"),
            portal_url=reader.public_address("PORTAL_URL"),
            security_contact=reader.contact("SECURITY_CONTACT"),
            security_expires=reader.day("SECURITY_EXPIRES"),
        )
        reader.refuse_unknown()
        settings.check_together()
        return settings

    def check_together(self) -> None:
        """Check what no setting can be asked alone.

        Raises:
            SettingsError: two exclude, or one needs another.
        """
        if self.keys and self.key_command:
            raise SettingsError(f"{PREFIX}KEYS and {PREFIX}KEY_COMMAND are both set; keep one of them.")
        if self.mail_server is not None and self.mail_from is None:
            raise SettingsError(
                f"{PREFIX}SMTP_URL is set; set {PREFIX}MAIL_FROM to the address that e-mails come from."
            )
        if (self.security_contact is None) != (self.security_expires is None):
            raise SettingsError(f"Set {PREFIX}SECURITY_CONTACT and {PREFIX}SECURITY_EXPIRES both, or none of them.")


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = {k.removeprefix(PREFIX): v for k, v in environment.items() if k.startswith(PREFIX)}
        self._known: set[str] = set()

    def text(self, name: str) -> str | None:
        self._known.add(name)
        return self._values.get(name) or None

    def optional_path(self, name: str) -> Path | None:
        value = self.text(name)
        return None if value is None else Path(value)

    def path(self, name: str, default: Path) -> Path:
        return self.optional_path(name) or default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = (self.text(name) or default).lower()
        if value not in choices:
            raise SettingsError(f"{PREFIX}{name} must be one of: {', '.join(choices)}.")
        return value

    def surfaces(self, name: str) -> frozenset[str]:
        wanted = f"some of {', '.join(SURFACES)}, with commas between"
        return self._within(name, ANSWERED, parse_surfaces, wanted, lambda _: True)

    def origins(self, name: str) -> frozenset[str]:
        wanted = "origins such as https://idp.bank.internal:8443, with commas between"
        return self._within(name, frozenset(), parse_origins, wanted, lambda _: True)

    def mail_server(self, name: str) -> MailServer | None:
        wanted = "an address like smtp://mail.bank.internal:25 or smtps://user:password@mail.example"
        return self._within(name, None, parse_mail_server, wanted, lambda _: True)

    def mail_sender(self, name: str) -> str | None:
        wanted = "an e-mail address, or a name with one: Bank of Example <consents@bank.example>"
        return self._within(name, None, parse_mail_sender, wanted, lambda _: True)

    def public_address(self, name: str) -> str | None:
        wanted = "an address like https://portal.bank.example, without a path; http only on this machine"
        return self._within(name, None, public_origin, wanted, lambda _: True)

    def contact(self, name: str) -> str | None:
        wanted = "an address like mailto:security@bank.example or https://bank.example/security"
        return self._within(name, None, parse_contact, wanted, lambda _: True)

    def day(self, name: str) -> date | None:
        return self._within(name, None, date.fromisoformat, "a day like 2027-11-30", lambda _: True)

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        return self._within(name, default, int, f"a whole number from {least} to {most}", lambda v: least <= v <= most)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        return self._within(name, default, float, f"a number from {least:g} to {most:g}", lambda v: least <= v <= most)

    def bind(self, name: str, default: Bind) -> Bind:
        return self._within(name, default, parse_bind, "an address like 127.0.0.1:8080", lambda _: True)

    def _within(
        self, name: str, default: Value, parse: Callable[[str], Value], wanted: str, allowed: Callable[[Value], bool]
    ) -> Value:
        text = self.text(name)
        if text is None:
            return default
        try:
            value = parse(text)
        except ValueError:
            value = None
        if value is None or not allowed(value):
            raise SettingsError(f"{PREFIX}{name} must be {wanted}.")
        return value

    def refuse_unknown(self) -> None:
        unknown = sorted(self._values.keys() - self._known)
        if unknown:
            raise SettingsError(f"{PREFIX}{unknown[0]} is no setting; docs/guides/operate.md lists them all.")


def parse_surfaces(text: str) -> frozenset[str]:
    """Read names of surfaces with commas between them.

    Raises:
        ValueError: there is none, or one that does not exist.
    """
    chosen = frozenset(part.strip() for part in text.lower().split(","))
    if not chosen <= frozenset(SURFACES):
        raise ValueError(text)
    return chosen


def parse_origins(text: str) -> frozenset[str]:
    """Read origins (RFC 6454) with commas between them, in small letters, with a port only where it is unusual.

    Raises:
        ValueError: one is none: it has a path, no host, or another scheme than http and https.
    """
    found = frozenset(part.strip().lower() for part in text.split(","))
    if not all(is_origin(origin) for origin in found):
        raise ValueError(text)
    return found


def parse_mail_server(text: str) -> MailServer:
    """Read `smtp://[user:password@]host[:port]`, or `smtps://` for TLS from the first byte.

    Raises:
        ValueError: it has another form.
    """
    parts = urlsplit(text)
    has_more = parts.path not in ("", "/") or parts.query or parts.fragment
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or has_more or not text.isprintable():
        raise ValueError("no address of a mail server")
    if (parts.username is None) != (parts.password is None) or parts.username == "":
        raise ValueError("a user without a password, or the other way round")
    tls = parts.scheme == "smtps"
    usual = 465 if tls else 25 if parts.password is None else 587
    return MailServer(
        host=parts.hostname,
        port=parts.port or usual,
        tls=tls,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def parse_mail_sender(text: str) -> str:
    """Read the address that e-mails come from, with or without a name before it.

    Raises:
        ValueError: it is none.
    """
    _, address = parseaddr(text)
    try:
        check_email(address)
    except InvalidSettings:
        raise ValueError(text) from None
    if not text.isprintable():
        raise ValueError(text)
    return text.strip()


def parse_contact(text: str) -> str:
    """Read where reports of vulnerabilities go (RFC 9116): an address by mailto or https.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text)
    address = parts.path if parts.scheme == "mailto" else parts.hostname if parts.scheme == "https" else None
    if not address or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(text)
    if parts.scheme == "mailto":
        try:
            check_email(address)
        except InvalidSettings:
            raise ValueError(text) from None
    return text


def parse_bind(text: str) -> Bind:
    """Read `host:port`, `[ipv6]:port`; port 0 means any free one.

    Raises:
        ValueError: it has another form.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(text)
    return Bind(host, int(port))
