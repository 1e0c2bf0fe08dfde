"""What the world hears of products, whatever happens in between."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import jsonschema
import pytest
from pymongo import AsyncMongoClient

from bodega.contracts.catalog import ProductUpdated
from bodega.contracts.envelope import CloudEvent
from bodega.kit.testing import Caller, Credentials, Topics, eventually, serving
from bodega.services.catalog.app import create_app
from bodega.services.catalog.settings import Settings
from tests.catalog.conftest import Room, in_database
from tests.catalog.making import mug
from tests.conftest import RUN

pytestmark = pytest.mark.service


async def made(room: Room, **other: Any) -> dict[str, Any]:
    answer = await room.merchant.post("/admin/products", mug(**other))
    assert answer.status == 201
    product: dict[str, Any] = answer.json
    return product


async def changed(merchant: Caller, product: dict[str, Any], **change: Any) -> dict[str, Any]:
    answer = await merchant.patch(
        f"/admin/products/{product['id']}", change, headers={"If-Match": f'"{product["version"]}"'}
    )
    assert answer.status == 200, answer.body
    after: dict[str, Any] = answer.json
    return after


async def told(topics: Topics, product_id: str, version: int) -> list[dict[str, Any]]:
    """The events of a product, once one of this version or a later one is among them."""

    def enough(found: list[dict[str, Any]]) -> bool:
        return any(one["subject"] == product_id and int(one["sequence"]) >= version for one in found)

    return [one for one in await topics.read("catalog", enough) if one["subject"] == product_id]


async def is_untold(topics: Topics, product_id: str) -> None:
    """So far."""
    assert product_id not in {one["subject"] for one in await topics.read("catalog", lambda _: True)}


async def test_a_published_product_is_told_whole_at_once(room: Room, topics: Topics, root: Any) -> None:
    first = await made(room)
    await told(topics, first["id"], first["version"])  # from here on the relay sleeps until a write wakes it
    started = time.monotonic()
    product = await made(room)
    (event,) = await told(topics, product["id"], product["version"])
    assert time.monotonic() - started < 5, "it was not woken, but looked by itself, after ten seconds"
    assert event["type"] == "ProductUpdated"
    assert event["sequence"] == str(product["version"])
    carried = CloudEvent[ProductUpdated].model_validate(event).data.product
    assert carried.model_dump(mode="json") == {
        name: value for name, value in product.items() if name not in ("status", "former_slugs")
    }
    schema = json.loads((root / "src/bodega/contracts/schemas/ProductUpdated.1.json").read_text())
    jsonschema.validate(event, schema)


async def test_a_category_is_told_when_it_is_made_and_whenever_it_changes(room: Room, topics: Topics) -> None:
    made = await room.merchant.post("/admin/categories", {"slug": "told", "title": "Told", "position": 907})
    assert made.status == 201
    (first,) = await told(topics, "told", 1)
    assert (first["type"], first["data"]["title"]) == ("CategoryUpdated", "Told")
    for title in ("Told Again", "Told at Last"):
        assert (await room.merchant.patch("/admin/categories/told", {"title": title})).status == 200
    (kept,) = [one for one in (await room.cart.get("/internal/categories")).json["items"] if one["slug"] == "told"]
    assert kept["version"] > first["data"]["version"]
    last = (await told(topics, "told", kept["version"]))[-1]
    assert last["data"] == kept
    assert kept == {
        "slug": "told", "title": "Told at Last", "description": "", "position": 907, "version": int(last["sequence"]),
    }  # fmt: skip


async def test_a_categorys_version_goes_on_with_the_clock_whoever_writes(room: Room, topics: Topics) -> None:
    """So it does not go back, even if the store has lost its last moment."""
    started = int(time.time() * 1000)
    await room.merchant.post("/admin/categories", {"slug": "busy", "title": "Busy", "position": 908})
    renamings = [room.merchant.patch("/admin/categories/busy", {"title": f"Busy {n}"}) for n in range(5)]
    assert {one.status for one in await asyncio.gather(*renamings)} == {200}
    (kept,) = [one for one in (await room.cart.get("/internal/categories")).json["items"] if one["slug"] == "busy"]
    heard = [int(one["sequence"]) for one in await told(topics, "busy", kept["version"])]
    assert heard[0] >= started
    assert heard == sorted(set(heard)), "no version stands for two states"


async def test_drafts_are_told_when_they_are_published_and_what_is_taken_back_is_told(
    room: Room, topics: Topics
) -> None:
    draft = await made(room, status="draft")
    edited = await changed(room.merchant, draft, title="Still a draft")
    published = await changed(room.merchant, edited, status="published")
    back = await changed(room.merchant, published, status="draft")
    events = await told(topics, draft["id"], back["version"])
    kinds = [(one["type"], int(one["sequence"])) for one in events]
    assert kinds[-1] == ("ProductArchived", back["version"])
    assert all(sequence >= published["version"] for _, sequence in kinds)
    assert events[-1]["data"]["skus"] == [variant["sku"] for variant in draft["variants"]]


async def test_a_product_that_is_edited_without_pause_is_told_in_order_and_in_the_end_as_it_is(
    room: Room, topics: Topics
) -> None:
    product = await made(room)
    for number in range(15):
        product = await changed(room.merchant, product, title=f"Title {number}")
    events = await told(topics, product["id"], product["version"])
    sequences = [int(one["sequence"]) for one in events]
    assert sequences == sorted(sequences)
    assert events[-1]["data"]["product"]["title"] == "Title 14"


async def test_what_was_told_is_forgotten_and_refused_writes_leave_nothing(room: Room) -> None:
    product = await made(room)
    assert (await room.merchant.post("/admin/products", mug(slug=product["slug"]))).status == 409
    stale = await room.merchant.patch(f"/admin/products/{product['id']}", {"title": "X"}, headers={"If-Match": '"1"'})
    assert stale.status == 412

    async def nothing_pending() -> None:
        assert await room.app.state.store.pending_after(None, 10) == []

    await eventually(nothing_pending)


DIES = """
import asyncio, json, os, signal, sys
from bodega.services.catalog import service
from bodega.services.catalog.schemas import ProductWrite
from bodega.services.catalog.store import Store

