"""Examples for the reference page: requests for the shell, and code in colours.

Owns how a curl call is written and which parts of code are told apart; leaves the colours to the style sheet.
"""

import re
import shlex
from urllib.parse import quote

import msgspec
from markupsafe import Markup, escape

from consentry.web.openapi.reference import EXAMPLE_BASE, Operation, Parameter

VERSION = "v4"
WIDTH = 78

STRING = r"""(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
LANGUAGES = {
    "json": re.compile(
        r"""(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*")"""
        r"""|(?P<number>-?\b[0-9][0-9.eE+-]*)|(?P<word>\b(?:true|false|null)\b)"""
    ),
    "shell": re.compile(STRING + r"|(?P<word>^curl\b|(?<= )-[A-Za-z]\b)", re.MULTILINE),
    "python": re.compile(
        r"(?P<comment>#[^\n]*)|"
        + STRING
        + r"|(?P<word>\b(?:from|import|with|as|for|in|assert|is|not|None|True|False)\b)|(?P<number>\b[0-9]+\b)"
    ),
}


def curl(operation: Operation) -> str:
    """Write an operation's first example as a call of curl, with `$CLIENT_ID`, `$CLIENT_SECRET` and `$TOKEN`."""
    url = f"{EXAMPLE_BASE}{_path(operation)}"
    parts = [f'"{url}"' if "$" in url else shlex.quote(url)]
    if operation.method in ("PUT", "DELETE"):
        parts[0] = f"-X {operation.method} {parts[0]}"
    schemes = {name for alternative in operation.security for name in alternative}
    if "credentials" in schemes:
        parts.append('-u "$CLIENT_ID:$CLIENT_SECRET"')
    if "token" in schemes:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    guards = (parameter for parameter in operation.parameters if parameter.name == "If-Match")
    parts += [f"-H '{guard.name}: {guard.example}'" for guard in guards]
    if operation.request_body:
        media_type, media = next(iter(operation.request_body.content.items()))
        body = msgspec.json.format(msgspec.json.encode(next(iter(media.examples.values())).value), indent=0).decode()
        parts += [f"-H 'Content-Type: {media_type}'", f"-d {shlex.quote(body)}"]
    return "curl " + " \\\n  ".join(parts)


def coloured(code: str, language: str) -> Markup:
    """Mark the strings, keys, numbers, words and comments of a piece of code; each becomes a `span` with its class."""
    pieces, end = [], 0
    for token in LANGUAGES[language].finditer(code):
        pieces.append(escape(code[end : token.start()]))
        pieces.append(Markup('<span class="c-{}">{}</span>').format(token.lastgroup, token.group()))
        end = token.end()
    return Markup("").join([*pieces, escape(code[end:])])


def pretty(value: object) -> str:
    """Write a JSON value in several lines, or in one if it is short."""
    encoded = msgspec.json.encode(value)
    line = msgspec.json.format(encoded, indent=0).decode()
    return line if len(line) <= WIDTH // 2 else msgspec.json.format(encoded, indent=2).decode()


def _path(operation: Operation) -> str:
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", _segment(parameter))
    return path


def _segment(parameter: Parameter) -> str:
    if parameter.name == "token":
        return "$TOKEN"
    return VERSION if parameter.name == "version" else quote(parameter.example, safe="")
