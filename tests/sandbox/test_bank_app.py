"""The bank's app by itself: what it knows of customers, and what it says while no demo runs."""

from pathlib import Path

import httpx

from consentry.sandbox.bank import make_bank
from consentry.sandbox.bank_app.app import make_app
from consentry.sandbox.bank_app.consents import Consents
from consentry.sandbox.bank_app.customers import bank_customers
from consentry.sandbox.bank_app.visits import Visits


def test_the_bank_knows_each_customer_by_name_and_each_account_by_its_balance() -> None:
    made = {customer.customer_id: customer for customer in make_bank().customers}
    known = bank_customers()
    assert known.keys() == made.keys()
    for customer_id, customer in known.items():
        assert customer.name.startswith(customer.given_name + " ")
        assert [account.nickname for account in customer.accounts] == [a.nickname for a in made[customer_id].accounts]
        assert all("$" in account.balance for account in customer.accounts)


async def test_without_a_demo_every_page_says_so(tmp_path: Path) -> None:
    async with httpx.AsyncClient(timeout=60) as consentry:
        transport = httpx.ASGITransport(make_app(Consents(tmp_path, consentry)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:1") as bank:
            for path in ("/", "/connected-apps", "/signed-out"):
                page = await bank.get(path)
                assert (page.status_code, "demo.json" in page.text) == (503, True)
                assert page.headers["retry-after"]


def test_of_many_visits_the_oldest_are_forgotten() -> None:
    visits = Visits()
    begun = [visits.begin("cus_1") for _ in range(1001)]
    assert visits.find(begun[0].visit_id) is None
    assert visits.find(begun[1].visit_id) is begun[1]
    assert visits.end(begun[1].visit_id) is begun[1]
    assert visits.end(begun[1].visit_id) is None
