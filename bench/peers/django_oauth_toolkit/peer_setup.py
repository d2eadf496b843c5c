"""Create the peer's tables and its one client, whose id and secret come from the environment.

The secret is stored as it is: the peer's default, a slow password hash checked at every request, would leave it a
few tokens a second, and the comparison should not rest on that.
"""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peer_settings")


def main() -> None:
    """Migrate the database and create or renew the client."""
    django.setup()
    from oauth2_provider.models import Application

    call_command("migrate", interactive=False, verbosity=0)
    Application.objects.update_or_create(
        client_id=os.environ["BENCH_CLIENT_ID"],
        defaults={
            "client_secret": os.environ["BENCH_CLIENT_SECRET"],
            "hash_client_secret": False,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
            "name": "bench",
        },
    )


if __name__ == "__main__":
    main()
