"""R89: every route of the portals with every role, over real HTTP; who may do what stands in matrix.txt."""

import re

import pytest

from consentry.domain.staff import ROLES, House, Role
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.matrix import FILE, guarded_routes, methods_of, text
from tests.portal.visiting import PREFIX, Visitor, text_of

_PARAMETER = re.compile(r"\{[^}]+\}")
EVERYBODY = [(house, role) for house in House for role in ROLES[house]]


def places(house: House) -> list[tuple[str, str, frozenset[Role]]]:
    """Give method, address and roles of every route, with something that does not exist where an id belongs."""
    return [
        (method, _PARAMETER.sub("nothing", route.path), route.roles)
        for route in guarded_routes()
        if route.house is house
        for method in methods_of(route)
    ]


def test_the_matrix_is_the_one_that_was_looked_at() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "look at the change, then: python -m tests.portal.matrix"


@pytest.mark.parametrize(("house", "role"), EVERYBODY)
async def test_each_role_gets_in_where_it_may_and_nowhere_else(
    house: House, role: Role, signed_in: SignIn, bku: Tenant, partner: Tenant
) -> None:
    visitor = await signed_in(role, tenant=bku if house is House.INSTITUTION else partner, house=house)
    for method, address, roles in places(house):
        if method == "POST" and role in roles:
            continue  # what is allowed would happen; the next test sees to its token
        answer = visitor.get(address) if method == "GET" else visitor.post(address)
        if role in roles:
            assert answer.status_code < 500, address
            assert answer.status_code != 403, (address, text_of(answer)[-200:])
        else:
            assert answer.status_code == 403, (method, address, answer.status_code)
            assert "not_allowed" in text_of(answer), address
    for other in set(House) - {house}:
        for method, address, _ in places(other):
            answer = visitor.send(method, address)
            assert answer.headers["location"].startswith(f"{PREFIX[other]}/sign-in"), address


@pytest.mark.parametrize("house", House)
async def test_every_form_needs_the_token_of_its_session(
    house: House, signed_in: SignIn, bku: Tenant, partner: Tenant
) -> None:
    """R80."""
    visitor = await signed_in(Role.ADMIN, tenant=bku if house is House.INSTITUTION else partner, house=house)
    for method, address, _ in places(house):
        if method == "POST":
            answer = visitor.send("POST", address, data={"csrf": "forged"})
            assert answer.status_code == 403, address
            assert "forged_request" in text_of(answer), address


@pytest.mark.parametrize("house", House)
def test_who_is_not_signed_in_gets_in_nowhere(house: House, stranger: Visitor) -> None:
    for method, address, _ in places(house):
        answer = stranger.send(method, address)
        assert answer.status_code == 303, address
        assert answer.headers["location"].startswith(f"{PREFIX[house]}/sign-in"), address
