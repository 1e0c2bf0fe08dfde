"""Inventory over HTTP: shoppers and the merchant."""

import asyncio

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials
from bodega.services.inventory import service, store
from tests.inventory.making import reserve, standing, stocked

pytestmark = pytest.mark.service


async def test_shoppers_see_a_number_up_to_ten_and_nothing_more(inventory: Caller, database: Database) -> None:
    few, many, none = await stocked(database, 10), await stocked(database, 11), await stocked(database, 0)
    answer = await inventory.get(f"/inventory?skus={few},{many},{none},NEVER-SEEN")
    assert answer.headers["cache-control"] == "no-store"
    assert [(one["sku"], one["in_stock"], one["available"]) for one in answer.json["items"]] == [
        (few, True, 10),
        (many, True, None),
        (none, False, 0),
        ("NEVER-SEEN", False, 0),
    ]
    assert (await inventory.get(f"/inventory/{few}")).json == {"sku": few, "in_stock": True, "available": 10}
    assert (await inventory.get("/inventory/NEVER-SEEN")).code == "not_found"


@pytest.mark.parametrize(
    "query",
    ["", "?skus=", "?skus=a%20b", "?skus=a,,b", "?skus=" + ",".join(["a"] * 101), "?skus=" + "a" * 65, "?skus=%F0"],
)
async def test_what_are_no_skus_is_refused(inventory: Caller, query: str) -> None:
    answer = await inventory.get(f"/inventory{query}")
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_a_merchant_adjusts_counts_and_reads_why(merchant: Caller, checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 0)
    added = await merchant.post(f"/admin/inventory/{sku}/adjust", {"delta": 12, "reason": "Delivery 4711"})
    assert (added.status, added.json["on_hand"], added.json["available"]) == (200, 12, 12)
    await reserve(checkout, (sku, 3))
    counted = await merchant.put(f"/admin/inventory/{sku}", {"on_hand": 10})
    assert (counted.json["on_hand"], counted.json["reserved"], counted.json["available"]) == (10, 3, 7)
    assert counted.headers["etag"] == f'"{counted.json["version"]}"'
    ledger = (await merchant.get(f"/admin/inventory/{sku}/ledger?limit=2")).json
    assert [(one["movement"], one["delta"], one["reserved_delta"], one["reason"]) for one in ledger["items"]] == [
        ("adjusted", -2, 0, "counted"),
        ("reserved", 0, 3, ""),
    ]
    rest = (await merchant.get(f"/admin/inventory/{sku}/ledger?cursor={ledger['next_cursor']}")).json
    assert [(one["delta"], one["reason"]) for one in rest["items"]] == [(12, "Delivery 4711")]
    assert rest["next_cursor"] is None


