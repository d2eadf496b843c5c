"""Forms with files: read once, within bounds, into memory; nothing is written to disk or believed of a file's name."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from consentry.domain.refusal.request import InvalidRequest, UnsupportedMediaType
from consentry.web.html.forms import LARGEST_FORM, Form, read_body

LARGEST_UPLOAD: Final = 512 * 1024
_MEDIA_TYPE: Final = "multipart/form-data"
_MOST_FILES: Final = 4
_MOST_FIELDS: Final = 50


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The fields of a form, and its files by the names of their fields; a file that was not chosen is missing."""

    form: Form
    files: Mapping[str, bytes] = field(repr=False)


async def read_upload_form(request: Request) -> UploadForm:
    """Read a form of at most 512 KiB with its files (RFC 7578).

    Raises:
        UnsupportedMediaType: it comes in another encoding.
        BodyTooLarge: it is larger, declared or not.
        InvalidRequest: it is malformed, or a field comes twice.
    """
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if media_type.strip() != _MEDIA_TYPE or "charset" in parameters:
        raise UnsupportedMediaType(f"Send the form as {_MEDIA_TYPE}, in UTF-8.")
    body = await read_body(request, most=LARGEST_UPLOAD)
    parser = MultiPartParser(
        request.headers,
        _once(body),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=LARGEST_FORM,
    )
    try:
        parsed = await parser.parse()
    except MultiPartException:
        raise InvalidRequest("The form can't be read; reload the page and try again.") from None
    fields: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}
    try:
        for name, value in parsed.multi_items():
            if isinstance(value, str):
                fields.append((name, value))
            elif content := await value.read():
                files[name] = content
    finally:
        await parsed.close()
    if len(set(parsed.keys())) != len(parsed.multi_items()):
        raise InvalidRequest("A field of the form came twice; reload the page and try again.")
    return UploadForm(Form(tuple(fields)), files)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
