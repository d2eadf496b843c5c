"""The OpenAPI document of the Consent Management API, loaded once.

Owns the parsing, the resolution of references and the typed form of the document; leaves its looks to `rendering`.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TypeAlias, cast

import msgspec
import yaml

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# The address that the document's examples use; the page puts the address it is asked at in its place.
EXAMPLE_BASE = "https://consent.bank.example"

METHODS = ("get", "put", "post", "delete")
SCHEMA_PREFIX = "#/components/schemas/"


class Schema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One JSON Schema, its references resolved; `name` is its name among the components, if it has one."""

    name: str | None = msgspec.field(name="x-name", default=None)
    type: str | list[str] | None = None
    format: str | None = None
    description: str = ""
    properties: dict[str, "Schema"] = {}
    required: list[str] = []
    items: "Schema | None" = None
    enum: list[str | None] | None = None
    const: str | int | None = None
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One example of a body, and in a few words what it shows."""

    summary: str
    value: object


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A body in one media type."""

    schema: Schema
    examples: dict[str, Example] = {}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter in the path or in a header."""

    name: str
    place: str = msgspec.field(name="in")
    description: str
    schema: Schema
    example: str
    required: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A header of an answer."""

    description: str
    schema: Schema
    required: bool = False


class RequestBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body that an operation takes."""

    content: dict[str, Media]
    required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation answers with one status."""

    description: str
    headers: dict[str, Header] = {}
    content: dict[str, Media] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a programming language."""

    lang: str
    source: str


class Operation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One operation with everything that its path says for all of its methods."""

    method: str
    path: str
    operation_id: str
    tags: list[str]
    summary: str
    description: str
    responses: dict[str, Answer]
    parameters: list[Parameter] = []
    security: list[dict[str, list[str]]] = []
    request_body: RequestBody | None = None
    samples: list[Sample] = msgspec.field(name="x-codeSamples", default=[])


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A group of operations."""

    name: str
    description: str


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What the document says of itself."""

    title: str
    version: str
    summary: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The document: as it was written, as JSON, and resolved."""

    yaml: bytes
    json: bytes
    info: Info
    tags: tuple[Tag, ...]
    operations: tuple[Operation, ...]
    schemas: dict[str, Schema]


@lru_cache(maxsize=1)
def load() -> Reference:
    """Parse the document that comes with the package; later calls give the same object."""
    written = files("consentry.web.openapi").joinpath("consent-api.yaml").read_bytes()
    document = _parse(written)
    resolved = _object(_resolve(document, document))
    components = _object(resolved["components"])
    return Reference(
        yaml=written,
        json=msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n",
        info=msgspec.convert(resolved["info"], Info),
        tags=msgspec.convert(resolved["tags"], tuple[Tag, ...]),
        operations=tuple(_operations(_object(resolved["paths"]))),
        schemas=msgspec.convert(components["schemas"], dict[str, Schema]),
    )


def _parse(written: bytes) -> dict[str, Json]:
    """Read YAML with the C parser where there is one: it takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast(dict[str, Json], yaml.load(written, loader))  # noqa: S506 - both loaders are the safe ones


def _operations(paths: dict[str, Json]) -> list[Operation]:
    found = []
    for path, item in paths.items():
        methods = _object(item)
        shared = methods.get("parameters", [])
        for method in METHODS:
            if method in methods:
                fields = {"parameters": shared, **_object(methods[method]), "method": method.upper(), "path": path}
                found.append(msgspec.convert(fields, Operation))
    return found


def _resolve(node: Json, document: dict[str, Json]) -> Json:
    """Replace each `$ref` by what it points at; members beside it win over the target's (OpenAPI 3.1, 4.8.23)."""
    if isinstance(node, list):
        return [_resolve(value, document) for value in node]
    if not isinstance(node, dict):
        return node
    beside = {key: _resolve(value, document) for key, value in node.items() if key != "$ref"}
    pointer = node.get("$ref")
    if not isinstance(pointer, str):
        return beside
    target = _object(_resolve(_at(pointer, document), document))
    name: dict[str, Json] = {}
    if pointer.startswith(SCHEMA_PREFIX):
        name = {"x-name": pointer.removeprefix(SCHEMA_PREFIX)}
    return {**target, **name, **beside}


def _at(pointer: str, document: dict[str, Json]) -> Json:
    """Follow a pointer into the document (RFC 6901); our names need no escapes."""
    node: Json = document
    for step in pointer.removeprefix("#/").split("/"):
        node = _object(node)[step]
    return node


def _object(node: Json) -> dict[str, Json]:
    return cast(dict[str, Json], node)
