"""Settings are checked whole, and say which variable is wrong."""

from pathlib import Path

import pytest

from consentry.config import Bind, MailServer, Settings, SettingsError, parse_bind


def test_everything_has_a_safe_default() -> None:
    settings = Settings.read({})
    assert settings.bind == Bind("127.0.0.1", 8080)
    assert settings.trusted_proxies == 0
    assert settings.key_file == settings.data_dir / "keys.json"
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("BIND", "8080"),
        ("BIND", "127.0.0.1:99999"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "-1"),
        ("SOURCE_RATE", "nan"),
        ("CHECKPOINT_SYSLOG", "maybe"),
        ("ALLOWED_ORIGINS", "https://idp.bank.internal/path"),
        ("ALLOWED_ORIGINS", "https://idp.bank.internal,"),
        ("ALLOWED_ORIGINS", "idp.bank.internal"),
        ("ALLOWED_ORIGINS", "https://[::1"),
        ("PORTAL_URL", "portal.bank.example"),
        ("PORTAL_URL", "http://portal.bank.example"),
        ("PORTAL_URL", "https://portal.bank.example/admin"),
        ("SMTP_URL", "mail.bank.internal:25"),
        ("SMTP_URL", "https://mail.bank.internal"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.bank.internal:99999"),
        ("SMTP_URL", "smtp://mail.bank.internal/inbox"),
        ("SMTP_URL", "smtp://user@mail.bank.internal"),
        ("SMTP_URL", "smtp://:canary@mail.bank.internal"),
        ("SMTP_URL", "smtp://mail.bank\r\n.internal"),
        ("SECURITY_CONTACT", "security@bank.example"),
        ("SECURITY_CONTACT", "mailto:security"),
        ("SECURITY_CONTACT", "http://bank.example/security"),
        ("SECURITY_CONTACT", "https://"),
        ("SECURITY_CONTACT", "https://bank.example/\r\nContact: mailto:eve@evil.example"),
        ("SECURITY_EXPIRES", "next year"),
        ("SECURITY_EXPIRES", "2027-02-30"),
        ("MAIL_FROM", "consents"),
        ("MAIL_FROM", "consents@bank.example\r\nBcc: eve@evil.example"),
    ],
)
def test_a_value_that_can_not_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"CONSENTRY_{name}"):
        Settings.read({f"CONSENTRY_{name}": value})


def test_allowed_origins_are_read_as_they_are_compared() -> None:
    settings = Settings.read({"CONSENTRY_ALLOWED_ORIGINS": "https://IDP.bank.internal, http://127.0.0.1:9000"})
    assert settings.allowed_origins == {"https://idp.bank.internal", "http://127.0.0.1:9000"}


def test_a_misspelt_variable_is_refused() -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_WORKER is no setting"):
        Settings.read({"CONSENTRY_WORKER": "2"})


def test_two_sources_of_keys_are_refused() -> None:
    with pytest.raises(SettingsError, match="both"):
        Settings.read({"CONSENTRY_KEYS": "{}", "CONSENTRY_KEY_COMMAND": "true"})


def test_a_mail_server_is_read_with_the_port_that_is_usual_for_it() -> None:
    def read(url: str) -> MailServer | None:
        return Settings.read({"CONSENTRY_SMTP_URL": url, "CONSENTRY_MAIL_FROM": "a@bank.example"}).mail_server

    assert read("smtp://mail.test") == MailServer("mail.test", 25, tls=False)
    assert read("smtp://[::1]:2525/") == MailServer("::1", 2525, tls=False)
    assert read("smtp://u:p%40ss@mail.test") == MailServer("mail.test", 587, tls=False, user="u", password="p@ss")
    assert read("smtps://u:p@mail.test") == MailServer("mail.test", 465, tls=True, user="u", password="p")


def test_a_mail_server_needs_a_sender() -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_MAIL_FROM"):
        Settings.read({"CONSENTRY_SMTP_URL": "smtp://mail.test"})
    named = Settings.read({"CONSENTRY_MAIL_FROM": "Bank of Example <consents@bank.example>"})
    assert named.mail_from == "Bank of Example <consents@bank.example>"


@pytest.mark.parametrize("one", [{"CONTACT": "mailto:security@bank.example"}, {"EXPIRES": "2027-11-30"}])
def test_a_security_contact_needs_a_day_until_which_it_holds(one: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="both"):
        Settings.read({f"CONSENTRY_SECURITY_{name}": value for name, value in one.items()})


def test_secrets_never_show_in_a_representation() -> None:
    settings = Settings.read({"CONSENTRY_KEYS": "canary-1", "CONSENTRY_DATABASE_URL": "postgresql://u:canary-2@h/d"})
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "bind"),
    [("0.0.0.0:80", Bind("0.0.0.0", 80)), ("[::1]:0", Bind("::1", 0)), ("localhost:1", Bind("localhost", 1))],  # noqa: S104 - parsed, not bound
)
def test_addresses_are_read(text: str, bind: Bind) -> None:
    assert parse_bind(text) == bind


def test_the_data_folder_holds_what_is_not_named(tmp_path: Path) -> None:
    settings = Settings.read({"CONSENTRY_DATA_DIR": str(tmp_path)})
    assert settings.key_file.parent == settings.checkpoint_file.parent == tmp_path
