"""The reference page, made of the document.

Owns what stands on the page and in which order; leaves its looks to the templates and the style sheet.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import jinja2
from markupsafe import Markup, escape

from consentry.web.openapi import prose, reference, snippets
from consentry.web.openapi.members import Member, consent_members, link_of, members, parameter_members
from consentry.web.openapi.reference import Answer, Media, Operation, Reference, Tag

TELLING_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code and the label of its tab."""

    label: str
    code: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One code of a refusal: when it comes, what its sentence says and which headers tell more."""

    status: str
    code: str
    when: Markup
    says: str
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter of the guide before the operations."""

    anchor: str
    title: str
    body: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One operation as the page shows it."""

    anchor: str
    method: str
    path: Markup
    title: str
    description: Markup
    scheme: str
    parameters: tuple[Member, ...]
    body: tuple[Member, ...]
    samples: tuple[Snippet, ...]
    answer: Answer
    answer_type: str
    answer_members: tuple[Member, ...]
    answer_link: str
    answer_examples: tuple[Snippet, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object that several operations answer; the page shows its members once."""

    anchor: str
    title: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The operations under one tag."""

    anchor: str
    name: str
    description: Markup
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the page consists of: the links to everything on it, and everything."""

    contents: Markup
    body: Markup


def page(*, base: str, assets: tuple[tuple[str, str], ...]) -> bytes:
    """Make the page for one address of the API; `assets` says where each of its files is."""
    return _page(assets).replace(reference.EXAMPLE_BASE, base).encode()


def parts(base: str) -> Parts:
    """Make what the page consists of, for one address of the API."""
    made = _parts()
    return Parts(
        contents=made.contents.replace(reference.EXAMPLE_BASE, base),
        body=made.body.replace(reference.EXAMPLE_BASE, base),
    )


@lru_cache(maxsize=1)
def _page(assets: tuple[tuple[str, str], ...]) -> str:
    document = reference.load()
    (_, introduction), *_chapters = prose.chapters(document.info.description)
    made = _parts()
    return (
        _environment()
        .get_template("reference.html")
        .render(
            info=document.info,
            introduction=_text(introduction),
            contents=made.contents,
            body=made.body,
            base=reference.EXAMPLE_BASE,
            assets=dict(assets),
        )
    )


@lru_cache(maxsize=1)
def _parts() -> Parts:
    document = reference.load()
    _, *chapters = prose.chapters(document.info.description)
    shown = {
        "chapters": [Chapter(anchor=anchor_of(title), title=title, body=_text(body)) for title, body in chapters],
        "groups": [_group(document, tag) for tag in document.tags],
        "objects": _objects(document),
        "usual": usual_refusals(document.operations),
    }
    contents, body = (_environment().get_template(name).render(**shown) for name in ("contents.html", "body.html"))
    return Parts(contents=Markup(contents), body=Markup(body))  # noqa: S704 - templates that escape have made them


def usual_refusals(operations: Iterable[Operation]) -> tuple[Refusal, ...]:
    """Give the refusals that every operation under `/api` has; the page shows them once."""
    of_each = [refusals(operation) for operation in operations if operation.path.startswith("/api/")]
    codes = set.intersection(*({refusal.code for refusal in of} for of in of_each))
    codes.discard("invalid_request")
    return tuple(refusal for refusal in of_each[0] if refusal.code in codes)


def refusals(operation: Operation) -> tuple[Refusal, ...]:
    """Give everything with which an operation refuses, by status; what health checks answer has no codes."""
    found = (
        refusal
        for status, answer in sorted(operation.responses.items())
        if status != "200"
        for refusal in _refusals(status, answer)
    )
    return tuple(found)


def _refusals(status: str, answer: Answer) -> Iterator[Refusal]:
    headers = tuple(name for name in answer.headers if name in TELLING_HEADERS)
    errors = [
        (prose.inline(example.summary), _error(example.value))
        for media in answer.content.values()
        for example in media.examples.values()
    ]
    if not any("error" in error for _, error in errors):
        yield Refusal(status=status, code="", when=prose.inline(answer.description), says="", headers=headers)
        return
    for when, error in errors:
        yield Refusal(status=status, code=error["error"], when=when, says=error["error_description"], headers=headers)


def anchor_of(title: str) -> str:
    """Make a title the target of a link: `Who is asking` becomes `who-is-asking`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _group(document: Reference, tag: Tag) -> Group:
    usual = {refusal.code for refusal in usual_refusals(document.operations)}
    return Group(
        anchor=anchor_of(tag.name),
        name=tag.name,
        description=_text(tag.description),
        entries=tuple(_entry(operation, usual) for operation in document.operations if tag.name in operation.tags),
    )


def _entry(operation: Operation, usual: set[str]) -> Entry:
    scheme = next((name for alternative in operation.security for name in alternative), "")
    answer = operation.responses["200"]
    media_type, media = next(iter(answer.content.items()))
    requests = list(operation.request_body.content.values()) if operation.request_body else []
    return Entry(
        anchor=operation.operation_id,
        method=operation.method,
        path=_path(operation.path),
        title=operation.summary,
        description=_text(operation.description),
        scheme=scheme,
        parameters=tuple(parameter_members(operation.parameters)),
        body=tuple(member for request in requests for member in members(request.schema)),
        samples=tuple(_samples(operation)),
        answer=answer,
        answer_type=media_type,
        answer_members=tuple(members(media.schema)),
        answer_link=link_of(media.schema),
        answer_examples=tuple(_examples(media)),
        refusals=tuple(refusal for refusal in refusals(operation) if refusal.code not in usual),
    )


def _samples(operation: Operation) -> Iterator[Snippet]:
    yield Snippet("curl", snippets.coloured(snippets.curl(operation), "shell"))
    for sample in operation.samples:
        yield Snippet(sample.lang, snippets.coloured(sample.source.rstrip(), sample.lang.lower()))


def _examples(media: Media) -> Iterator[Snippet]:
    for example in media.examples.values():
        if isinstance(example.value, str):
            yield Snippet(example.summary, escape(example.value.rstrip()))
        else:
            yield Snippet(example.summary, snippets.coloured(snippets.pretty(example.value), "json"))


def _objects(document: Reference) -> tuple[Thing, ...]:
    schemas = document.schemas
    return (
        Thing(anchor="consent", title="A consent", members=tuple(consent_members(schemas))),
        Thing(anchor="account", title="An account", members=tuple(members(schemas["Account"]))),
        Thing(anchor="refusal", title="A refusal", members=tuple(members(schemas["Error"]))),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("consentry.web.openapi"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["inline"] = prose.inline
    return environment


def _text(text: str) -> Markup:
    return prose.block(text, _fenced)


def _fenced(code: str) -> Markup:
    language = "json" if code.startswith("{") else "shell"
    return Markup('<div class="code"><pre tabindex="0"><code>{}</code></pre></div>').format(
        snippets.coloured(code, language)
    )


def _path(path: str) -> Markup:
    """Mark the parameters of a path, and let it break before its slashes."""
    segment, parameter = Markup("<wbr>/{}"), Markup("<wbr>/<var>{}</var>")
    segments = path.removeprefix("/").split("/")
    return Markup("").join((parameter if part.startswith("{") else segment).format(part) for part in segments)


def _error(value: object) -> dict[str, str]:
    return cast(dict[str, str], value)
