"""What consents say again and again: their customer's accounts, their application, the ids they share.

Each wording is checked and staged when it is new; in a file that keeps a customer's consents together that is once. The
store leaves out what slips through twice, and compares the wordings.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from consentry.domain.importing import FieldFault, id_from_name, is_data_cluster, is_icon_url, is_masked, is_visible_id
from consentry.domain.scope import is_customer_id
from consentry.store.staging import StagedAccountList, StagedIntermediary, StagedMention, StagedRows
from consentry.usecases.importing.shapes import EXPECTED, ConsentEntry, SharedAccount

DescribedAccount = tuple[str, str, str]
"""An account's id, its nickname and its masked number."""

_MOST_REMEMBERED: Final = 10_000
_encode: Final = msgspec.json.Encoder().encode


class Wordings:
    """The wordings that were staged lately."""

    def __init__(self) -> None:
        self._customer_id: str | None = None
        self._accounts: list[DescribedAccount] = []
        self._applications: dict[tuple[object, ...], str] = {}
        self._clusters: dict[tuple[str, ...], str] = {}
        self._ids: list[str] = []
        self._ids_json = "[]"

    def stage_accounts(
        self, customer_id: str, told: Sequence[SharedAccount], place: tuple[int, int], rows: StagedRows
    ) -> None:
        """Stage what a consent says of its customer's accounts, unless the one before it said the same.

        Raises:
            FieldFault: the customer's id or an account can't be used.
        """
        accounts = [(a.account_id, a.nickname, a.account_number_display) for a in told]
        if customer_id == self._customer_id and accounts == self._accounts:
            return
        check_customer_id(customer_id)
        check_accounts(accounts)
        text = accounts_json(accounts)
        rows.account_lists.append(StagedAccountList(customer_id, _key(text.encode()), *place, text))
        self._customer_id, self._accounts = customer_id, accounts

    def stage_application(self, entry: ConsentEntry, place: tuple[int, int], rows: StagedRows) -> str:
        """Stage what a consent says of its application, unless it was said lately; give the application's id.

        A consent in a list describes its application, and where it tells no id, the id follows from the name.

        Raises:
            FieldFault: the id or the icon's address can't be used.
        """
        describes = place[1] >= 0
        told = (describes, entry.application_id, entry.application_name)
        wording = (*told, entry.application_icon_url, entry.intermediary_name)
        known = self._applications.get(wording)
        if known is not None:
            return known
        icon_url = _told(entry.application_icon_url)
        if icon_url is not None and not is_icon_url(icon_url):
            raise FieldFault("application_icon_url", EXPECTED["application_icon_url"])
        name, intermediary = _told(entry.application_name), _told(entry.intermediary_name)
        application_id = _told(entry.application_id)
        if application_id is None:
            application_id = id_from_name("app", name or "")
        elif not is_visible_id(application_id):
            raise FieldFault("application_id", EXPECTED["application_id"])
        intermediary_id = None if intermediary is None else id_from_name("intermediary", intermediary)
        mention = StagedMention(
            application_id,
            _key(repr(wording).encode()),
            *place,
            describes,
            name,
            entry.application_icon_url is not UNSET,
            icon_url,
            entry.intermediary_name is not UNSET,
            intermediary_id,
            intermediary,
        )
        rows.mentions.append(mention)
        if describes and intermediary_id is not None and intermediary is not None:
            rows.intermediaries.append(StagedIntermediary(*place, "list", intermediary_id, intermediary))
        if len(self._applications) >= _MOST_REMEMBERED:
            self._applications.clear()
        self._applications[wording] = application_id
        return application_id

    def ids_json(self, ids: list[str]) -> str:
        """Write ids as JSON; a customer's consents often share the same accounts."""
        if ids != self._ids:
            self._ids, self._ids_json = ids, _encode(ids).decode()
        return self._ids_json

    def clusters_json(self, clusters: list[str]) -> str:
        """Check data clusters and write them as JSON.

        Raises:
            FieldFault: one has not the form of a data cluster, or comes twice.
        """
        wording = tuple(clusters)
        known = self._clusters.get(wording)
        if known is not None:
            return known
        for index, cluster in enumerate(clusters):
            if not is_data_cluster(cluster) or cluster in clusters[:index]:
                raise FieldFault(f"data_clusters[{index}]", "an FDX DataCluster value, each once")
        if len(self._clusters) >= _MOST_REMEMBERED:
            self._clusters.clear()
        self._clusters[wording] = text = _encode(clusters).decode()
        return text


def check_customer_id(customer_id: str) -> None:
    """Check that a text can be a customer's id.

    Raises:
        FieldFault: it can't.
    """
    if not is_customer_id(customer_id):
        raise FieldFault("customer_id", EXPECTED["customer_id"])


def check_accounts(accounts: Sequence[DescribedAccount]) -> None:
    """Check the accounts of one customer: each id once, and every number masked.

    Raises:
        FieldFault: one can't be used.
    """
    seen = set()
    for index, (account_id, _, number) in enumerate(accounts):
        if account_id in seen:
            raise FieldFault(f"accounts[{index}].account_id", "each account once")
        if not is_masked(number):
            raise FieldFault(f"accounts[{index}].account_number_display", EXPECTED["account_number_display"])
        seen.add(account_id)


def accounts_json(accounts: Sequence[DescribedAccount]) -> str:
    """Write accounts as they are stored with a customer."""
    members = [
        {"account_id": account_id, "nickname": nickname, "account_number_display": number}
        for account_id, nickname, number in accounts
    ]
    return _encode(members).decode()


def _told(value: str | UnsetType | None) -> str | None:
    return None if isinstance(value, UnsetType) else value


def _key(wording: bytes) -> bytes:
    return hashlib.blake2b(wording, digest_size=16).digest()
