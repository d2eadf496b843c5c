"""Who may do what in the portals, from the routes themselves: `python -m tests.portal.matrix` writes matrix.txt anew.

The file is in the repository so that a change of it is looked at as a change of who may do what (R89).
"""

from pathlib import Path
from typing import Any, cast

from consentry.config import Settings
from consentry.domain.staff import ROLES, House
from consentry.usecases.services import Services
from consentry.web.portal.doors import PortalRoute
from consentry.web.portal.routes import routes

FILE = Path(__file__).with_name("matrix.txt")


def guarded_routes() -> list[PortalRoute]:
    """Give every route of both portals that is behind a door."""
    nobody = cast("Services", _Nothing())
    return [route for route in routes(nobody, Settings.read({})) if isinstance(route, PortalRoute)]


def methods_of(route: PortalRoute) -> list[str]:
    """Give the methods of a route that a browser uses."""
    return sorted((route.methods or set()) & {"GET", "POST"})


def text() -> str:
    """Write the matrix: a line for each route and method, with the roles it admits, and whether it needs a step-up."""
    lines = []
    for house in House:
        lines.append(f"# {house.value}: {' '.join(role.value for role in ROLES[house])}\n")
        found = sorted((r for r in guarded_routes() if r.house is house), key=lambda r: (r.path, r.name))
        for route in found:
            methods = "any" if len(route.methods or ()) > 3 else methods_of(route)[0]
            admitted = " ".join(role.value if role in route.roles else "-" for role in ROLES[house])
            lines.append(f"{methods:<5} {route.path:<75} {admitted}{'  step-up' if route.step_up else ''}\n")
    return "".join(lines)


class _Nothing:
    """Stands for services that are never asked: routes are only listed."""

    def __getattr__(self, name: str) -> Any:
        return _Nothing()


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
