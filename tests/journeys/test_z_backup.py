"""A backup is worth what its restore gives back. Last of all: it takes the shop away and brings it again.

Named so that it comes after the others, whose orders, kills and all lie in the backup with this test's own.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bodega.kit.testing import Caller, eventually
from bodega.platform.system import System
from tests.conftest import engine
from tests.journeys.conftest import INSTANCE, PASSWORD
from tests.journeys.logs import failed_loops, unhandled
from tests.journeys.shop import Merchant, Order, Outside, Shopper
from tests.journeys.test_kills import command, insists

pytestmark = [pytest.mark.journey, pytest.mark.alone, pytest.mark.timeout(400)]


@dataclass
class Shop:
    """What the restored shop must still have, as those see it who were here before."""

    api: Caller
    site: Caller
    product: dict[str, Any]
    order: Order
    waiting: Shopper
    merchant: Merchant

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


async def test_a_restored_shop_is_the_one_that_was_backed_up(
    api: Caller, merchant: Merchant, customer: Shopper, outside: Outside, root: Path, tmp_path: Path
) -> None:
    product = await merchant.makes(stock=9)
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

    file = str(tmp_path / "shop.bodega")
    await command(root, "backup", file, "--instance", INSTANCE)
    await command(root, "reset", "--yes", "--instance", INSTANCE)
    assert not System.load().instance(INSTANCE).data.exists()
    await command(root, "restore", file, "--instance", INSTANCE)

    assert await shop.looks() == before
    await shop.is_found()
    signed_in = await insists(lambda: api.post("/auth/login", {"email": customer.email, "password": PASSWORD}))
    assert signed_in.status == 200, signed_in.body
    mine = api.being({"Authorization": f"Bearer {signed_in.json['access_token']}"})
    assert [one["id"] for one in (await mine.get("/orders")).json["items"]] == [order.id]
    told = tmp_path / "answers.jsonl"
    bought = {"order": before["order"]["number"], "status": 201, "lines": [{"sku": product["sku"], "quantity": 2}]}
    told.write_text(json.dumps({**bought, "key": "of this order"}))
    audit = json.loads(await command(root, "audit", "--json", "--answers", str(told), "--instance", INSTANCE))
    assert (audit["findings"], audit["unseen"], audit["looked_at"]["answers"]) == ([], [], 1)
    assert (unhandled(), failed_loops()) == ([], [])
