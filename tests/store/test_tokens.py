"""How tokens are looked up."""

import asyncpg
import pytest

from consentry.domain.credential import mac_of
from consentry.store.tokens import TokenOrder
from consentry.usecases.services import Services
from tests.builders import Tenant

READ = "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_xact_user_tables where relname like 'tokens%'"
OTHERS = """
insert into consentry.tokens (institution_id, jti, customer_id, client_id, secret_number, issued_at, expires_at)
select $1, consentry.time_ordered_id(consentry.now()), 'x', 'y', 1, consentry.now(), consentry.now() + interval '1 h'
from generate_series(1, 300)
"""


@pytest.mark.parametrize("known", ["nothing", "an empty table"])
async def test_a_token_is_looked_up_by_its_id_whatever_is_known_of_the_weeks_tokens(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]", known: str
) -> None:
    """R104: each lookup read all tokens of the hour where statistics did not know of them yet, as in a new week."""
    if known == "an empty table":
        await super_connection.execute("analyze consentry.tokens")
    await super_connection.execute(OTHERS, bku.institution_id)
    macs = tuple(mac_of(bku.client_secret, pepper) for pepper in services.keyring.peppers.values())
    issued = await services.issuer.issue(TokenOrder(bku.client_id, macs, None, "cust-1", None, None))
    async with services.session.begin(bku.institution_id) as connection:
        before = await connection.fetchval(READ)
        found = await connection.fetch(
            "select * from consentry.live_tokens($1, $2, $3, $4)",
            [bku.institution_id],
            [None],
            [issued.jti],
            ["cust-1"],
        )
        assert len(found) == 1
        assert await connection.fetchval(READ) - before == 1
