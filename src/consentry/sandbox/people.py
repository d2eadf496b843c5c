"""The made-up staff: whose houses they work in, their roles, and how the demo's identity provider knows them.

All of them are invented. That they become members is `staffing`'s business, that they can sign in `provider`'s.
"""

from dataclasses import dataclass
from typing import Final

from consentry.domain.staff import House, Role
from consentry.sandbox.words import INSTITUTION, INSTITUTION_NAME

PARTNER: Final = "ternbridge"
PARTNER_NAME: Final = "Ternbridge Banking Services"
NEWCOMER: Final = "hazel"
CHECKED: Final = "sparrow"
PROVIDERS_CLIENT: Final = "consentry-"


@dataclass(frozen=True, slots=True)
class StaffHouse:
    """An institution or a partner whose staff signs in; `hint` says what it is good for in the demo."""

    public_id: str
    name: str
    kind: House
    hint: str

    @property
    def client_id(self) -> str:
        """Name this house's registration at the identity provider."""
        return PROVIDERS_CLIENT + self.public_id


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works at a house, invited at `email`, which is also who they are to the identity provider."""

    name: str
    house: str
    role: Role

    @property
    def email(self) -> str:
        """Give the address at which they are invited."""
        return f"{self.name.lower().replace(' ', '.')}@{self.house}.example"


HOUSES: Final = (
    StaffHouse(INSTITUTION, INSTITUTION_NAME, House.INSTITUTION, "customers, apps and a year of consents"),
    StaffHouse(NEWCOMER, "Hazel Lantern Credit Union", House.INSTITUTION, "has no API credentials yet: generate them"),
    StaffHouse(CHECKED, "Sparrow Mill Savings", House.INSTITUTION, "where the demo's own check generates and rotates"),
    StaffHouse(PARTNER, PARTNER_NAME, House.PARTNER, "looks after the three institutions"),
)

PEOPLE: Final = (
    Person("Ada Brindle", INSTITUTION, Role.ADMIN),
    Person("Sol Penhale", INSTITUTION, Role.SUPPORT),
    Person("Cora Whitlow", INSTITUTION, Role.COMPLIANCE),
    Person("Uma Tarrant", INSTITUTION, Role.USER),
    Person("Nell Ashby", NEWCOMER, Role.ADMIN),
    Person("Finn Marlow", CHECKED, Role.ADMIN),
    Person("Pia Lindqvist", PARTNER, Role.ADMIN),
    Person("Otto Rask", PARTNER, Role.USER),
)


def house_of(public_id: str) -> StaffHouse:
    """Give the house with this id.

    Raises:
        KeyError: there is none in the demo.
    """
    for house in HOUSES:
        if house.public_id == public_id:
            return house
    raise KeyError(public_id)


def people_of(public_id: str) -> tuple[Person, ...]:
    """Give who works at a house."""
    return tuple(person for person in PEOPLE if person.house == public_id)
