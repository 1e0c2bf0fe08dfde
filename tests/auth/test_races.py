"""Two tabs and one refresh token. Its guards: tests/races.toml."""

import asyncio

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Caller
from tests.auth.conftest import new_email, refresh, register
from tests.locks import so_many_wait

pytestmark = pytest.mark.service


async def test_two_tabs_that_refresh_at_once_share_one_session_that_goes_on(auth: Caller, database: Database) -> None:
    """The session is locked until both tabs wait: whoever does not wait for the other has read by then that the token
    was not used yet."""
    made = (await register(auth, new_email())).json
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM session WHERE id = $1 FOR UPDATE", made["session_id"])
        refreshing = [asyncio.create_task(refresh(auth, made["refresh_token"])) for _ in range(2)]
        await so_many_wait(database, 2)
    answers = await asyncio.gather(*refreshing)
    assert [one.status for one in answers] == [200, 200], "the second tab failed instead of getting the same token"
    first, second = (one.json["refresh_token"] for one in answers)
    assert first == second, "two tabs have different tokens: the next use of one ends the session of both"
    assert (await refresh(auth, first)).status == 200
