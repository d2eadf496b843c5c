"""Files that pages name: style sheets, scripts, icons, with a digest in the address so that browsers may keep them."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FRESH: Final = "no-cache"
KEPT: Final = "public, max-age=31536000, immutable"
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Assets:
    """The files in the folder `static` of a package, served below `prefix`, which ends in a slash."""

    def __init__(self, package: str, prefix: str, *, headers: Mapping[str, str] = _HEADERS) -> None:
        self._package = package
        self._prefix = prefix
        self._headers = headers

    def address(self, name: str) -> str:
        """Give the address of a file, which changes with what is in it.

        Raises:
            KeyError: there is no such file.
        """
        return f"{self._prefix}{name}?v={digest(self.files[name])}"

    @property
    def route(self) -> Route:
        """Give the route that serves the files."""
        return Route(f"{self._prefix}{{name}}", self._serve, methods=["GET"], name="asset")

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All files by name, read when first asked for."""
        folder = files(self._package).joinpath("static")
        return {file.name: file.read_bytes() for file in folder.iterdir() if _media_type(file.name) is not None}

    async def _serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        content = self.files.get(name)
        if content is None:
            raise HTTPException(404)
        return kept_answer(request, content, media_type=_media_type(name) or "", headers=self._headers, keep=KEPT)


def kept_answer(
    request: Request, content: bytes, *, media_type: str, headers: Mapping[str, str], keep: str = FRESH
) -> Response:
    """Answer with content that may be kept, or with 304 if the caller has it already (RFC 9110, section 13.1.2)."""
    tag = f'"{digest(content)}"'
    headers = {**headers, "Cache-Control": keep, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def digest(content: bytes) -> str:
    """Give 16 characters that tell this content from any other."""
    return sha256(content).hexdigest()[:16]


def _media_type(name: str) -> str | None:
    return MEDIA_TYPES.get(name.rpartition(".")[2])
