"""From a paid order to a delivered parcel, whatever is lost, repeated or killed on the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bodega.contracts.ids import derived_id, new_id
from bodega.kit.db import Database, Transaction
from bodega.kit.flow import Flows, Held, LeaseLost, Next
from bodega.kit.http import Client
from bodega.kit.testing import Caller, Topics, eventually, outbox_is_empty
from bodega.services.shipping import service, store
from bodega.services.shipping.clients import Carrier, LabelShelf, Orders
from bodega.services.shipping.consumers import heard_with
from bodega.services.shipping.flows import Fulfilment
from bodega.services.shipping.settings import Settings
from tests.events import received
from tests.locks import somebody_waits
from tests.sandbox.printed import read
from tests.sandbox.stand import Sandbox
from tests.shipping.conftest import Judge, World, becomes
from tests.shipping.making import ADDRESS, cancelled, paid

pytestmark = pytest.mark.service


async def test_a_paid_order_becomes_a_parcel_with_a_label_and_the_world_is_told(
    shipping: Caller, merchant: Caller, world: World, topics: Topics
) -> None:
    order, customer = new_id("ord"), new_id("cus")
    fact = paid(order, customer_id=customer)
    await topics.publish(fact)
    seen = await becomes(merchant, order, state="labelled", label_ready=True)
    (label,) = await world.sold(order)
    assert seen["tracking_number"] == label["tracking_number"]
    assert label["parcels"] == [{"weight_grams": 950, "length_mm": None, "width_mm": None, "height_mm": None}]
    assert "ada@example.com" not in str(label), "the carrier is told no more than it needs"

    (told,) = await topics.of_subject("shipping", order, "ShipmentCreated")
    assert told["data"] | {"contact": None} == {
        "shipment_id": derived_id("shp", order), "number": fact.data.number, "carrier": "Sandbox Parcel",
        "tracking_number": label["tracking_number"], "tracking_url": seen["tracking_url"], "contact": None,
        "promised_from": seen["promised_from"], "promised_to": seen["promised_to"], "customer_id": customer,
    }  # fmt: skip
    pdf = await merchant.get(f"/admin/shipments/{seen['id']}/label")
    assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
    printed = read(pdf.body)
    assert printed.barcodes == [seen["tracking_number"]]
    for words in (seen["tracking_number"], *(ADDRESS[part] for part in ("name", "line1", "city"))):
        assert words in printed.text, "a postman without a scanner can deliver it"


async def test_scans_move_the_parcel_and_its_delivery_is_told_once(
    shipping: Caller, merchant: Caller, world: World, topics: Topics, database: Database
) -> None:
    order = new_id("ord")
    await topics.publish(paid(order))
    tracking = (await becomes(merchant, order, state="labelled"))["tracking_number"]
    await world._ask("POST", "/sandbox/faults", {"target": "webhooks", "kind": "duplicate", "times": 3,
                                                 "match": {"tracking_number": tracking}})  # fmt: skip
    await world.push(tracking, "delivered")
    await becomes(merchant, order, status="delivered")

    async def all_scans() -> dict[str, Any]:
        timeline: dict[str, Any] = (await shipping.get(f"/shipments/{tracking.lower()}")).json
        assert len(timeline["events"]) == 5
        return timeline

    timeline = await eventually(all_scans)
    assert [one["status"] for one in timeline["events"]] == [
        "label_created", "picked_up", "in_transit", "out_for_delivery", "delivered",
    ]  # fmt: skip
    assert timeline["delivered_at"] is not None
    assert not [word for word in (ADDRESS["name"], ADDRESS["line1"], "ada@", order) if word in str(timeline)]
    marked = await merchant.post(f"/admin/shipments/{derived_id('shp', order)}/mark-delivered")
    assert marked.json["delivered_at"] == timeline["delivered_at"], "the merchant's word changes nothing now"
    await outbox_is_empty(database)
    told = await topics.of_subject("shipping", order, "ShipmentDelivered")
    assert [one["type"] for one in told] == ["ShipmentCreated", "ShipmentPickedUp", "ShipmentDelivered"]
    assert int(told[0]["sequence"]) < int(told[1]["sequence"])


async def test_the_merchant_says_that_it_has_arrived(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], topics: Topics, database: Database
) -> None:
    order = new_id("ord")
    judge[0].refusals[order] = ["not_captured_yet"] * 4
    await topics.publish(paid(order))
    await becomes(merchant, order, state="wanted")
    path = f"/admin/shipments/{derived_id('shp', order)}"
    assert (await merchant.get(f"{path}/label")).code == "not_labelled"
    early = await merchant.post(f"{path}/mark-delivered")
    if early.status == 409:  # it may be labelled by now
        assert early.code == "not_labelled"
    await becomes(merchant, order, state="labelled")
    assert (await merchant.post(f"{path}/mark-delivered")).json["status"] == "delivered"
    assert (await merchant.post(f"{path}/mark-delivered")).json["status"] == "delivered"
    await outbox_is_empty(database)
    told = await topics.of_subject("shipping", order, "ShipmentDelivered")
    assert [one["type"] for one in told] == ["ShipmentCreated", "ShipmentDelivered"]


async def test_an_order_that_is_paid_three_times_over_gets_one_label(
    shipping: Caller, merchant: Caller, world: World, topics: Topics
) -> None:
    order, last = new_id("ord"), new_id("ord")
    fact = paid(order)
    await topics.publish(fact, fact, paid(order), fact)
    await topics.publish_behind(fact, paid(last))
    await becomes(merchant, last, state="labelled")
    await becomes(merchant, order, state="labelled", label_ready=True)
    assert len(await world.sold(order)) == 1


async def test_it_asks_again_very_soon_while_the_money_is_being_taken(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], topics: Topics
) -> None:
    order = new_id("ord")
    judge[0].refusals[order] = ["not_captured_yet", "order_not_paid", "not_captured_yet"]
    began = asyncio.get_running_loop().time()
    await topics.publish(paid(order))
    await becomes(merchant, order, state="labelled")
    assert judge[0].asked[order] == 4
    assert asyncio.get_running_loop().time() - began < 2


async def test_it_survives_orders_being_away(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], topics: Topics
) -> None:
    order = new_id("ord")
    judge[0].refusals[order] = ["unavailable"] * 4
    await topics.publish(paid(order))
    await becomes(merchant, order, state="labelled")


async def test_what_orders_has_cancelled_is_not_sent(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], world: World, topics: Topics
) -> None:
    order = new_id("ord")
    judge[0].refusals[order] = ["order_cancelled"]
    await topics.publish(paid(order))
    await becomes(merchant, order, state="dropped")
    assert await world.sold(order) == []


async def test_a_cancellation_that_is_heard_first_leaves_a_tombstone(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], world: World, topics: Topics
) -> None:
    order = new_id("ord")
    fact, last = paid(order), new_id("ord")
    await topics.publish(cancelled(order), fact)
    seen = await becomes(merchant, order, state="dropped")
    assert seen["address"] is None
    await topics.publish(paid(order))
    await topics.publish_behind(fact, paid(last))
    await becomes(merchant, last, state="labelled")
    assert judge[0].asked[order] == 0
    assert await world.sold(order) == []


async def test_a_cancellation_while_orders_is_being_asked_fences_off_whoever_asks(
    merchant: Caller, judge: tuple[Judge, str], world: World, topics: Topics, settings: Settings, database: Database,
    clients: tuple[Orders, Carrier, LabelShelf],
) -> None:  # fmt: skip
    order = new_id("ord")
    judge[0].gates[order] = asyncio.Event()
    flows = worker(settings, database, clients)
    async with database.transaction() as tx:
        shipment = await service.want(tx, order, paid(order).data, settings)
        assert shipment is not None
        held = await flows.start(tx, shipment.id, "ask", service.of_flow(shipment))
    assert held is not None
    asking = asyncio.create_task(flows.drive(held))

    async def being_asked() -> None:
        assert judge[0].asked[order] == 1

    await eventually(being_asked)
    await topics.publish(cancelled(order))
    await becomes(merchant, order, state="dropped")
    judge[0].gates[order].set()  # its yes comes too late
    with pytest.raises(LeaseLost):
        await asking
    assert (await becomes(merchant, order, state="dropped"))["tracking_number"] is None
    assert await world.sold(order) == []


@pytest.mark.parametrize("kind", ["drop_after", "timeout_after", "error_500_after", "drop_before", "error_500"])
async def test_a_lost_answer_never_buys_a_second_label(
    shipping: Caller, merchant: Caller, world: World, topics: Topics, database: Database, kind: str
) -> None:
    order = new_id("ord")
    await world.fault(order, "carrier.labels", kind, seconds=0.8)
    await topics.publish(paid(order))
    await becomes(merchant, order, state="labelled", label_ready=True)
    assert len(await world.sold(order)) == 1
    await outbox_is_empty(database)
    told = await topics.of_subject("shipping", order, "ShipmentCreated")
    assert len(told) == 1


async def test_an_unknown_label_is_shown_as_such_and_looked_up_when_the_carrier_is_back(
    shipping: Caller, merchant: Caller, world: World, topics: Topics
) -> None:
    order = new_id("ord")
    await world.fault(order, "carrier.labels", "drop_after")
    await world.fault(order, "carrier.labels.find", "error_500", times=3)
    await topics.publish(paid(order))
    await becomes(merchant, order, state="label_unknown")
    await becomes(merchant, order, state="labelled")
    assert len(await world.sold(order)) == 1


async def test_our_account_being_refused_is_shown_to_people_and_tried_again(
    merchant: Caller, world: World, settings: Settings, database: Database, sandbox: Sandbox,
    clients: tuple[Orders, Carrier, LabelShelf],
) -> None:  # fmt: skip
    order = new_id("ord")
    http = Client("shipping", "carrier", settings.carrier_url, attempts=1)
    await http.open()
    orders, _, shelf = clients
    flows = worker(settings, database, (orders, Carrier(http, "an old key", settings.sender), shelf))
    await flows.drive(await cleared(database, settings, flows, order))
    await http.close()
    await becomes(merchant, order, state="labelled", attention=None)  # by those who have the new key
    assert len(await world.sold(order)) == 1


async def test_a_label_that_cannot_be_bought_waits_for_people_and_another_address_cures_it(
    shipping: Caller, merchant: Caller, judge: tuple[Judge, str], world: World, topics: Topics
) -> None:
    order = new_id("ord")
    await world.fault(order, "carrier.labels", "refuse", message="No such street.")
    await topics.publish(paid(order))
    refused = await becomes(
        merchant, order, state="label_failed", attention="the carrier answered 422: No such street."
    )
    assert judge[0].called[order] == "label_failed", "the order says so, too"
    listed = (await merchant.get(f"/admin/shipments?state=label_failed&attention=true&q={refused['number']}")).json
    assert [one["id"] for one in listed["items"]] == [refused["id"]]
    path, right = f"/admin/shipments/{refused['id']}/relabel", {**ADDRESS, "line1": "Torstrasse 2"}

    abroad = await merchant.post(path, {"address": {**right, "country": "AT", "postal_code": "1010", "city": "Wien"}})
    assert (abroad.status, abroad.json["errors"][0]["pointer"]) == (422, "/address/country")
    nowhere = await merchant.post(path, {"address": {**right, "postal_code": "1"}})
    assert (nowhere.code, nowhere.json["errors"][0]["pointer"]) == ("invalid_address", "/address/postal_code")

    assert (await merchant.post(path, {"address": right})).status == 202
    seen = await becomes(merchant, order, state="labelled", attention=None, label_no=2, label_ready=True)
    (label,) = await world.sold(order)
    assert label["to"]["line1"] == seen["address"]["line1"] == "Torstrasse 2"
    (told,) = await topics.of_subject("shipping", order, "ShipmentCreated")
    assert "replaces" not in told["data"]


async def test_a_label_that_nobody_has_used_is_given_back_for_another_one_once(
    shipping: Caller, merchant: Caller, world: World, topics: Topics
) -> None:
    order = new_id("ord")
    await topics.publish(paid(order))
    first = await becomes(merchant, order, state="labelled", label_ready=True)
    path, key = f"/admin/shipments/{first['id']}", {"Idempotency-Key": new_id("key")}
    await world.fault(order, "carrier.labels", "drop_after")
    asked = await merchant.post(f"{path}/relabel", headers=key)
    assert (asked.status, asked.json["state"]) == (202, "voiding")
    assert (await merchant.post(f"{path}/relabel")).code == "not_labelled", "one at a time"
    second = await becomes(merchant, order, state="labelled", label_ready=True, label_no=2)
    again = await merchant.post(f"{path}/relabel", headers=key)
    assert (again.json["label_no"], again.headers["idempotency-replayed"]) == (2, "true")

    sold = {label["tracking_number"]: label["status"] for label in await world.sold(order)}
    assert sold == {first["tracking_number"]: "voided", second["tracking_number"]: "label_created"}
    told = await topics.of_subject("shipping", order, "ShipmentCreated")
    assert [(one["data"]["tracking_number"], one["data"].get("replaces")) for one in told] == [
        (first["tracking_number"], None), (second["tracking_number"], first["tracking_number"]),
    ]  # fmt: skip
    by_old_number = (await shipping.get(f"/shipments/{first['tracking_number']}")).json
    assert by_old_number["tracking_number"] == second["tracking_number"]
    assert read((await merchant.get(f"{path}/label")).body).barcodes == [second["tracking_number"]]

    await world.push(second["tracking_number"], "picked_up")
    await becomes(merchant, order, status="picked_up")
    late = await merchant.post(f"{path}/relabel")
    assert (late.status, late.code) == (409, "already_handed_over")


async def test_a_parcel_that_is_picked_up_while_its_label_is_given_back_keeps_it(
    merchant: Caller, world: World, topics: Topics
) -> None:
    order = new_id("ord")
    await topics.publish(paid(order))
    first = await becomes(merchant, order, state="labelled", label_ready=True)
    await world._ask("POST", "/sandbox/faults", {"target": "carrier.labels.find", "kind": "error_500",
                                                 "match": {"id": first["label_id"]}})  # fmt: skip
    await merchant.post(f"/admin/shipments/{first['id']}/relabel")
    await world.push(first["tracking_number"], "picked_up")
    kept = await becomes(merchant, order, state="labelled", status="picked_up", label_no=1)
    assert kept["tracking_number"] == first["tracking_number"]
    assert "409" in kept["attention"]
    assert len(await world.sold(order)) == 1


@pytest.mark.parametrize("so_far", ["label_failed", "label_unknown", "labelled"])
async def test_an_order_that_is_refunded_while_its_parcel_is_prepared_sends_nothing_and_keeps_no_label(
    shipping: Caller, merchant: Caller, world: World, topics: Topics, so_far: str
) -> None:
    order = new_id("ord")
    if so_far == "label_failed":
        await world.fault(order, "carrier.labels", "refuse")
    if so_far == "label_unknown":
        await world.fault(order, "carrier.labels", "drop_after")
        await world.fault(order, "carrier.labels.find", "error_500", times=2)
    await topics.publish(paid(order))
    await becomes(merchant, order, state=so_far)
    await topics.publish(cancelled(order), cancelled(order))
    await becomes(merchant, order, state="dropped", tracking_number=None, status="preparing")

    async def given_back() -> None:
        assert {label["status"] for label in await world.sold(order)} <= {"voided"}

    await eventually(given_back)


async def test_a_parcel_that_left_before_its_order_was_stopped_calls_people(
    shipping: Caller, merchant: Caller, world: World, topics: Topics
) -> None:
    order = new_id("ord")
    await topics.publish(paid(order))
    tracking = (await becomes(merchant, order, state="labelled"))["tracking_number"]
    await world.push(tracking, "picked_up")
    await topics.publish(cancelled(order))

    async def people_are_called() -> None:
        seen = await becomes(merchant, order, state="labelled", status="picked_up")
        assert "has left" in (seen["attention"] or "")

    await eventually(people_are_called)


def worker(
    settings: Settings, database: Database, clients: tuple[Orders, Carrier, LabelShelf], lease_seconds: float = 60
) -> Flows:
    """A worker in our hands, so that it can die or sleep at a chosen instant. Its lease is its own for so long."""
    steps = Fulfilment(database, *clients, settings)
    return Flows(
        database, "fulfilment", steps.steps, service="shipping",
        owner="in our hands", lease_seconds=lease_seconds, step_deadline_seconds=lease_seconds * 0.8,
    )  # fmt: skip


async def cleared(database: Database, settings: Settings, flows: Flows, order: str) -> Held:
    """The flow of a shipment that orders has let go, leased to `flows`."""
    async with database.transaction() as tx:
        shipment = await service.want(tx, order, paid(order).data, settings)
        assert shipment is not None
        held = await flows.start(tx, shipment.id, "buy", service.of_flow(shipment))
    assert held is not None
    await store.clear(database, shipment.id)
    return held


async def test_a_worker_that_dies_between_buying_and_writing_leaves_one_label(
    shipping: Caller, merchant: Caller, world: World, settings: Settings, database: Database,
    clients: tuple[Orders, Carrier, LabelShelf],
) -> None:  # fmt: skip
    order = new_id("ord")
    dying = worker(settings, database, clients, lease_seconds=5)
    held = await cleared(database, settings, dying, order)
    await dying.steps["buy"](held)  # what it decided is never written
    (bought,) = await world.sold(order)
    assert (await becomes(merchant, order))["state"] == "cleared"
    seen = await becomes(merchant, order, state="labelled")
    assert seen["tracking_number"] == bought["tracking_number"]
    assert len(await world.sold(order)) == 1


async def test_two_workers_that_both_believe_to_own_it_buy_one_label_and_tell_it_once(
    shipping: Caller, merchant: Caller, world: World, topics: Topics, settings: Settings, database: Database,
    clients: tuple[Orders, Carrier, LabelShelf],
) -> None:  # fmt: skip
    order = new_id("ord")
    flows = worker(settings, database, clients)
    sleeper = await cleared(database, settings, flows, order)
    async with database.transaction() as tx:
        await tx.execute("UPDATE flow SET epoch = epoch + 1 WHERE id = $1", sleeper.id)
    successor = replace(sleeper, epoch=sleeper.epoch + 1)
    ended = await asyncio.gather(flows.drive(sleeper), flows.drive(successor), return_exceptions=True)
    assert [type(one) for one in ended] == [LeaseLost, type(None)]
    await becomes(merchant, order, state="labelled", label_ready=True)
    assert len(await world.sold(order)) == 1
    await outbox_is_empty(database)
    assert len(await topics.of_subject("shipping", order, "ShipmentCreated")) == 1


async def test_the_list_is_paged_newest_first_and_filtered(merchant: Caller, topics: Topics, shipping: Caller) -> None:
    made = [new_id("ord") for _ in range(3)]
    await topics.publish(*(paid(order) for order in made))
    for order in made:
        await becomes(merchant, order, state="labelled")
    seen: list[str] = []
    cursor = ""
    while not set(made) <= set(seen):
        page = (await merchant.get(f"/admin/shipments?state=labelled&limit=2{cursor}")).json
        seen += [item["order_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen, reverse=True)
    assert set(made) <= set(seen)
    assert (await merchant.get("/admin/shipments?state=lost")).code == "invalid_request"
    assert (await merchant.get("/admin/shipments?cursor=bm9wZQ")).code == "malformed_request"


async def test_cancelling_while_a_step_is_recorded_locks_in_one_order(settings: Settings, database: Database) -> None:
    """The step holds its flow and comes to the shipment; the cancellation must not hold the shipment and come to the
    flow. A kind of its own: nobody else drives it."""
    order = new_id("ord")
    recording = asyncio.Event()

    async def wait(held: Held) -> Next:
        async def write(tx: Transaction) -> None:
            recording.set()
            await somebody_waits(database)
            await service.refuse(tx, held.id, "Look at it.")

        return Next("later", write=write, wait_seconds=600)

    flows = Flows(database, "lock order", {"ask": wait}, service="shipping", owner="test")
    handlers = {one.name: one.handler for one in heard_with(flows, settings)}
    async with database.transaction() as tx:
        await handlers["OrderPaid"](tx, received(paid(order)))

    async def cancel() -> None:
        await recording.wait()
        async with database.transaction() as tx:
            await handlers["OrderCancelled"](tx, received(cancelled(order)))

    held = await flows.claim(derived_id("shp", order))
    assert held is not None
    await asyncio.gather(flows.drive(held), cancel())
    async with database.transaction() as tx:
        shipment = await store.get_shipment(tx, held.id)
        assert await tx.fetchval("SELECT state FROM flow WHERE id = $1", held.id) == "ended"
    assert (shipment.state, shipment.attention) == ("dropped", "Look at it.")
