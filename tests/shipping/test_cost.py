"""What an ordinary order costs here, counted; and that the result of a step, which is written to the shipment as the
step has seen it, is judged anew if somebody has changed it in between."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.shipping import RatesRequest
from bodega.kit.db import Database
from bodega.kit.flow import Flows, LeaseLost
from bodega.kit.http import Client
from bodega.kit.testing import Topics
from bodega.services.shipping import service, store
from bodega.services.shipping.clients import Carrier, CarrierPrices, LabelShelf, Orders
from bodega.services.shipping.consumers import heard_with
from bodega.services.shipping.flows import Fulfilment
from bodega.services.shipping.settings import Settings
from tests.counting import COUNTED, cost_of
from tests.events import received
from tests.locks import somebody_waits
from tests.shipping.conftest import Judge, World
from tests.shipping.making import paid, question
from tests.shipping.test_fulfilment import cleared, worker

pytestmark = pytest.mark.service

Clients = tuple[Orders, Carrier, LabelShelf]


async def test_an_ordinary_order_costs_17_round_trips_and_three_commits(
    settings: Settings, database: Database, clients: Clients, judge: tuple[Judge, str]
) -> None:
    """From the question of its price to its label. The statement by which the inbox lets the event in, those of the
    relay and the claims of the flow are the kit's and come on top."""
    order = new_id("ord")
    # A kind of its own: nobody else drives it.
    steps = Fulfilment(database, *clients, settings).steps
    flows = Flows(database, "counted", steps, service=COUNTED, owner="test", lease_seconds=60, step_deadline_seconds=50)
    hears = {one.name: one.handler for one in heard_with(flows, settings)}
    nobody = CarrierPrices(Client("shipping", "carrier-prices", ""), "", settings.sender)

    async def rates() -> None:
        asked = RatesRequest.model_validate(question())
        assert len(await service.rates(database, nobody, asked, settings, keep=True)) == 2

    async def hear() -> None:
        async with database.transaction() as tx:
            await hears["OrderPaid"](tx, received(paid(order)))

    async def driven() -> Counter[str]:
        held = await flows.claim(derived_id("shp", order))
        assert held is not None
        return await cost_of(lambda: flows.drive(held))

    costs = {"rates": await cost_of(rates), "paid": await cost_of(hear)}
    costs["ask, buy and file"] = await driven()
    async with database.reading() as tx:
        shipment = await store.get_shipment(tx, derived_id("shp", order))
    assert (shipment.state, shipment.filed) == ("labelled", True)
    assert {step: (cost["sql"], cost["commit"]) for step, cost in costs.items()} == {
        "rates": (1, 0), "paid": (5, 1), "ask, buy and file": (11, 2),
    }  # fmt: skip
    in_all = sum(costs.values(), Counter[str]())
    assert (in_all["sql"], in_all["commit"], in_all["event"]) == (17, 3, 1)
    assert (in_all["call"], in_all["carrier"], in_all["object storage"]) == (1, 2, 1)


async def test_a_label_that_is_bought_while_its_order_is_stopped_is_not_told_and_is_given_back(
    shipping: object, world: World, topics: Topics, settings: Settings, database: Database, clients: Clients
) -> None:
    order = new_id("ord")
    flows = worker(settings, database, clients)
    held = await cleared(database, settings, flows, order)
    bought = await flows.steps["buy"](held)
    async with database.transaction() as tx:
        await service.give_up(tx, derived_id("shp", order), None)
        assert bought.write is not None
        await bought.write(tx)
    async with database.reading() as tx:
        shipment = await store.get_shipment(tx, derived_id("shp", order))
    assert (shipment.state, shipment.tracking_number) == ("dropped", None)
    await flows.drive(held)  # and whoever goes on with it gives the label back
    assert [one["status"] for one in await world.sold(order)] == ["voided"]
    async with database.reading() as tx:
        assert await tx.fetchval("SELECT state FROM flow WHERE id = $1", held.id) == "ended"


