"""What every page of the Channel Partner Portal needs, as web/portal/shell.py has it for the other portal."""

from consentry.web.portal.doors import partner_route
from consentry.web.portal.lists import csv_answer
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

__all__ = ["SignedIn", "csv_answer", "partner_route", "render"]
