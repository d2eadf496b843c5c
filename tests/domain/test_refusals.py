"""Every refusal has a stable code, a sentence that tells what to do, and one place that gives it a status."""

import re
from importlib import import_module
from pkgutil import iter_modules

from consentry.domain import refusal
from consentry.domain.refusal import Refusal, request
from consentry.web import errors


def every_refusal() -> set[type[Refusal]]:
    modules = [import_module(f"{refusal.__name__}.{found.name}") for found in iter_modules(refusal.__path__)]
    return {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
    }


def test_each_refusal_has_its_own_code_and_a_whole_sentence() -> None:
    kinds = every_refusal()
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert re.fullmatch(r"[a-z_]+", kind.code)
        assert kind.sentence.endswith("."), kind
        assert re.fullmatch(r"[ !#-\[\]-~]+", kind.sentence), "R20: the characters that RFC 6749 allows"


def test_each_refusal_has_a_status_or_never_reaches_http() -> None:
    tables = (set(errors.CONSENT_API), set(errors.PAGES), set(errors.GATEWAY), errors.COMMAND_LINE_ONLY)
    assert every_refusal() == set().union(*tables)
    assert sum(map(len, tables)) == len(every_refusal()), "each in one table only"


def test_challenges_keep_to_the_character_set_of_their_rfc() -> None:
    """R20, R23: error_description may hold neither quotes nor backslashes."""
    for kind in errors.CONSENT_API:
        if kind in (request.MethodNotAllowed, request.RateLimited):
            continue
        for _, value in errors.error_headers(kind()):
            inner = re.sub(rb'"([^"\\]*)"', b"", value)
            assert b'"' not in inner, value
