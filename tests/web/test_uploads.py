"""Forms with files: within bounds, read into memory, and each field once."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consentry.domain.refusal import Refusal
from consentry.web.html.uploads import LARGEST_UPLOAD, read_upload_form


async def told(request: Request) -> Response:
    try:
        sent = await read_upload_form(request)
    except Refusal as refusal:
        return JSONResponse({"error": refusal.code}, status_code=400)
    return JSONResponse({"fields": sent.form.fields, "files": {name: len(data) for name, data in sent.files.items()}})


async def post(**arguments: object) -> object:
    app = Starlette(routes=[Route("/", told, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here.example") as client:
        return (await client.post("/", **arguments)).json()  # type: ignore[arg-type]


EDGE = {"Content-Type": "multipart/form-data; boundary=edge"}


def part(head: str, content: str) -> str:
    return f"--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"


async def test_fields_and_files_are_told_apart_and_a_file_that_was_not_chosen_is_missing() -> None:
    body = part('name="radius"', "8") + part('name="logo"; filename="../../logo.png"', "x" * 1000)
    body += part('name="favicon"; filename=""', "") + "--edge--\r\n"
    assert await post(content=body.encode(), headers=EDGE) == {"fields": [["radius", "8"]], "files": {"logo": 1000}}


async def test_too_much_is_refused_before_it_is_read() -> None:
    assert await post(files={"logo": b"x" * LARGEST_UPLOAD}) == {"error": "body_too_large"}


async def test_another_encoding_is_refused() -> None:
    assert await post(data={"radius": "8"}) == {"error": "unsupported_media_type"}


@pytest.mark.parametrize("charset", ["undefined", "idna", "unicode_escape", "utf-16"])
async def test_another_character_set_is_refused(charset: str) -> None:
    """Some raise while they decode, others give what is no text."""
    body = part('name="radius"', "\\ud800" * 20) + "--edge--\r\n"
    headers = {"Content-Type": f"{EDGE['Content-Type']}; charset={charset}"}
    assert await post(content=body.encode(), headers=headers) == {"error": "unsupported_media_type"}


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"--edge\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--edge--\r\n",
        (part('name="a"', "1") + part('name="a"', "2") + "--edge--\r\n").encode(),
        (part('name="a"; filename="x"', "1") + part('name="a"; filename="y"', "2") + "--edge--\r\n").encode(),
    ],
)
async def test_a_malformed_form_is_refused(body: bytes) -> None:
    assert await post(content=body, headers=EDGE) == {"error": "invalid_request"}


async def test_a_form_without_a_boundary_is_refused() -> None:
    assert await post(content=b"x", headers={"Content-Type": "multipart/form-data"}) == {"error": "invalid_request"}
