"""The published keys of receipts: what everybody may read, and that it verifies what was signed."""

from collections.abc import AsyncIterator

import httpx
import pytest

from consentry import jose
from consentry.domain.receipt import Wording
from consentry.usecases.receipt.keys import rotate_receipt_key
from consentry.usecases.receipt.make import ReceiptOrder, make_receipt
from consentry.usecases.receipt.verify import verify_receipt
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.serving import Service


@pytest.fixture
async def opened(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        yield http


async def test_the_published_keys_verify_receipts_old_and_new(
    opened: httpx.AsyncClient, services: Services, bku: Tenant, customer: str
) -> None:
    address = f"/receipts/{bku.public_id}/keys"
    assert (await opened.get(address)).json() == {"keys": []}
    order = ReceiptOrder(bku.institution_id, "_budget1", OPERATOR, Wording("en", "-"))
    first = await make_receipt(services, order)
    await rotate_receipt_key(services, bku.institution_id, actor=OPERATOR)
    second = await make_receipt(services, order)
    answer = await opened.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    keys = jose.read_public_keys(answer.text)
    assert len(keys) == 2
    for made in (first, second):
        assert verify_receipt(made.file, public_keys=keys).customer_id == customer
    assert all("d" not in key for key in answer.json()["keys"]), "no private half"


def test_an_institution_that_is_unknown_has_no_keys(service: Service, client: httpx.Client) -> None:
    for name in ("nobody", "%00", "a" * 300, "..%2f.."):
        answer = client.get(f"{service.base_url}/receipts/{name}/keys")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert client.post(f"{service.base_url}/receipts/nobody/keys").status_code == 405
