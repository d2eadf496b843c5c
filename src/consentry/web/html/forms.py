"""Forms that a page posts: read once, within bounds, each name at most once unless it may come several times."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from consentry.domain.refusal.request import BodyTooLarge, InvalidRequest, UnsupportedMediaType

LARGEST_FORM: Final = 64 * 1024
_MOST_FIELDS: Final = 200
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str, default: str = "") -> str:
        """Give a field's value without the blanks around it; an empty one counts as absent (RFC 6749, section 3.1)."""
        return next((value.strip() for field, value in self.fields if field == name and value.strip()), default)

    def number(self, name: str) -> int:
        """Give a field's value as a whole number of at most nine digits; 0 if it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def all(self, name: str) -> tuple[str, ...]:
        """Give all values of a field that may come several times."""
        return tuple(value for field, value in self.fields if field == name)


async def read_body(request: Request, *, most: int) -> bytes:
    """Read what is sent, of at most so many bytes.

    Raises:
        BodyTooLarge: it is larger, declared or not.
        InvalidRequest: the browser went away before all was sent.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise BodyTooLarge(f"Send a form of at most {most // 1024} KiB, with its files.")
    except ClientDisconnect:
        raise InvalidRequest("The connection was closed before the form was complete.") from None
    return bytes(body)


async def read_form(request: Request, *, repeatable: frozenset[str] = frozenset()) -> Form:
    """Read a form of at most 64 KiB.

    Raises:
        UnsupportedMediaType: it comes in another encoding.
        BodyTooLarge: it is larger, declared or not.
        InvalidRequest: it is malformed, or a field that is not `repeatable` comes twice.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise UnsupportedMediaType(f"Send the form as {_MEDIA_TYPE}.")
    body = await read_body(request, most=LARGEST_FORM)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise InvalidRequest("The form can't be read; reload the page and try again.") from None
    names = [name for name, _ in fields if name not in repeatable]
    if len(names) != len(set(names)):
        raise InvalidRequest("A field of the form came twice; reload the page and try again.")
    return Form(tuple(fields))
