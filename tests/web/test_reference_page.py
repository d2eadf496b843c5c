"""The API reference at /docs: everything of the document is on it, and nothing comes from elsewhere."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from starlette.applications import Starlette

from consentry.web.html.assets import MEDIA_TYPES
from consentry.web.openapi import reference, rendering
from consentry.web.openapi.page import ASSETS, routes

VOID = {"meta", "link", "img", "input", "wbr"}


class Page(HTMLParser):
    """What a test asks of a page: its text, its ids, its links, and whether its tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(attribute)) is not None]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=routes()))
    async with httpx.AsyncClient(transport=transport, base_url="https://consent.harbor.test") as client:
        yield client


@pytest.fixture
async def page(http: httpx.AsyncClient) -> Page:
    return Page((await http.get("/docs")).text)


def test_every_operation_with_its_parameters_and_members_is_shown(page: Page) -> None:
    for operation in reference.load().operations:
        assert operation.summary in page.text
        assert operation.operation_id in page.values("id")
        assert operation.path in page.text
        assert all(parameter.name in page.text for parameter in operation.parameters)
    for schema in reference.load().schemas.values():
        assert all(name in page.text for name in schema.properties)


def test_every_refusal_of_every_operation_is_shown_there_or_among_the_usual_ones(page: Page) -> None:
    for operation in reference.load().operations:
        for refusal in rendering.refusals(operation):
            assert refusal.code in page.text
            assert refusal.says in page.text


def test_the_usual_refusals_are_those_of_every_operation() -> None:
    usual = [refusal.code for refusal in rendering.usual_refusals(reference.load().operations)]
    assert usual == [
        "unknown_version",
        "not_found",
        "method_not_allowed",
        "rate_limited",
        "server_error",
        "temporarily_unavailable",
    ]


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page: Page) -> None:
    ids = page.values("id")
    assert page.open == []
    assert len(ids) == len(set(ids))
    for target in page.values("href"):
        assert target.removeprefix("#") in ids if target.startswith("#") else target.startswith("/")
    for named in page.values("aria-labelledby") + page.values("for"):
        assert named in ids


def test_the_page_asks_nobody_else_for_anything_and_has_no_inline_code(page: Page) -> None:
    assert all(source.startswith("/docs/assets/") for source in page.values("src"))
    assert not page.values("style")
    assert not [tag for tag, _ in page.elements if tag == "style"]
    assert all(attributes.get("src") for tag, attributes in page.elements if tag == "script")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


async def test_style_sheets_and_scripts_ask_nobody_either(http: httpx.AsyncClient) -> None:
    for name in ASSETS.files:
        text = (await http.get(f"/docs/assets/{name}")).text
        assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)|innerHTML|eval\(", text), name


def test_no_mark_of_the_documents_prose_is_left_unread(page: Page) -> None:
    assert "**" not in page.text
    assert "](" not in page.text
    assert "`" not in page.text
    assert not re.search(r"^\s*(## |- )", page.text, re.MULTILINE)


async def test_every_answer_bears_the_strict_headers(http: httpx.AsyncClient) -> None:
    """R82, for the reference."""
    for path in ("/docs", "/docs/assets/reference.css", "/openapi/consent-api.yaml", "/openapi/consent-api.json"):
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_every_file_that_the_page_names_is_there(http: httpx.AsyncClient, page: Page) -> None:
    files = [path for path in page.values("href") + page.values("src") if path.startswith("/docs/assets/")]
    assert {path.partition("?")[0] for path in files} == {f"/docs/assets/{name}" for name in ASSETS.files}
    for path in files:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == MEDIA_TYPES[path.partition("?")[0].rpartition(".")[2]]


@pytest.mark.parametrize("name", ["other.css", "../page.py", "..%2Fpage.py", "%2Fetc%2Fpasswd", "reference.css%00"])
async def test_no_other_file_can_be_had(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_document_is_served_in_both_forms(http: httpx.AsyncClient) -> None:
    as_yaml = await http.get("/openapi/consent-api.yaml")
    as_json = await http.get("/openapi/consent-api.json")
    assert (as_yaml.content, as_yaml.headers["content-type"]) == (reference.load().yaml, "application/yaml")
    assert as_json.json()["info"]["title"] == "Consent Management API"


async def test_examples_use_the_address_that_the_page_was_asked_at(http: httpx.AsyncClient) -> None:
    text = (await http.get("/docs")).text
    assert "https://consent.harbor.test/api/v4/token" in text
    assert reference.EXAMPLE_BASE not in text


@pytest.mark.parametrize("host", ["<script>", "a'b", "$(id)", "a b", "a/../b", "", "a:b", "-h"])
async def test_a_strange_host_never_gets_into_the_page(http: httpx.AsyncClient, host: str) -> None:
    answer = await http.get("/docs", headers={"Host": host})
    assert f"{reference.EXAMPLE_BASE}/api/v4/token" in answer.text
    assert "<script>alert" not in answer.text


async def test_what_the_browser_has_already_is_not_sent_again(http: httpx.AsyncClient) -> None:
    tag = (await http.get("/docs")).headers["etag"]
    again = await http.get("/docs", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await http.get("/docs", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_other_methods_are_refused_with_the_one_that_works(http: httpx.AsyncClient) -> None:
    answer = await http.post("/docs")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_a_process_that_never_shows_the_reference_loads_nothing_for_it() -> None:
    code = "import sys, consentry.web.openapi.page as p; p.routes(); print(*{'yaml', 'jinja2'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""
