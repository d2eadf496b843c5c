"""What every page of the Data Provider Portal needs: its route, who is signed in, and how it is rendered.

async def show(request: Request, staff: SignedIn) -> Response:
    return render(staff, "settings/team.html", title="Team members", section="settings.team", members=...)

portal_route("/admin/settings/team", show, role=Role.ADMIN, name="portal.team")
"""

from consentry.web.portal.doors import portal_route
from consentry.web.portal.lists import csv_answer
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

__all__ = ["SignedIn", "csv_answer", "portal_route", "render"]
