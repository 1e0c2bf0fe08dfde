"""Two replicas of shipping at once."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials, Topics
from bodega.services.shipping.settings import Settings
from tests.shipping.conftest import World, becomes, run
from tests.shipping.making import paid

pytestmark = pytest.mark.service


async def test_two_replicas_share_the_work_and_each_order_gets_one_label(
    shipping: Caller, merchant: Caller, world: World, topics: Topics, settings: Settings, credentials: Credentials
) -> None:
    """The last file here: the broker keeps a replica's place for 15 s after it has left (static membership)."""
    orders = [new_id("ord") for _ in range(6)]
    async with run(settings.model_copy(update={"replica": "1"}), credentials):
        await topics.publish(*(fact for order in orders for fact in (paid(order), paid(order))))
        for order in orders:
            await becomes(merchant, order, state="labelled", within_seconds=20)
    for order in orders:
        assert len(await world.sold(order)) == 1
