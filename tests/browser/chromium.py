"""Finds the Chromium that the browser tests drive: a named one, the system's, or the one that Playwright installed.

`python -m tests.browser.chromium` prints where it is; `--install` lets Playwright fetch one where there is none.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

VARIABLE = "CONSENTRY_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NONE_FOUND = (
    "No Chromium was found for the browser tests. Install one with this system's package manager (on Debian: apt-get "
    f"install chromium), or name one in {VARIABLE}."
)
LIBRARIES_MISSING = (
    "Playwright's Chromium does not start here: libraries of the system are missing. As root, run: "
    f"{sys.executable} -m playwright install-deps chromium"
)
_ANSWERS_WITHIN = 60


class NoChromium(RuntimeError):
    """There is none that starts; the text says what to do."""


def find_chromium() -> str:
    """Give the path of a Chromium that starts.

    Raises:
        NoChromium: there is none.
    """
    named = os.environ.get(VARIABLE)
    for name in (named,) if named else NAMES:
        path = shutil.which(name)
        if path and _starts(path):
            return path
    own = _playwrights()
    if own and not named and _starts(own):
        return own
    raise NoChromium(LIBRARIES_MISSING if own and not named else NONE_FOUND)


def _starts(path: str) -> bool:
    """Say whether it is a browser: on Ubuntu, chromium-browser may be a stub that only names a snap."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=_ANSWERS_WITHIN)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwrights() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _install_if_missing() -> None:
    try:
        find_chromium()
    except NoChromium:
        if _playwrights() is None:
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


if __name__ == "__main__":
    if "--install" in sys.argv:
        _install_if_missing()
    try:
        sys.stdout.write(f"{find_chromium()}\n")
    except NoChromium as none:
        sys.exit(str(none))
