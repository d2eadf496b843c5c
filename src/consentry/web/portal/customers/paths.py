"""Where a customer's pages are: ids of any visible characters in paths that everything on the way leaves alone.

Percent-encoding is undone, merged and normalised by proxies, servers and browsers alike (`%2F`, `%2E%2E`), each as it
likes. Here `~` stands for its `%`: letters, digits, `-` and `_` stand for themselves, everything else is `~` and two
hexadecimal digits, read in one place and in one spelling only (R95).
"""

import re
from typing import Final
from urllib.parse import urlencode

from consentry.domain.refusal import NotFound
from consentry.domain.scope import is_customer_id

SEARCH: Final = "/admin/customers"
OPEN: Final = "/admin/customers/open"
ONE: Final = "/admin/customer"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]")
_KEY: Final = re.compile(r"(?:[A-Za-z0-9_-]|~[0-9A-F]{2}){1,765}")
_HERE: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,79}){0,4}(?:\?[A-Za-z0-9_=&-]{0,200})?")


def key_of(customer_id: str) -> str:
    """Give a customer's id as one segment of a path."""
    return "".join(c if _PLAIN.fullmatch(c) else f"~{ord(c):02X}" for c in customer_id)


def customer_of(key: str) -> str:
    """Give the id that a segment of a path stands for.

    Raises:
        NotFound: it stands for none, or is not spelt as `key_of` does.
    """
    if not _KEY.fullmatch(key):
        raise NotFound
    customer_id = re.sub("~([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), key)
    if not is_customer_id(customer_id) or key_of(customer_id) != key:
        raise NotFound
    return customer_id


def customer_path(customer_id: str) -> str:
    """Give the path of a customer's page; the others are below it."""
    return f"{ONE}/{key_of(customer_id)}"


def open_path(customer_id: str, *, then: str = "") -> str:
    """Give where staff says why they want to look at a customer, and then go on to a page below the customer's."""
    fields = {"customer": customer_id, **({"next": then} if then else {})}
    return f"{OPEN}?{urlencode(fields)}"


def place_of(customer_id: str, wanted: str) -> str:
    """Give the page that somebody wanted, if it is one about this customer, else the customer's own."""
    own = customer_path(customer_id)
    return wanted if wanted.startswith(own) and _HERE.fullmatch(wanted.removeprefix(own)) else own
