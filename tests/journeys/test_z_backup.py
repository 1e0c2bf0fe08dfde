"""A backup is worth what its restore gives back. Made while guests buy, and brought up beside the shop.

Named so that it comes after the others, whose orders, kills and all lie in the backup with this test's own.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bodega.kit.testing import Caller, eventually
from bodega.platform.backups.archive import read_manifest
from bodega.platform.backups.points import Points
from bodega.platform.system import System
from tests.conftest import engine
from tests.journeys.conftest import INSTANCE, PASSWORD
from tests.journeys.logs import failed_loops, unhandled
from tests.journeys.shop import Merchant, Order, Outside, Shopper, unique
from tests.journeys.test_kills import Insistent, command, insists

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(600)]

COPY, GUESTS = "restored", 3


@dataclass
class Shop:
    """What the restored shop must still have, as those see it who were here before."""

    api: Caller
    site: Caller
    product: dict[str, Any]
    order: Order
    waiting: Shopper
    merchant: Merchant

    def at(self, instance: str) -> "Shop":
        """The same, as another instance shows it to those who were here before."""
        there = System.load().instance(instance)
        api = replace(self.api, base=there.api_url)
        order = replace(self.order, api=replace(self.order.api, base=there.api_url))
        waiting = replace(self.waiting, api=replace(self.waiting.api, base=there.api_url))
        merchant = replace(self.merchant, api=replace(self.merchant.api, base=there.api_url))
        return Shop(api, replace(self.site, base=there.site_url), self.product, order, waiting, merchant)

    async def looks(self) -> dict[str, Any]:
        page = (await insists(lambda: self.api.get(f"/products/{self.product['slug']}"))).json
        pictures = sorted(path for media in page["media"] for path in media["renditions"].values())
        assert pictures
        cart = (await insists(lambda: self.waiting.api.get("/cart"))).json
        stock = await insists(lambda: self.merchant.api.get(f"/admin/inventory/{self.product['sku']}"))
        return {
            "product": page,
            "pictures": [await self.picture(path) for path in pictures],
            "order": await self.bought(),
            "cart": [{name: line[name] for name in line if name != "as_of"} for line in cart["lines"]],
            "stock": stock.json,
        }

    async def bought(self) -> dict[str, Any]:
        """The order, but for what the carrier brings about meanwhile."""
        order = await self.order.read()
        assert order["state"] in ("shipped", "delivered")
        until_shipped = [entry for entry in order["timeline"] if entry["note"] != "delivered"]
        kept = {name: order[name] for name in ("id", "number", "lines", "totals", "shipping_address")}
        return {**kept, "timeline": until_shipped, "parcel": order["tracking"]["number"]}

    async def picture(self, path: str) -> bytes:
        answer = await insists(lambda: self.site.get(f"/media/{path}"))
        assert (answer.status, answer.headers["content-type"].split("/")[0]) == (200, "image"), path
        return answer.body

    async def is_found(self) -> None:
        found = await insists(lambda: self.api.get(f"/search?q={self.product['title']}"))
        assert [item["id"] for item in found.json["items"]] == [self.product["id"]]


@dataclass
class Guests:
    """Who buys without pause, and what each of them was told, when."""

    api: Caller
    sku: str
    told: list[dict[str, Any]] = field(default_factory=list)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def buy(self) -> AsyncIterator[None]:
        """Meanwhile; each finishes what has been begun."""
        buying = [asyncio.create_task(self._buys()) for _ in range(GUESTS)]
        try:
            await self.have_bought(GUESTS)
            yield
            await self.have_bought(GUESTS)
        finally:
            self._closing.set()
            await asyncio.gather(*buying)

    async def have_bought(self, more: int) -> None:
        """Until so many more have."""
        enough = len(self.told) + more

        async def bought() -> None:
            assert len(self.told) >= enough

        await eventually(bought, within_seconds=120)

    async def _buys(self) -> None:
        while not self._closing.is_set():
            # All come from one address, which may ask for ten quotes and checkouts a second.
            guest, key = Shopper(Insistent(self.api.base, self.api.session)), unique("key")
            added = await guest.add(self.sku)
            assert added.status in (200, 201), added.body
            answer = await guest.check_out(key=key, body=await guest.wish())
            assert answer.status == 201, answer.body
            number = answer.json["order"]["number"]
            told = {"order": number, "key": key, "status": 201, "lines": [{"sku": self.sku, "quantity": 1}]}
            self.told.append({"at": time.time(), **told})


async def test_a_shop_that_is_backed_up_while_guests_buy_comes_back_as_it_was_at_the_point(
    api: Caller, merchant: Merchant, customer: Shopper, outside: Outside, root: Path, tmp_path: Path
) -> None:
    product, rush = await merchant.makes(stock=9), await merchant.makes(stock=10_000)
    await merchant.pictures(product)
    order = await customer.buys(product["sku"], 2)
    await order.is_sent(outside)
    waiting = Shopper(api)
    await waiting.add(product["sku"], 3)
    site = Caller(engine("BODEGA_ORDERS_SITE_URL"), api.session)
    shop = Shop(api, site, product, order, waiting, merchant)
    await eventually(shop.is_found)
    before = await shop.looks()
    assert before["stock"]["on_hand"] == 7
    assert [(line["sku"], line["quantity"]) for line in before["cart"]] == [(product["sku"], 3)]

    file, guests = tmp_path / "shop.bodega", Guests(api, rush["sku"])
    async with guests.buy():
        began = time.time()
        await command(root, "backup", str(file), "--instance", INSTANCE)
        ended = time.time()
    point = Points.of(read_manifest(file))
    assert point is not None
    promised = [one for one in guests.told if one["at"] < point.postgres_at.timestamp()]
    assert GUESTS <= len(promised) < len(guests.told)
    assert [one for one in guests.told if began < one["at"] < ended], "the shop sold while it was copied"

    try:
        said = await command(root, "restore", str(file), "--as", COPY, "--instance", INSTANCE, "--yes", "--json")
        found = json.loads(said)
        assert (found["differences"], found["audit"]["findings"]) == ([], [])
        assert found["counts"]["orders"]["new_since"] >= len(guests.told) - len(promised) - GUESTS
        assert found["counts"]["orders"]["at_the_point"] >= len(promised)
        assert found["events"]["OrderCreated"] >= found["counts"]["orders"]["new_since"]

        copy = shop.at(COPY)
        assert await copy.looks() == before
        await copy.is_found()
        signed_in = await insists(lambda: copy.api.post("/auth/login", {"email": customer.email, "password": PASSWORD}))
        assert signed_in.status == 200, signed_in.body
        mine = copy.api.being({"Authorization": f"Bearer {signed_in.json['access_token']}"})
        assert [one["id"] for one in (await mine.get("/orders")).json["items"]] == [order.id]
        answers = tmp_path / "answers.jsonl"
        mine_too = {"order": before["order"]["number"], "status": 201, "key": "of this order",
                    "lines": [{"sku": product["sku"], "quantity": 2}]}  # fmt: skip
        answers.write_text("".join(json.dumps(one) + "\n" for one in [mine_too, *promised]))
        audit = json.loads(await command(root, "audit", "--json", "--answers", str(answers), "--instance", COPY))
        assert (audit["findings"], audit["unseen"]) == ([], [])
        assert audit["looked_at"]["answers"] == 1 + len(promised)
        assert (unhandled(COPY), failed_loops(COPY)) == ([], [])
    finally:
        await command(root, "reset", "--yes", "--instance", COPY)
    assert (unhandled(), failed_loops()) == ([], [])