async def test_a_merchant_sees_all_stock_and_what_runs_low_first(
    merchant: Caller, checkout: Caller, database: Database
) -> None:
    mark = new_id("x")
    skus = [f"{mark}-{n}" for n in range(4)]
    product = new_id("prd")
    async with database.transaction() as tx:
        await store.learn_product(tx, product, skus, 1)
        for sku, on_hand in zip(skus, (5, 0, 20, 5), strict=True):
            await service.count(tx, sku, on_hand, "counted", expected_version=None, actor="test")
    await reserve(checkout, (skus[3], 2))

    async def found(query: str) -> list[tuple[int, int]]:
        seen: list[tuple[int, int]] = []
        cursor = ""
        while True:
            page = (await merchant.get(f"/admin/inventory?limit=2&{query}{cursor}")).json
            seen += [(skus.index(item["sku"]), item["available"]) for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            cursor = f"&cursor={page['next_cursor']}"

    assert await found(f"q={mark.lower()}") == [(0, 5), (1, 0), (2, 20), (3, 3)]
    assert await found(f"product_id={product}&sort=available") == [(1, 0), (3, 3), (0, 5), (2, 20)]
    assert await found(f"q={mark}&available_at_most=3&sort=available") == [(1, 0), (3, 3)]
    assert await found(f"q={mark}&available_at_most=0") == [(1, 0)]
    assert (await merchant.get("/admin/inventory?q=%25")).json["items"] == []


@pytest.mark.parametrize(
    "query", ["available_at_most=-1", "available_at_most=1e9", "product_id=x", "sort=price", "cursor=WyJhIl0"]
)
async def test_a_question_about_stock_that_makes_no_sense_is_refused(merchant: Caller, query: str) -> None:
    assert (await merchant.get(f"/admin/inventory?{query}")).status in (400, 422)


async def test_a_new_sku_has_an_empty_ledger_and_an_unknown_one_has_none(merchant: Caller, database: Database) -> None:
    assert (await merchant.get(f"/admin/inventory/{await stocked(database, 0)}/ledger")).json["items"] == []
    assert (await merchant.get("/admin/inventory/NEVER-SEEN/ledger")).status == 404
    assert (await merchant.put("/admin/inventory/NEVER-SEEN", {"on_hand": 1})).status == 404


async def test_stock_is_never_counted_below_what_buyers_hold(
    merchant: Caller, checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 5)
    await reserve(checkout, (sku, 3))
    for answer in (
        await merchant.put(f"/admin/inventory/{sku}", {"on_hand": 2}),
        await merchant.post(f"/admin/inventory/{sku}/adjust", {"delta": -3, "reason": "Broken"}),
    ):
        assert (answer.status, answer.code, answer.json["reserved"]) == (409, "below_reserved", 3)
    assert await standing(database, sku) == (5, 3)


async def test_a_count_of_a_stale_version_is_refused(merchant: Caller, database: Database) -> None:
    sku = await stocked(database, 5)
    version = (await merchant.get(f"/admin/inventory/{sku}")).headers["etag"]
    assert (await merchant.put(f"/admin/inventory/{sku}", {"on_hand": 6}, headers={"If-Match": version})).status == 200
    stale = await merchant.put(f"/admin/inventory/{sku}", {"on_hand": 7}, headers={"If-Match": version})
    assert (stale.status, stale.code, stale.json["current_version"]) == (412, "stale_version", 3)


async def test_an_adjustment_with_a_key_counts_once(merchant: Caller, database: Database) -> None:
    sku, key = await stocked(database, 5), {"Idempotency-Key": new_id("key")}
    wish = {"delta": 1, "reason": "Delivery"}
    path = f"/admin/inventory/{sku}/adjust"
    answers = await asyncio.gather(*(merchant.post(path, wish, headers=key) for _ in range(5)))
    assert {answer.json["on_hand"] for answer in answers} == {6}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    other = await merchant.post(path, {**wish, "delta": 2}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_hundred_adjustments_at_once_add_up(merchant: Caller, database: Database) -> None:
    sku = await stocked(database, 0)
    path = f"/admin/inventory/{sku}/adjust"
    await asyncio.gather(*(merchant.post(path, {"delta": 1, "reason": "Delivery"}) for _ in range(100)))
    assert await standing(database, sku) == (100, 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"delta": 1}, "/reason"), ({"delta": 1.5, "reason": "x"}, "/delta"),
        ({"delta": 10**30, "reason": "x"}, "/delta"),
        ({"delta": 1, "reason": "a\nb"}, "/reason"), ({"delta": 1, "reason": "x", "by": "me"}, "/by"),
        ({"delta": 1, "reason": "x" * 201}, "/reason"), ({"delta": 1_000_000, "reason": "x"}, "/delta"),
    ],
)  # fmt: skip
async def test_an_adjustment_that_makes_no_sense_is_refused(
    merchant: Caller, database: Database, body: dict[str, object], pointer: str
) -> None:
    sku = await stocked(database, 5)
    answer = await merchant.post(f"/admin/inventory/{sku}/adjust", body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert await standing(database, sku) == (5, 0)


async def test_doors_are_for_those_they_are_for(
    inventory: Caller, checkout: Caller, credentials: Credentials, database: Database
) -> None:
    sku = await stocked(database, 5)
    customer = inventory.being(credentials.customer(new_id("cus")))
    assert (await inventory.put(f"/admin/inventory/{sku}", {"on_hand": 1})).status == 401
    assert (await customer.put(f"/admin/inventory/{sku}", {"on_hand": 1})).status == 403
    assert (await customer.post("/internal/availability", {"skus": [sku]})).status == 401
    stranger = inventory.being(credentials.service("search", "inventory"))
    assert (await stranger.post("/internal/availability", {"skus": [sku]})).status == 403


async def test_availability_comes_in_one_call_with_versions(checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 11)
    answer = await checkout.post("/internal/availability", {"skus": [sku, "NEVER-SEEN"]})
    known, unknown = answer.json["items"]
    assert (known["shown"], known["in_stock"], known["version"]) == ("many", True, 2)
    assert (unknown["shown"], unknown["in_stock"], unknown["version"]) == (0, False, 0)


async def test_it_is_ready_and_describes_itself(inventory: Caller) -> None:
    assert (await inventory.get("/readyz")).json["parts"]["postgres"] == "ok"
    paths = (await inventory.get("/openapi.json")).json["paths"]
    assert "/inventory/{sku}" in paths
    assert not [path for path in paths if path.startswith("/internal")]
