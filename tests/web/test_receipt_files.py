"""Receipts composed in three languages: the very words of the dashboard, every state, and both files of one receipt."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from babel.core import Locale
from babel.dates import format_datetime
from markupsafe import Markup

from consentry.domain.consent import ConsentStatus
from consentry.domain.receipt import Receipt, ReceiptAccount, Wording
from consentry.domain.refusal.request import UnknownConsent
from consentry.usecases.receipt.keys import receipt_public_keys
from consentry.usecases.receipt.make import SignedReceipt
from consentry.usecases.receipt.verify import verify_receipt
from consentry.usecases.services import Services
from consentry.web.receipts.composing import OWN_MESSAGES, compose, wording_of
from consentry.web.receipts.files import OfInstitution, make_receipt, pdf_of
from consentry.web.receipts.language import own_words
from tests.builders import Tenant, add_application, add_consent, add_customer
from tests.conftest import OPERATOR
from tests.records.asking import customer_actor, token_of
from tests.web.receipt_pdf import Pdf

PLACEHOLDER = re.compile(r"%\(\w+\)s")
PAST = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A language whose words of the dashboard are marked, so that it shows where they stand."""

    tag: str
    zone: tzinfo = UTC
    knows_zone: bool = False
    catalogue: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.tag, sep="-")

    def moment(self, moment: datetime) -> Markup:
        shown = format_datetime(moment.astimezone(self.zone), format="long", locale=self.locale)
        return Markup("<time>{}</time>").format(shown)


class Plain:
    """Names of statuses and kinds of data that say what was asked."""

    messages = ("Active", "balances")

    def status(self, status: ConsentStatus, ended_by: str | None) -> str:
        return f"{status.value} by {ended_by}" if ended_by else status.value.title()

    def cluster(self, name: str) -> str | None:
        return "balances" if name == "BALANCES" else None


RECEIPT = Receipt(
    receipt_id="0193-1",
    made_at=PAST,
    institution_id="bku",
    institution_name="Bank <b>&amp; Söhne</b>",
    customer_id="U-1",
    consent_id="_c1",
    version=3,
    status=ConsentStatus.ACTIVE,
    application_id="budget",
    application_name="100%% & <i>Co</i> %(app)s",
    intermediary_name="Centz",
    purpose="Shows where your money goes.",
    data_clusters=("BALANCES", "NEW_KIND"),
    accounts=(ReceiptAccount("Rainy <Day>", "5678"),),
    shares_new_accounts=True,
    consented_on=PAST,
    expires_at=None,
    paused_at=None,
    ended_at=None,
    ended_by=None,
    end_reason=None,
    disputed_at=None,
    last_accessed=None,
    wording=Wording("en", "-"),
)


def texts(receipt: Receipt, language: Spoken) -> list[str]:
    sheet = compose(SignedReceipt(receipt, "a.b.c"), language, Plain())
    rows = [row for section in sheet.sections for row in section.rows]
    return [
        sheet.title,
        sheet.status,
        *sheet.notes,
        *(text for row in rows for text in (row.label, *row.lines, row.detail or "")),
    ]


@pytest.mark.parametrize("language", ["es", "fr"])
def test_every_word_of_receipts_is_translated_with_its_placeholders(language: str) -> None:
    words = own_words(language)
    assert words.keys() == set(OWN_MESSAGES)
    for english, translated in words.items():
        assert translated
        assert sorted(PLACEHOLDER.findall(translated)) == sorted(PLACEHOLDER.findall(english)), english


def test_names_are_shown_as_they_are_whatever_they_look_like() -> None:
    shown = texts(RECEIPT, Spoken("en-GB"))
    assert shown[0] == "Receipt of your sharing with 100%% & <i>Co</i> %(app)s"
    assert "Rainy <Day>, ending in 5678" in shown
    assert "Bank <b>&amp; Söhne</b>" in shown[3]
    assert [text for text in shown if text in ("Balances", "New kind")] == ["Balances", "New kind"]


