"""Two shoppers and the last unit. Its guards: tests/races.toml."""

import asyncio

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Caller
from bodega.services.inventory import store
from tests.inventory.making import request, standing, stocked
from tests.locks import so_many_wait

pytestmark = pytest.mark.service


async def test_of_two_who_reserve_the_last_unit_one_gets_it_and_the_other_is_refused(
    checkout: Caller, database: Database
) -> None:
    """The row is locked until both wait for it: by then each has seen that there is one left."""
    sku = await stocked(database, 1)
    async with database.transaction() as tx:
        await store.lock_stock(tx, [sku])
        reserving = [
            asyncio.create_task(checkout.post("/internal/reservations", request((sku, 1)))) for _ in range(2)
        ]  # fmt: skip
        await so_many_wait(database, 2)
    answers = sorted(await asyncio.gather(*reserving), key=lambda answer: answer.status)
    assert await standing(database, sku) == (1, 1), "the last unit was promised twice"
    assert [one.status for one in answers] == [201, 409], "the second request was not refused as out of stock"
    assert answers[1].json["lines"] == [{"sku": sku, "wanted": 1, "left": 0}]
