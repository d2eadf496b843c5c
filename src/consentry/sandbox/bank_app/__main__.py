"""Runs the bank's app beside the demo: `python -m consentry.sandbox.bank_app SOCKET DATA_DIR`."""

import sys
from pathlib import Path

import httpx

from consentry.sandbox.bank_app.app import make_app
from consentry.sandbox.bank_app.consents import Consents
from consentry.sandbox.serving import serve_until_the_demo_ends

if __name__ == "__main__":
    descriptor, data_dir = sys.argv[1:]
    # The demo is on this machine: no proxy that the environment names stands between.
    client = httpx.AsyncClient(trust_env=False, timeout=10.0)
    serve_until_the_demo_ends(make_app(Consents(Path(data_dir), client)), int(descriptor))
