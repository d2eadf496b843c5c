"""What docs/guides/import.md shows works as it says."""

import re
from pathlib import Path

import msgspec
import pytest

from consentry.usecases.importing import shapes
from consentry.usecases.services import Services
from tests.importing.forms import AT, Importer, application, customer

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "import.md").read_text(encoding="utf-8")
EXAMPLES = [block.encode() for block in re.findall(r"^```jsonl\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)]
ERRORS = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


async def test_the_examples_of_the_guide_are_imported(services: Services) -> None:
    whole, *others = EXAMPLES
    importer = Importer(services, "bku")
    assert (await importer.file(whole)).institution_added
    assert await importer.exported() == whole
    for example in others:
        report = await importer.file(example)
        assert [fault.sentence for fault in report.faults] == []
        assert report.counts["consents_added"] == 1
        assert report.counts["customers_added"] == 1
    again = await importer.file(await importer.exported())
    assert again.counts["consents_unchanged"] == 3


async def test_the_errors_of_the_guide_are_told(importer: Importer) -> None:
    (told,) = ERRORS
    consent = EXAMPLES[0].splitlines()[-1]
    listed = EXAMPLES[2].splitlines()[0]
    faults = await importer.faults(
        application(),
        customer(),
        b'{"type":"costumer"}',
        EXAMPLES[0][:-20].splitlines()[-1],
        consent.replace(AT.encode(), b"2024-06-14", 1),
        consent,
        listed.replace(b'"accounts":[', b'"accounts":[{"enabled":true,"nickname":"","account_id":"a",'
        b'"account_number_display":"1"},').replace(b'{"enabled":true,"nickname":"Checking"', b'{"nickname":"Checking"'),
    )  # fmt: skip
    assert faults == told.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        shapes.InstitutionLine,
        shapes.IntermediaryLine,
        shapes.RequestLimitEntry,
        shapes.ApplicationLine,
        shapes.CustomerLine,
        shapes.CustomerAccount,
        shapes.SharedAccount,
        shapes.ConsentLine,
        shapes.ListLine,
    ],
)
def test_the_guide_names_every_field(line: type[msgspec.Struct]) -> None:
    table = GUIDE.partition("## Fields")[2].partition("## Errors")[0] + GUIDE.partition("## Fields")[0]
    for field in msgspec.structs.fields(line):
        assert f"`{field.name}`" in table
