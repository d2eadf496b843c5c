"""The client against a server on this machine: what it sends, renews, repeats and never repeats, and how it fails."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from consentry.client import (
    AsyncConsentManagement,
    ConnectionFailedError,
    ConsentManagement,
    ConsentryError,
    CustomerSession,
    InvalidClientError,
    InvalidTokenError,
    NotFoundError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    StaleETagError,
    UnavailableError,
    UnexpectedAnswerError,
)
from tests.client.bank import ACCOUNT, CUSTOMER, CUT, CUT_AFTER_THE_WORK, SECRET, Bank, Trouble, open_bank

QUICK = RetryPolicy(first_wait=0.001, longest_wait=0.002, patience=1.0)
BUSY = Trouble(503, {"Retry-After": "0"})
LIST = "GET /api/v4/consent_management"
TOKEN = "POST /api/v4/token"


@pytest.fixture
def bank() -> Iterator[Bank]:
    with open_bank() as opened:
        yield opened


@pytest.fixture
def api(bank: Bank) -> Iterator[ConsentManagement]:
    with ConsentManagement(bank.url, "bku/1", SECRET, retries=QUICK) as client:
        yield client


@pytest.fixture
def customer(api: ConsentManagement) -> CustomerSession:
    return api.for_customer(CUSTOMER)


# --- what it says and hears ----------------------------------------------------------------------------------------


def test_a_consent_comes_back_with_all_that_it_says(customer: CustomerSession) -> None:
    (consent,) = customer.list()
    assert consent.application_name == "Tallyleaf Budget"
    assert consent.consented_on == datetime(2025, 6, 14, 19, 48, 18, 354000, tzinfo=UTC)
    assert [(account.account_id, account.enabled) for account in consent.accounts] == [(ACCOUNT, True), ("..", False)]
    assert (consent.status, consent.etag, consent.revoked_at) == (None, None, None)


def test_later_versions_tell_more_and_what_is_unknown_is_passed_over(bank: Bank) -> None:
    with ConsentManagement(bank.url, "bku/1", SECRET, version="v6") as api:
        (consent,) = api.for_customer(CUSTOMER).list()
    assert (consent.status, consent.data_clusters, consent.etag) == ("active", ("BALANCES",), '"1"')
    assert bank.asked[-1].path == "/api/v6/consent_management"


def test_a_customer_without_consents_has_an_empty_list(api: ConsentManagement) -> None:
    assert api.for_customer("nobody").list() == ()


def test_a_token_is_asked_for_with_form_encoded_credentials_and_the_customers_id(
    bank: Bank, api: ConsentManagement
) -> None:
    token = api.request_token(CUSTOMER)
    assert (token.access_token, token.token_type, token.expires_in) == ("token.1", "Bearer", 300)
    assert bank.asked[0].body == b'{"type":"consent_management","scopes":"customer.modify_consent:cus:5b81"}'
    assert bank.asked[0].headers["content-type"] == "application/json"


def test_a_token_is_revoked_by_itself_or_by_its_text(bank: Bank, api: ConsentManagement) -> None:
    first, second = api.request_token(CUSTOMER), api.request_token(CUSTOMER)
    assert api.revoke_token(first).scopes == {"customer.modify_consent": CUSTOMER}
    assert api.revoke_token(second.access_token).id == 7
    assert bank.lines[-2:] == ["DELETE /api/v4/token/token.1", "DELETE /api/v4/token/token.2"]


@pytest.mark.parametrize(
    ("account_id", "path"),
    [(ACCOUNT, "ACT~2f61%3Achk%2F01%25x"), ("..", "%2E%2E"), ("a b+ä?#", "a%20b%2B%C3%A4%3F%23")],
)
def test_an_account_id_of_any_characters_arrives_as_it_is(
    bank: Bank, customer: CustomerSession, account_id: str, path: str
) -> None:
    bank.accounts[account_id] = False
    customer.share_account("_9f2c", account_id)
    assert bank.accounts[account_id]
    assert bank.lines[-1] == f"PUT /api/v4/consent_management/_9f2c/accounts/{path}"
    customer.stop_sharing_account("_9f2c", account_id)
    assert not bank.accounts[account_id]


def test_every_change_answers_the_whole_consent_with_its_tag(bank: Bank, customer: CustomerSession) -> None:
    assert customer.get("_9f2c").etag == '"1"'
    assert customer.share_new_accounts("_9f2c", True).auto_enable_future_accounts
    assert not customer.share_new_accounts("_9f2c", on=False).auto_enable_future_accounts
    ended = customer.stop_sharing("_9f2c")
    assert ended.revoked_at is not None
    assert ended.etag == '"4"'
    assert bank.asked[-1].body == b""
    assert "content-type" not in bank.asked[-1].headers


def test_a_change_with_a_stale_tag_is_refused_and_one_with_the_current_tag_is_made(
    bank: Bank, customer: CustomerSession
) -> None:
    seen = customer.get("_9f2c")
    customer.share_new_accounts("_9f2c", True, if_match=seen.etag)
    with pytest.raises(StaleETagError) as refusal:
        customer.stop_sharing("_9f2c", if_match=seen.etag)
    assert (refusal.value.status, refusal.value.code, refusal.value.attempts) == (412, "stale_etag", 1)
    assert not bank.ended


@pytest.mark.parametrize("customer_id", ["", "a b", "ä", 256 * "x", "a\n"])
def test_an_id_that_cannot_be_a_customers_is_refused_before_anything_is_sent(
    bank: Bank, api: ConsentManagement, customer_id: str
) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        api.for_customer(customer_id)
    with pytest.raises(ValueError, match="visible ASCII"):
        api.request_token(customer_id)
    assert bank.asked == []


def test_an_empty_id_never_turns_one_operation_into_another(bank: Bank, customer: CustomerSession) -> None:
    for call in (customer.share_account, customer.stop_sharing_account):
        with pytest.raises(ValueError, match="empty"):
            call("_9f2c", "")
    with pytest.raises(ValueError, match="empty"):
        customer.get("")
    with pytest.raises(ValueError, match="etag"):
        customer.stop_sharing("_9f2c", if_match='"1"\r\nX: y')
    assert bank.asked == []


@pytest.mark.parametrize(
    "url",
    ["consent.bank.example", "ftp://bank.example", "https://", "https://a:b@bank.example", "https://bank.example/?x"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        ConsentManagement(url, "bku/1", SECRET)


def test_a_path_before_the_api_is_kept(bank: Bank) -> None:
    with ConsentManagement(f"{bank.url}/", "bku/1", SECRET) as api:
        api.request_token(CUSTOMER)
    assert bank.lines == [TOKEN]


# --- tokens renew themselves ---------------------------------------------------------------------------------------


def test_one_token_serves_many_calls(bank: Bank, customer: CustomerSession) -> None:
    customer.list()
    customer.list()
    customer.get("_9f2c")
    assert bank.lines.count(TOKEN) == 1


def test_a_token_that_is_about_to_expire_is_not_used_again(bank: Bank, customer: CustomerSession) -> None:
    bank.expires_in = 29
    customer.list()
    customer.list()
    assert bank.lines == [TOKEN, LIST, TOKEN, LIST]


def test_a_token_that_died_early_is_replaced_once(bank: Bank, customer: CustomerSession) -> None:
    customer.list()
    bank.tokens.clear()
    assert len(customer.list()) == 1
    assert bank.lines == [TOKEN, LIST, LIST, TOKEN, LIST]


def test_a_server_that_refuses_new_tokens_too_is_not_asked_for_ever(bank: Bank, customer: CustomerSession) -> None:
    customer.list()
    refusal = Trouble(401, body=b'{"error":"invalid_token","error_description":"Request a new token."}')
    token = Trouble(200, body=b'{"access_token":"token.9"}')
    bank.troubles.extend([refusal, token, refusal])
    with pytest.raises(InvalidTokenError):
        customer.list()
    assert bank.lines == [TOKEN, LIST, LIST, TOKEN, LIST]


def test_two_customers_never_share_a_token(bank: Bank, api: ConsentManagement) -> None:
    one, two = api.for_customer(CUSTOMER), api.for_customer("cus_2")
    assert (len(one.list()), len(two.list()), len(one.list())) == (1, 0, 1)
    assert sorted(bank.tokens.values()) == [CUSTOMER, "cus_2"]


# --- what is repeated ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [CUT, BUSY, Trouble(429), Trouble(502), Trouble(504)])
def test_a_call_that_does_no_harm_twice_is_repeated(bank: Bank, customer: CustomerSession, trouble: Trouble) -> None:
    bank.troubles.extend([trouble, trouble])
    assert len(customer.list()) == 1
    assert bank.lines == [TOKEN, TOKEN, TOKEN, LIST]


def test_a_change_whose_answer_was_lost_is_made_once_and_answered(bank: Bank, customer: CustomerSession) -> None:
    customer.list()
    bank.troubles.append(CUT_AFTER_THE_WORK)
    assert customer.stop_sharing_account("_9f2c", ACCOUNT).etag == '"2"'
    assert bank.version == 2


def test_a_guarded_change_whose_answer_was_lost_says_how_often_it_was_sent(
    bank: Bank, customer: CustomerSession
) -> None:
    seen = customer.get("_9f2c")
    bank.troubles.append(CUT_AFTER_THE_WORK)
    with pytest.raises(StaleETagError) as refusal:
        customer.share_new_accounts("_9f2c", True, if_match=seen.etag)
    assert refusal.value.attempts == 2
    assert bank.automatic


def test_patience_ends(bank: Bank, customer: CustomerSession) -> None:
    bank.troubles.extend(9 * [BUSY])
    with pytest.raises(UnavailableError) as failure:
        customer.list()
    assert (failure.value.status, failure.value.attempts, len(bank.asked)) == (503, 4, 4)


def test_a_server_that_is_not_there_is_a_connection_that_failed(bank: Bank) -> None:
    bank.troubles.extend(9 * [CUT])
    with ConsentManagement(bank.url, "bku/1", SECRET, retries=QUICK) as api, pytest.raises(ConnectionFailedError) as no:
        api.request_token(CUSTOMER)
    assert (no.value.status, no.value.attempts) == (None, 4)


def test_a_wait_beyond_our_patience_is_left_to_the_caller(bank: Bank, customer: CustomerSession) -> None:
    bank.troubles.append(Trouble(429, {"Retry-After": "3600"}))
    with pytest.raises(RateLimitedError) as failure:
        customer.list()
    assert (failure.value.retry_after, failure.value.attempts) == (3600.0, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 501])
def test_what_would_be_refused_again_is_not_repeated(bank: Bank, customer: CustomerSession, status: int) -> None:
    bank.troubles.append(Trouble(status))
    with pytest.raises(ConsentryError):
        customer.list()
    assert len(bank.asked) == 1


@pytest.mark.parametrize("trouble", [CUT, CUT_AFTER_THE_WORK, BUSY, Trouble(429), Trouble(502), Trouble(500)])
def test_a_rotation_is_never_repeated(bank: Bank, api: ConsentManagement, trouble: Trouble) -> None:
    bank.troubles.append(trouble)
    with pytest.raises(ConsentryError) as failure:
        api.rotate_credentials()
    assert failure.value.attempts == 1
    assert bank.lines == ["POST /api/v4/api_access_credentials"]


def test_a_lost_rotation_says_that_it_may_have_taken_effect(bank: Bank, api: ConsentManagement) -> None:
    bank.troubles.append(CUT_AFTER_THE_WORK)
    with pytest.raises(ConnectionFailedError, match="may have taken effect"):
        api.rotate_credentials()
    assert len(bank.secrets) == 2


# --- credentials ---------------------------------------------------------------------------------------------------


def test_a_rotated_secret_is_used_from_then_on(bank: Bank, api: ConsentManagement, customer: CustomerSession) -> None:
    credentials = api.rotate_credentials()
    bank.secrets.remove(SECRET)
    assert credentials.client_secret == bank.secrets[-1]
    assert api.request_token(CUSTOMER).expires_in == 300
    assert len(customer.list()) == 1


def test_a_rotated_secret_can_be_left_unused(bank: Bank, api: ConsentManagement) -> None:
    api.rotate_credentials(adopt=False)
    bank.secrets.remove(SECRET)
    with pytest.raises(InvalidClientError):
        api.request_token(CUSTOMER)


# --- failures ------------------------------------------------------------------------------------------------------


def test_a_refusal_tells_its_code_its_sentence_and_its_request(customer: CustomerSession) -> None:
    with pytest.raises(NotFoundError) as refusal:
        customer.get("_other")
    error = refusal.value
    assert (error.status, error.code, error.request_id) == (404, "unknown_consent", "req-unknown_consent")
    assert error.description == "List the consents again."
    assert str(error) == "404 unknown_consent: List the consents again. (request req-unknown_consent)"


def test_wrong_credentials_are_told_from_a_wrong_token(bank: Bank) -> None:
    with ConsentManagement(bank.url, "bku/1", "wrong") as api, pytest.raises(InvalidClientError):
        api.for_customer(CUSTOMER).list()
    assert len(bank.asked) == 1


def test_a_proxys_page_is_an_error_without_a_code(bank: Bank, customer: CustomerSession) -> None:
    bank.troubles.append(Trouble(500))
    with pytest.raises(ServerError) as failure:
        customer.list()
    assert (failure.value.code, failure.value.status) == (None, 500)


@pytest.mark.parametrize("trouble", [Trouble(200), Trouble(200, body=b"[]"), Trouble(302, {"Location": "/login"})])
def test_an_answer_that_is_none_of_the_apis_is_said_to_be_so(
    bank: Bank, api: ConsentManagement, trouble: Trouble
) -> None:
    bank.troubles.append(trouble)
    with pytest.raises(UnexpectedAnswerError):
        api.request_token(CUSTOMER)
    assert len(bank.asked) == 1


# --- secrets -------------------------------------------------------------------------------------------------------


def test_no_secret_shows_in_what_a_program_prints(bank: Bank, api: ConsentManagement) -> None:
    """R91: nor in an error, whatever it was about."""
    customer = api.for_customer(CUSTOMER)
    customer.list()
    token = api.request_token(CUSTOMER)
    shown = [api, customer, vars(api), vars(customer), token, api.revoke_token(token), api.rotate_credentials()]
    with pytest.raises(NotFoundError) as refusal:
        api.revoke_token("token.secret")
    text = " ".join(map(repr, [*shown, refusal.value, str(refusal.value), vars(refusal.value)]))
    for secret in (*bank.secrets, *bank.tokens, token.access_token, "token.secret"):
        assert secret not in text


def test_a_revoked_token_never_reaches_a_log(api: ConsentManagement, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = api.request_token(CUSTOMER)
    api.revoke_token(token)
    assert "/api/v4/token/REDACTED" in caplog.text
    assert token.access_token not in caplog.text
    assert SECRET not in caplog.text


# --- the surroundings ----------------------------------------------------------------------------------------------


def test_a_client_of_ones_own_is_used_and_left_open(bank: Bank) -> None:
    with httpx.Client(headers={"X-Bank": "1"}, auth=("other", "person"), follow_redirects=True) as own:
        with ConsentManagement(bank.url, "bku/1", SECRET, http_client=own) as api:
            api.request_token(CUSTOMER)
        assert not own.is_closed
    assert bank.asked[0].headers["x-bank"] == "1"


async def test_the_async_client_does_the_same(bank: Bank) -> None:
    async with AsyncConsentManagement(bank.url, "bku/1", SECRET, retries=QUICK) as api:
        customer = api.for_customer(CUSTOMER)
        bank.troubles.extend([CUT, BUSY])
        (consent,) = await customer.list()
        bank.tokens.clear()
        seen = await customer.get(consent.id)
        changed = await customer.stop_sharing_account(consent.id, ACCOUNT, if_match=seen.etag)
        await customer.share_account(consent.id, ACCOUNT)
        await customer.share_new_accounts(consent.id, True)
        ended = await customer.stop_sharing(consent.id)
        assert (changed.accounts[0].enabled, ended.accounts[0].enabled) == (False, True)
        assert ended.auto_enable_future_accounts
        assert ended.revoked_at is not None
        token = await api.request_token(CUSTOMER)
        assert (await api.revoke_token(token)).id == 7
        await api.rotate_credentials()
        bank.secrets.remove(SECRET)
        await api.request_token(CUSTOMER)
        bank.troubles.append(CUT)
        with pytest.raises(ConnectionFailedError):
            await api.rotate_credentials()
        assert SECRET not in repr(api) + repr(customer)


async def test_an_async_client_of_ones_own_is_left_open(bank: Bank) -> None:
    async with httpx.AsyncClient() as own:
        async with AsyncConsentManagement(bank.url, "bku/1", SECRET, http_client=own) as api:
            await api.request_token(CUSTOMER)
        assert not own.is_closed


def test_without_httpx_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['httpx'] = None; import consentry.client"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "pip install 'consentry[client]'" in done.stderr.splitlines()[-1]
