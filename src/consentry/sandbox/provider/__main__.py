"""Runs the identity provider beside the demo: `python -m consentry.sandbox.provider SOCKET`."""

import os
import sys
import warnings

from consentry.sandbox.serving import serve_until_the_demo_ends

if __name__ == "__main__":
    # There is no TLS on this machine's own address, which is the only one that is listened on.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    from consentry.sandbox.provider.app import make_app

    warnings.simplefilter("ignore", DeprecationWarning)

    serve_until_the_demo_ends(make_app(), int(sys.argv[1]), interface="wsgi")