def die(*_):
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)

async def main(url, moment, content):
    store = Store(url, timeout_seconds=5, pool_size=2)
    if moment == "before the write":
        async def _insert(product):
            print(product.id, product.version)
            die()
        store._insert = _insert
        async def _replace(product, version):
            print(product.id, product.version)
            die()
        store._replace = _replace
    wish = ProductWrite.model_validate(json.loads(content))
    known = await store.find_product(wish.slug)
    if known is None:
        product, _ = await service.create(store, wish, currency="EUR")
    else:
        product = await service.put(store, known.id, wish, if_match="*", currency="EUR")
    print(product.id, product.version)
    die()

asyncio.run(main(*sys.argv[1:]))
"""


async def killed(settings: Settings, moment: str, content: dict[str, Any]) -> tuple[str, int]:
    """A process that writes a product and is killed at that moment; the product's id and intended version."""
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", DIES, settings.mongo_url, moment, json.dumps(content)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == -9, process.stderr
    product_id, version = process.stdout.split()
    return product_id, int(version)


@pytest.fixture
def other_settings(settings: Settings, topics: Topics) -> Settings:
    """A database that no other catalog tells of, and topics of its own."""
    return settings.model_copy(
        update={
            "mongo_url": in_database(settings.mongo_url, f"t_catalog_{RUN}_killed"),
            "relay_poll_seconds": 0.1,
            "leftover_seconds": 0.5,
        }
    )


@pytest.fixture(autouse=True)
async def _drop(other_settings: Settings) -> Any:
    yield
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(other_settings.mongo_url)
    await client.drop_database(client.get_default_database().name)
    await client.close()


async def test_a_write_whose_process_was_killed_before_it_was_told_is_told_at_the_next_start(
    other_settings: Settings, topics: Topics
) -> None:
    async with serving(create_app(other_settings)):
        pass  # makes the indexes
    product_id, version = await killed(other_settings, "after the write", mug())
    await is_untold(topics, product_id)
    async with serving(create_app(other_settings)):
        (event,) = await told(topics, product_id, version)
    assert (event["type"], event["sequence"]) == ("ProductUpdated", str(version))


async def test_an_announcement_without_its_write_does_no_harm(other_settings: Settings, topics: Topics) -> None:
    app = create_app(other_settings)

    async def nothing_is_announced() -> None:
        assert await app.state.store.pending_after(None, 1) == []

    async with serving(app) as caller:
        nothing, _ = await killed(other_settings, "before the write", mug())
        content = mug()
        product_id, first = await killed(other_settings, "after the write", content)
        await told(topics, product_id, first)
        _, intended = await killed(other_settings, "before the write", {**content, "title": "Never written"})
        # Once it is sure that the write will not come, the product is told again, as a version beyond the lost one.
        events = await told(topics, product_id, intended)
        assert int(events[-1]["sequence"]) > intended > first
        assert events[-1]["data"]["product"]["title"] == content["title"]
        assert (await caller.get(f"/products/{product_id}")).headers["x-data-version"] == events[-1]["sequence"]
        await eventually(nothing_is_announced)
        await is_untold(topics, nothing)


async def test_a_store_that_forgot_what_was_told_is_believed_and_versions_do_not_go_back(
    other_settings: Settings, topics: Topics, credentials: Credentials
) -> None:
    app = create_app(other_settings)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        merchant = caller.being(credentials.customer("cus_merchant", "merchant"))
        product = (await merchant.post("/admin/products", mug())).json
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(other_settings.mongo_url)
        products = client.get_default_database()["product"]
        before = await products.find_one({"_id": product["id"]})
        assert before is not None
        lost = await changed(merchant, product, title="Told, then lost")
        await told(topics, product["id"], lost["version"])
        await products.replace_one({"_id": product["id"]}, before)  # as after a crash of the store
        await client.close()
        found = (await merchant.get(f"/admin/products/{product['id']}")).json
        assert found["version"] == product["version"]
        after = await changed(merchant, found, title="Written anew")
        assert after["version"] > lost["version"]
        events = await told(topics, product["id"], after["version"])
        assert events[-1]["data"]["product"]["title"] == "Written anew"


async def test_the_same_state_told_twice_has_one_id(room: Room, topics: Topics) -> None:
    product = await made(room)
    (event,) = await told(topics, product["id"], product["version"])
    store = room.app.state.store
    kept = await store.get_product(product["id"])
    await store._announced(kept, lambda: store._replace(kept, kept.version))  # as if forgetting had failed

    def twice(found: list[dict[str, Any]]) -> bool:
        return len([one for one in found if one["subject"] == kept.id]) >= 2

    first, second = [one for one in await topics.read("catalog", twice) if one["subject"] == kept.id]
    assert first["id"] == second["id"] == event["id"]
