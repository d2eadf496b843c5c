"""docs/guides/receipts.md: its example runs as it stands, on a real receipt, and tells a changed one."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec

from consentry.domain.receipt import Wording
from consentry.usecases.receipt.keys import receipt_public_keys
from consentry.usecases.receipt.make import ReceiptOrder, make_receipt
from consentry.usecases.receipt.verify import ReceiptFault
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.conftest import OPERATOR

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "receipts.md").read_text(encoding="utf-8")


def example(folder: Path) -> "subprocess.CompletedProcess[str]":
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)


async def test_the_example_verifies_a_receipt_with_an_ordinary_library(
    services: Services, bku: Tenant, tmp_path: Path
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    made = await make_receipt(services, ReceiptOrder(bku.institution_id, "_budget", OPERATOR, Wording("en", "-")))
    keys = await receipt_public_keys(services.session, institution="bku")
    document = {"keys": [msgspec.Raw(key.encode()) for key in keys.values()]}
    (tmp_path / "bku-receipt-keys.json").write_bytes(msgspec.json.encode(document))
    receipt = tmp_path / "receipt.json"

    receipt.write_bytes(made.file)
    told = example(tmp_path)
    assert told.stdout == f"genuine: {made.receipt.receipt_id}\n", told.stderr
    receipt.write_bytes(made.file.replace(b'"active"', b'"paused"'))
    assert example(tmp_path).returncode != 0


def test_the_guide_names_every_fault_and_every_member() -> None:
    faults = set(
        re.findall(r"^\| `([a-z_]+)` \| (?:the text|signed with|no receipt|genuine, but)", GUIDE, re.MULTILINE)
    )
    assert faults == {fault.value for fault in ReceiptFault}
