"""The dashboard as a browser without script uses it: screens, their forms, and the secret that goes along."""

import html
import re
from dataclasses import dataclass

import httpx

SECRET = re.compile(r"cns_page_[0-9A-Za-z]{34}")
FORM_HEADERS = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True, slots=True)
class Screen:
    """An answer that is a page."""

    answer: httpx.Response

    @property
    def name(self) -> str:
        found = re.search(r'data-screen="([^"]*)"', self.answer.text)
        assert found, self.answer.text
        return found[1]

    @property
    def text(self) -> str:
        return html.unescape(self.answer.text)

    @property
    def secret(self) -> str:
        found = SECRET.search(self.answer.text)
        assert found, f"no secret in the screen {self.name}"
        return found[0]

    def fields(self, action: str) -> list[dict[str, str]]:
        """Give the hidden fields of each form that is posted to an address."""
        forms = re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.answer.text, re.DOTALL)
        inputs = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
        return [{name: html.unescape(value) for name, value in inputs.findall(form)} for form in forms]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Requests for the dashboard of one service."""

    client: httpx.Client
    base_url: str

    def open(self, token: str, **headers: str) -> Screen:
        return Screen(
            self.client.post(f"{self.base_url}/embed/authorizations", data={"access_token": token}, headers=headers)
        )

    def post(self, path: str, secret: str, **fields: str) -> Screen:
        return self.post_from(FORM_HEADERS, path, secret, **fields)

    def post_from(self, headers: dict[str, str], path: str, secret: str, **fields: str) -> Screen:
        """Post with what another browser or site would tell of itself."""
        answer = self.client.post(f"{self.base_url}{path}", data={"session": secret, **fields}, headers=headers)
        return Screen(answer)