async def test_a_parcel_that_is_scanned_while_its_label_is_printed_is_filed_and_keeps_its_scan(
    settings: Settings, database: Database, clients: Clients
) -> None:
    order = new_id("ord")
    flows = worker(settings, database, clients)
    held = await cleared(database, settings, flows, order)
    id = derived_id("shp", order)
    bought = await flows.steps["buy"](held)
    async with database.transaction() as tx:
        assert bought.write is not None
        await bought.write(tx)
    held.data |= bought.data
    printed = await flows.steps["file"](held)
    async with database.transaction() as tx:
        await service.scan(tx, new_id("scn"), id, "picked_up", datetime.now(UTC), "Berlin")
    async with database.transaction() as tx:
        assert printed.write is not None
        await printed.write(tx)
        await printed.write(tx)
        await flows.end(tx, held.id)
        shipment = await store.get_shipment(tx, id)
    assert (shipment.status, shipment.filed, shipment.version) == ("picked_up", True, 5)


async def test_what_is_cleared_again_stays_as_far_as_it_is(
    settings: Settings, database: Database, clients: Clients
) -> None:
    order = new_id("ord")
    flows = worker(settings, database, clients)
    held = await cleared(database, settings, flows, order)
    again = await store.clear(database, derived_id("shp", order))
    assert (again.state, again.version) == ("cleared", 2)
    async with database.transaction() as tx:
        await service.give_up(tx, again.id, None)
        late = asyncio.create_task(store.clear(database, again.id))
        await somebody_waits(database)
        await flows.end(tx, held.id)
    assert (await late).state == "dropped", "not as it was when we came"


async def test_an_order_that_is_cancelled_when_orders_has_just_said_yes_buys_no_label(
    settings: Settings, database: Database, clients: Clients, world: World, judge: tuple[Judge, str]
) -> None:
    order = new_id("ord")
    id = derived_id("shp", order)
    flows = worker(settings, database, clients)
    async with database.transaction() as tx:
        shipment = await service.want(tx, order, paid(order).data, settings)
        assert shipment is not None
        held = await flows.start(tx, id, "ask", service.of_flow(shipment))
    assert held is not None
    async with database.transaction() as tx:
        await flows.lock(tx, id)
        assert await service.drop(tx, order) == id
        await flows.end(tx, id)
        asking = asyncio.create_task(flows.drive(held))
        await somebody_waits(database)
    assert judge[0].asked[order] == 1
    with pytest.raises(LeaseLost):
        await asking
    assert await world.sold(order) == []


async def test_a_worker_that_dies_anywhere_between_asking_and_writing_leaves_one_label(
    settings: Settings, database: Database, clients: Clients, world: World, topics: Topics, shipping: object
) -> None:
    order = new_id("ord")
    id = derived_id("shp", order)
    flows = worker(settings, database, clients)
    async with database.transaction() as tx:
        shipment = await service.want(tx, order, paid(order).data, settings)
        assert shipment is not None
        held = await flows.start(tx, id, "ask", service.of_flow(shipment))
    assert held is not None
    await clients[0].begin_fulfilment(order, id)  # it dies after the yes,
    await store.clear(database, id)  # after what it noted of it,
    await flows.steps["ask"](held)  # and after it has bought
    await flows.drive(held)
    assert [one["status"] for one in await world.sold(order)] == ["label_created"]
    assert len(await topics.of_subject("shipping", order, "ShipmentCreated")) == 1


async def test_the_shops_own_country_is_domestic_whatever_the_tables_say(database: Database) -> None:
    today = datetime.now(UTC).date()

    async with database.transaction() as tx:

        async def days(country: str, home: str) -> list[tuple[int, int]]:
            tables = await store.tables_to(tx, country, home=home, currency="EUR", since=today)
            return [(option.first_day, option.last_day) for option in tables.options]

        domestic, union, world = [(1, 2), (1, 1)], [(3, 5), (2, 2)], [(7, 12), (3, 4)]
        assert [await days("FR", home) for home in ("FR", "DE")] == [domestic, union]
        assert await days("JP", "DE") == world
        without_the_rest = tx.connection.transaction()
        await without_the_rest.start()
        await tx.execute("DELETE FROM zone_country WHERE country = '*'")
        assert await days("JP", "DE") == []
        assert [await days("FR", home) for home in ("FR", "DE")] == [domestic, union]
        await without_the_rest.rollback()
