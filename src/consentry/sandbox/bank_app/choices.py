"""What the bar at the top of the bank's app offers: a customer, a way of embedding, a language, a theme."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from consentry.sandbox.bank_app.customers import bank_customers
from consentry.sandbox.demo_file import Demo

# Values, and the words for them; the first is what happens when nothing was chosen.
WAYS: Final = {"post": "a form, by POST", "component": "the web component", "get": "an address, by GET"}
LOCALES: Final = {
    "": "the browser's",
    "en": "English",
    "es": "Espa\N{LATIN SMALL LETTER N WITH TILDE}ol",
    "fr": "Fran\N{LATIN SMALL LETTER C WITH CEDILLA}ais",
}
THEMES: Final = {"": "the system's", "light": "light", "dark": "dark"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen, of a demo that runs at `demo.base_url`."""

    demo: Demo
    customer_id: str
    way: str
    locale: str
    theme: str

    @property
    def query(self) -> str:
        """Write the choices as the query of an address of this app."""
        return urlencode({"customer": self.customer_id, "way": self.way, "locale": self.locale, "theme": self.theme})

    @property
    def dashboard(self) -> str:
        """Give the address of the dashboard in the chosen language and theme, without a token."""
        chosen = {name: value for name, value in (("locale", self.locale), ("theme", self.theme)) if value}
        return f"{self.demo.base_url}/embed/authorizations" + (f"?{urlencode(chosen)}" if chosen else "")

    def opened_with(self, token: str) -> str:
        """Give the address that opens the dashboard by GET."""
        return f"{self.dashboard}{'&' if '?' in self.dashboard else '?'}access_token={token}"


def read_choices(query: Mapping[str, str], demo: Demo) -> Choices:
    """Read the choices out of a query; what is none counts as not chosen. The first customer is the walk-through's."""
    customer_id = query.get("customer", "")
    if customer_id not in bank_customers():
        customer_id = max(demo.customers, key=lambda customer: customer.sharing).customer_id
    return Choices(
        demo=demo,
        customer_id=customer_id,
        way=_one_of(WAYS, query.get("way", "")),
        locale=_one_of(LOCALES, query.get("locale", "")),
        theme=_one_of(THEMES, query.get("theme", "")),
    )


def _one_of(offered: Mapping[str, str], chosen: str) -> str:
    return chosen if chosen in offered else next(iter(offered))