def test_a_live_receipt_says_how_long_and_an_ended_one_who_ended_it() -> None:
    live = texts(RECEIPT, Spoken("en-GB"))
    assert "until you stop it" in live
    assert "never" in live
    assert "shared automatically" in live
    assert "You can stop at any time." in live[2]
    ended = replace(
        RECEIPT, status=ConsentStatus.REVOKED, ended_at=PAST, ended_by="customer", disputed_at=PAST, last_accessed=PAST
    )
    told = texts(ended, Spoken("en-GB"))
    assert told[1] == "revoked by customer"
    assert "You told your bank that you don't recognise this app." in told
    assert "The app can no longer read anything of your accounts." in told[2]
    assert "until you stop it" not in told
    assert "shared automatically" not in told
    expired = replace(RECEIPT, status=ConsentStatus.EXPIRED, ended_at=PAST, ended_by="expiry", expires_at=PAST)
    assert "It had reached its last day." in texts(expired, Spoken("en-GB"))


def test_times_are_the_customers_and_say_whose_they_are() -> None:
    here = texts(RECEIPT, Spoken("es-MX", zone=ZoneInfo("America/Mexico_City"), knows_zone=True))
    assert "Todas las horas son las de America/Mexico_City." in here
    assert any("6:00:05" in text for text in here)
    assert not any("Todas las horas" in text for text in texts(RECEIPT, Spoken("es")))


def test_words_of_the_dashboard_are_taken_from_its_catalogue() -> None:
    shown = texts(
        RECEIPT, Spoken("fr", catalogue={"Key dates": ("Dates",), "Active": ("Actif",), "balances": ("soldes",)})
    )
    assert shown[1] == "Actif"
    assert "Soldes" in shown


def test_the_digest_of_the_wording_changes_with_any_word() -> None:
    plain, other = Spoken("fr"), Spoken("fr", catalogue={"never": ("jamais",)})
    digests = {wording_of(language, Plain()).digest for language in (plain, other, Spoken("es"), Spoken("en"))}
    assert len(digests) == 4
    assert wording_of(plain, Plain()) == wording_of(Spoken("fr"), Plain())
    assert wording_of(Spoken("es-MX"), Plain()).language == "es-MX"


@pytest.mark.parametrize("tag", ["en-US", "es", "fr-CA"])
def test_it_is_drawn_on_one_page_in_each_language(tag: str) -> None:
    pdf = Pdf(pdf_of(SignedReceipt(RECEIPT, "a.b.c"), Spoken(tag), Plain()))
    assert len(pdf.pages) == 1
    assert f"/Lang ({tag})".encode() in pdf.catalog


async def test_both_files_are_the_same_receipt_and_the_signed_one_is_attached(services: Services, bku: Tenant) -> None:
    await add_customer(services.session, bku, "anna")
    await add_application(services.session, bku, "budget", name="Budget & Söhne")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    anna = await token_of(services, bku, "anna")
    made = await make_receipt(
        services, anna, "_budget", actor=customer_actor(anna), language=Spoken("es"), names=Plain()
    )
    keys = await receipt_public_keys(services.session, institution=bku.public_id)
    receipt = verify_receipt(made.json, public_keys=keys)
    assert receipt.receipt_id == made.receipt_id
    assert receipt.wording == wording_of(Spoken("es"), Plain())
    pdf = Pdf(made.pdf)
    assert pdf.attachments == {"receipt.json": made.json}
    said = [passage.text for passage in pdf.passages]
    assert "Recibo de lo que comparte con Budget & Söhne" in said
    assert made.receipt_id in said
    with pytest.raises(UnknownConsent):
        await make_receipt(services, anna, "_other", actor=customer_actor(anna), language=Spoken("es"), names=Plain())


async def test_many_at_once_are_drawn_one_after_the_other_while_others_are_served(
    services: Services, bku: Tenant
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    staff = OfInstitution(bku.institution_id)
    made = await asyncio.gather(
        *(
            make_receipt(services, staff, "_budget", actor=OPERATOR, language=Spoken("en"), names=Plain())
            for _ in range(8)
        )
    )
    assert len({each.receipt_id for each in made}) == 8
    assert all(Pdf(each.pdf).attachments["receipt.json"] == each.json for each in made)
