"""Compose a receipt in its customer's language, with the very words that the dashboard uses.

Which words there are stands here; how a language has them is the catalogues' business (language.py), how a page looks
the drawing's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from consentry import __version__
from consentry.domain.receipt import EXPIRY, Receipt, Wording
from consentry.usecases.receipt.make import SignedReceipt
from consentry.web.receipts.language import Language, Names, own_words
from consentry.web.receipts.sheet import Attachment, Row, Section, Sheet

_LETTER: Final = frozenset({"US", "CA", "MX", "CO", "CL", "VE", "PH"})
_TITLE: Final = "Receipt of your sharing with %(app)s"
_APP: Final = "The app"
_NAME: Final = "Name"
_THROUGH: Final = "Through"
_PURPOSE: Final = "What it is for"
_SHARED: Final = "What is shared"
_WAS_SHARED: Final = "What was shared"
_DATA: Final = "Data"
_NO_DATA: Final = "No kind of data was granted."
_ACCOUNTS: Final = "Accounts"
_ACCOUNT: Final = "%(account)s, ending in %(digits)s"
_NO_ACCOUNT: Final = "none"
_NEW_ACCOUNTS: Final = "New accounts"
_NEW_SHARED: Final = "shared automatically"
_NEW_NOT_SHARED: Final = "not shared automatically"
_DATES: Final = "Key dates"
_SINCE: Final = "Since"
_UNTIL: Final = "Until"
_NO_END: Final = "until you stop it"
_PAUSED: Final = "Paused since"
_LAST_ACCESS: Final = "Last access"
_NEVER: Final = "never"
_ENDED: Final = "Ended"
_EXPIRED: Final = "It had reached its last day."
_REPORTED: Final = "Reported"
_NOT_RECOGNISED: Final = "You told your bank that you don't recognise this app."
_THIS: Final = "This receipt"
_MADE: Final = "Made"
_ZONE: Final = "All times are those of %(zone)s."
_NUMBER: Final = "Receipt number"
_CONSENT: Final = "Consent"
_VERSION: Final = "%(consent)s, version %(version)s"
_CUSTOMER: Final = "Your number at the bank"
_FINGERPRINT: Final = "Fingerprint"
_ABOUT: Final = "This receipt says what you had decided at the moment it was made."
_CAN_STOP: Final = "You can stop at any time. The app can then no longer read anything."
_HAS_STOPPED: Final = "The app can no longer read anything of your accounts."
_MAY_KEEP: Final = "What it has read already it may keep. Ask it to delete your data if you want that."
_PROOF: Final = (
    "Attached to this file is %(file)s, signed by %(bank)s. With the bank's public keys anybody can check that the bank"
    " made it and that nothing in it was changed since."
)
_FOOTER: Final = "Receipt %(number)s"
_PAGE: Final = "Page %(page)s of %(pages)s"
OWN_MESSAGES: Final = (
    _TITLE,
    _APP,
    _NAME,
    _THROUGH,
    _DATA,
    _ACCOUNT,
    _NO_ACCOUNT,
    _NEW_ACCOUNTS,
    _NEW_SHARED,
    _NEW_NOT_SHARED,
    _EXPIRED,
    _REPORTED,
    _NOT_RECOGNISED,
    _THIS,
    _MADE,
    _ZONE,
    _NUMBER,
    _CONSENT,
    _VERSION,
    _CUSTOMER,
    _FINGERPRINT,
    _ABOUT,
    _HAS_STOPPED,
    _PROOF,
    _FOOTER,
    _PAGE,
)
"""What only receipts say, in English: the keys of web/receipts/locale."""
SHARED_MESSAGES: Final = (
    _PURPOSE,
    _SHARED,
    _WAS_SHARED,
    _NO_DATA,
    _ACCOUNTS,
    _DATES,
    _SINCE,
    _UNTIL,
    _NO_END,
    _PAUSED,
    _LAST_ACCESS,
    _NEVER,
    _ENDED,
    _CAN_STOP,
    _MAY_KEEP,
)
"""What the dashboard says as well: keys of its catalogues."""
ATTACHED: Final = "receipt.json"


def wording_of(language: Language, names: Names) -> Wording:
    """Say which words receipts in a language use: a digest of all that can stand on one."""
    own = own_words(language.locale.language)
    messages = (*OWN_MESSAGES, *SHARED_MESSAGES, *names.messages)
    said = [[message, own.get(message) or _first(language.catalogue, message)] for message in messages]
    return Wording(language=language.tag, digest=f"sha256:{hashlib.sha256(msgspec.json.encode(said)).hexdigest()}")


def compose(signed: SignedReceipt, language: Language, names: Names) -> Sheet:
    """Give the sheet of a signed receipt in a language."""
    return _Composition(signed.receipt, language, names).sheet(signed)


class _Composition:
    def __init__(self, receipt: Receipt, language: Language, names: Names) -> None:
        self._receipt = receipt
        self._language = language
        self._names = names
        self._own = own_words(language.locale.language)

    def sheet(self, signed: SignedReceipt) -> Sheet:
        receipt = self._receipt
        return Sheet(
            lang=self._language.tag,
            is_letter=self._language.locale.territory in _LETTER,
            title=self._say(_TITLE, app=receipt.application_name),
            issuer=receipt.institution_name,
            subject=receipt.consent_id,
            status=self._status(),
            is_live=not receipt.has_ended,
            sections=(self._app(), self._shared(), self._dates(), self._about(signed)),
            notes=self._notes(),
            footer=self._say(_FOOTER, number=receipt.receipt_id),
            page_of=self._say(_PAGE, page="{page}", pages="{pages}"),
            made_at=receipt.made_at,
            producer=f"consentry {__version__}",
            attachment=Attachment(name=ATTACHED, content=signed.file),
        )

    def _app(self) -> Section:
        receipt = self._receipt
        rows = [Row(self._say(_NAME), (receipt.application_name,))]
        if receipt.intermediary_name:
            rows.append(Row(self._say(_THROUGH), (receipt.intermediary_name,)))
        if receipt.purpose:
            rows.append(Row(self._say(_PURPOSE), (receipt.purpose,)))
        return Section(self._say(_APP), tuple(rows))

    def _shared(self) -> Section:
        receipt = self._receipt
        accounts = tuple(self._say(_ACCOUNT, account=a.nickname, digits=a.last_four) for a in receipt.accounts)
        new = _NEW_SHARED if receipt.shares_new_accounts else _NEW_NOT_SHARED
        rows = [
            Row(self._say(_DATA), tuple(map(self._cluster, receipt.data_clusters)) or (self._say(_NO_DATA),)),
            Row(self._say(_ACCOUNTS), accounts or (self._say(_NO_ACCOUNT),)),
        ]
        if not receipt.has_ended:
            rows.append(Row(self._say(_NEW_ACCOUNTS), (self._say(new),)))
        return Section(self._say(_WAS_SHARED if receipt.has_ended else _SHARED), tuple(rows))

    def _dates(self) -> Section:
        receipt = self._receipt
        rows = [Row(self._say(_SINCE), (self._moment(receipt.consented_on),))]
        if receipt.ended_at is not None:
            how = self._say(_EXPIRED) if receipt.ended_by == EXPIRY else self._status()
            rows.append(Row(self._say(_ENDED), (self._moment(receipt.ended_at),), detail=how))
        elif receipt.expires_at is not None:
            rows.append(Row(self._say(_UNTIL), (self._moment(receipt.expires_at),)))
        else:
            rows.append(Row(self._say(_UNTIL), (self._say(_NO_END),)))
        if receipt.paused_at is not None and not receipt.has_ended:
            rows.append(Row(self._say(_PAUSED), (self._moment(receipt.paused_at),)))
        read = receipt.last_accessed
        rows.append(Row(self._say(_LAST_ACCESS), (self._say(_NEVER) if read is None else self._moment(read),)))
        if receipt.disputed_at is not None:
            told = (self._moment(receipt.disputed_at),)
            rows.append(Row(self._say(_REPORTED), told, detail=self._say(_NOT_RECOGNISED)))
        return Section(self._say(_DATES), tuple(rows))

    def _about(self, signed: SignedReceipt) -> Section:
        receipt = self._receipt
        consent = self._say(_VERSION, consent=receipt.consent_id, version=receipt.version)
        return Section(
            self._say(_THIS),
            (
                Row(self._say(_MADE), (self._moment(receipt.made_at),), detail=self._zone()),
                Row(self._say(_NUMBER), (receipt.receipt_id,)),
                Row(self._say(_CONSENT), (consent,)),
                Row(self._say(_CUSTOMER), (receipt.customer_id,)),
                Row(self._say(_FINGERPRINT), (f"SHA-256 {signed.digest[:32]} {signed.digest[32:]}",)),
            ),
        )

    def _notes(self) -> tuple[str, ...]:
        stands = (_HAS_STOPPED, _MAY_KEEP) if self._receipt.has_ended else (_CAN_STOP,)
        proof = self._say(_PROOF, file=ATTACHED, bank=self._receipt.institution_name)
        return (" ".join(map(self._say, (_ABOUT, *stands))), proof)

    def _status(self) -> str:
        return self._say(self._names.status(self._receipt.status, self._receipt.ended_by))

    def _cluster(self, name: str) -> str:
        message = self._names.cluster(name)
        named = name.replace("_", " ").lower() if message is None else self._say(message)
        return named[:1].upper() + named[1:]

    def _moment(self, moment: datetime) -> str:
        return self._language.moment(moment).striptags()

    def _zone(self) -> str | None:
        language = self._language
        return self._say(_ZONE, zone=str(language.zone)) if language.knows_zone else None

    def _say(self, message: str, **values: object) -> str:
        text = self._own.get(message) or _first(self._language.catalogue, message)
        return text % values if values else text


def _first(catalogue: Mapping[str, Sequence[str]], message: str) -> str:
    return catalogue.get(message, (message,))[0]
