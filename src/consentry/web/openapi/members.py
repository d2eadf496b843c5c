"""The members of bodies and objects, in words for the reference page.

Owns how a schema is said in a few words; leaves where the words stand to the templates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from consentry.web.openapi.reference import Parameter, Schema

# Objects that the page shows once, and their anchors; elsewhere it links to them.
OBJECTS = {"Account": "account", "ConsentList": "consent", "ConsentOfVersion": "consent", "Error": "refusal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of an object: its type in words, what it holds, and in which versions it occurs (empty: in all)."""

    name: str
    type: str
    description: str
    limits: str = ""
    required: bool = True
    versions: str = ""
    link: str = ""


def members(schema: Schema) -> Iterator[Member]:
    """Give the members of an object, and those of objects within it under `outer.inner`."""
    for name, inner in schema.properties.items():
        yield Member(
            name=name,
            type=type_in_words(inner),
            description=inner.description,
            limits=limits_in_words(inner),
            required=name in schema.required,
            link=link_of(inner),
        )
        yield from (replace(member, name=f"{name}.{member.name}") for member in members(inner))


def consent_members(schemas: dict[str, Schema]) -> Iterator[Member]:
    """Give the members of a consent in all versions, each with the versions that have it."""
    oldest, newest = schemas["ConsentV4"].properties, schemas["ConsentV6"].properties
    for member in members(schemas["ListedConsentV6"]):
        versions = "" if member.name in oldest else "v5, v6" if member.name in newest else "lists of v5, v6"
        yield replace(member, versions=versions)


def parameter_members(parameters: Iterable[Parameter]) -> Iterator[Member]:
    """Give an operation's parameters, each with its place for a type."""
    for parameter in parameters:
        yield Member(
            name=parameter.name,
            type="header" if parameter.place == "header" else "in the path",
            description=parameter.description,
            limits=limits_in_words(parameter.schema),
            required=parameter.required,
        )


def type_in_words(schema: Schema) -> str:
    """Say a schema's type as `string`, `time or null`, `array of strings`."""
    if schema.items is not None:
        return f"array of {OBJECTS.get(schema.items.name or '', type_in_words(schema.items))}s"
    types = [schema.type] if isinstance(schema.type, str) else schema.type or []
    words = ["time" if schema.format == "date-time" and word == "string" else word for word in types]
    return " or ".join(words)


def limits_in_words(schema: Schema) -> str:
    """Say what a value must be beyond its type; empty if nothing."""
    if schema.const is not None:
        return f"Always `{schema.const}`."
    of = schema.items if schema.items is not None else schema
    if of.enum:
        values = ", ".join(f"`{'null' if value is None else value}`" for value in of.enum)
        return f"One of {values}." if schema.items is None else f"Each is one of {values}."
    if schema.pattern and schema.format != "date-time":
        return f"Matches `{schema.pattern}`."
    return ""


def link_of(schema: Schema) -> str:
    """Name the object that a schema is, or has a list of, if the page shows it in a place of its own."""
    for name in (schema.name, schema.items.name if schema.items else None):
        if name in OBJECTS:
            return OBJECTS[name]
    return ""
