"""Time is the database's (R25, R126)."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.builders import Tenant
from tests.serving import Service
from tests.web.calls import Api, refused

Connection = Any


async def test_a_token_lives_300_seconds_by_the_databases_clock(
    start: Callable[..., Service], bku: Tenant, super_connection: Connection
) -> None:
    """R25: verified at 299 s, refused at 301 s, wherever the machine's own clock stands; a restart extends nothing."""
    stand_still = """create or replace function consentry.now() returns timestamptz language sql stable parallel safe
                     as $$ select '{}'::timestamptz + interval '{} seconds' $$"""
    service = start()
    with httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku)
        token = api.token()
        issued = await super_connection.fetchval("select issued_at from consentry.tokens")
        for seconds, status in ((299, 200), (301, 401)):
            await super_connection.execute(stand_still.format(issued, seconds))
            assert api.bearer(token, "GET").status_code == status
        refused(Api(client, start().base_url, bku).bearer(token, "GET"), 401, "invalid_token")
