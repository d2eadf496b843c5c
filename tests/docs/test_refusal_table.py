"""The table of refusals in docs/guides/integrate.md is the one by which refusals become answers, web/errors.py."""

import re
from pathlib import Path

from consentry.domain.refusal.request import MissingToken
from consentry.web.errors import CONSENT_API

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "integrate.md"
ROW = re.compile(r"^\| (?P<statuses>[\d, ]+) \| (?P<codes>`[a-z_`, ]+`) \|", re.MULTILINE)


def documented() -> list[tuple[int, str]]:
    """Give each status and code of the table; a row with several statuses has one code for each, in order."""
    pairs: list[tuple[int, str]] = []
    for row in ROW.finditer(GUIDE.read_text(encoding="utf-8")):
        statuses = [int(status) for status in row["statuses"].split(", ")]
        codes = re.findall(r"`([a-z_]+)`", row["codes"])
        pairs += zip(statuses if len(statuses) > 1 else statuses * len(codes), codes, strict=True)
    return pairs


def test_the_guide_lists_every_refusal_of_the_api_with_its_status_and_no_other() -> None:
    # A missing token is told as an invalid one; a fault of the program is no refusal.
    answered = {(status, refusal.code) for refusal, status in CONSENT_API.items() if refusal is not MissingToken}
    assert set(documented()) == answered | {(500, "server_error")}


def test_no_refusal_stands_in_the_guide_twice() -> None:
    assert len(documented()) == len(set(documented()))
