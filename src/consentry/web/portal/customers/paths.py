"""Where a customer's pages are, and where one says why one looks at them."""

import re
from typing import Final
from urllib.parse import urlencode

from consentry.domain.refusal.request import NotFound
from consentry.domain.scope import is_customer_id
from consentry.web.portal.segments import id_of, segment

SEARCH: Final = "/admin/customers"
OPEN: Final = "/admin/customers/open"
ONE: Final = "/admin/customer"
_HERE: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,79}){0,4}(?:\?[A-Za-z0-9_=&-]{0,200})?")


def customer_of(part: str) -> str:
    """Give the id that a part of a path stands for.

    Raises:
        NotFound: it stands for none.
    """
    customer_id = id_of(part)
    if not is_customer_id(customer_id):
        raise NotFound
    return customer_id


def customer_path(customer_id: str) -> str:
    """Give the path of a customer's page; the others are below it."""
    return f"{ONE}/{segment(customer_id)}"


def open_path(customer_id: str, *, then: str = "", ended: bool = False) -> str:
    """Give where staff says why they want to look at a customer, and then go on to a page below the customer's.

    With `ended` they are told there that what they sent came too late.
    """
    fields = {"customer": customer_id, **({"next": then} if then else {}), **({"ended": "yes"} if ended else {})}
    return f"{OPEN}?{urlencode(fields)}"


def place_of(customer_id: str, wanted: str) -> str:
    """Give the page that somebody wanted, if it is one about this customer, else the customer's own."""
    own = customer_path(customer_id)
    return wanted if wanted.startswith(own) and _HERE.fullmatch(wanted.removeprefix(own)) else own
