"""The navigation of the portals: sections in their order, each led to by the route of its first page.

A section is shown to those whose role its route admits; a section whose route is missing is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from consentry.domain.staff import House, Role


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its key, as pages name it, what it is called, its icon, and the name of its route."""

    key: str
    title: str
    icon: str
    route: str


@dataclass(frozen=True, slots=True)
class Group:
    """Sections under a heading; without one they stand by themselves."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a route leads and whom it admits."""

    path: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Link:
    """A section as it is shown to somebody."""

    section: Section
    path: str


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a group that somebody may follow."""

    title: str
    links: tuple[Link, ...]


GROUPS: Final[Mapping[House, tuple[Group, ...]]] = {
    House.INSTITUTION: (
        Group(
            "",
            (
                Section("overview", "Overview", "overview", "portal.overview"),
                Section("customers", "Customers", "people", "portal.customers"),
                Section("apps", "Apps", "apps", "portal.apps"),
                Section("intermediaries", "Intermediaries", "links", "portal.intermediaries"),
            ),
        ),
        Group(
            "Configuration",
            (
                Section("configuration.api_settings", "API settings", "sliders", "portal.api_settings"),
                Section(
                    "configuration.customer_authentication",
                    "Customer authentication",
                    "person",
                    "portal.customer_authentication",
                ),
                Section(
                    "configuration.consent_dashboard", "Consent Dashboard Management", "key", "portal.consent_dashboard"
                ),
            ),
        ),
        Group(
            "Settings",
            (
                Section("settings.theme", "Theme", "palette", "portal.theme"),
                Section("settings.team", "Team members", "team", "portal.team"),
                Section("settings.authentication", "Admin authentication", "shield", "portal.authentication"),
            ),
        ),
        Group(
            "Records",
            (
                Section("logs", "Logs", "list", "portal.logs"),
                Section("documentation", "API documentation", "book", "portal.documentation"),
            ),
        ),
    ),
    House.PARTNER: (
        Group(
            "",
            (
                Section("overview", "Overview", "overview", "partner.overview"),
                Section("institutions", "Institutions", "bank", "partner.institutions"),
            ),
        ),
        Group(
            "Settings",
            (
                Section("settings.team", "Team members", "team", "partner.team"),
                Section("settings.authentication", "Admin authentication", "shield", "partner.authentication"),
            ),
        ),
        Group("Records", (Section("logs", "Logs", "list", "partner.logs"),)),
    ),
}


class Navigation:
    """Knows where sections lead: the routes that there are, by their names."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def of(self, house: House, role: Role) -> tuple[Links, ...]:
        """Give what somebody of this role may go to."""
        groups = (Links(group.title, tuple(self._links(group.sections, role))) for group in GROUPS[house])
        return tuple(group for group in groups if group.links)

    def first(self, house: House, role: Role) -> str | None:
        """Give the path where somebody of this role begins."""
        return next((group.links[0].path for group in self.of(house, role)), None)

    def _links(self, sections: Iterable[Section], role: Role) -> Iterable[Link]:
        for section in sections:
            place = self._places.get(section.route)
            if place is not None and role in place.roles:
                yield Link(section=section, path=place.path)


def heading_of(house: House, key: str) -> tuple[str, str]:
    """Give the heading and the title under which a section stands, for the trail at the top of a page."""
    for group in GROUPS[house]:
        for section in group.sections:
            if section.key == key:
                return group.title, section.title
    return "", ""
