"""Two merchants and one product. Its guard: tests/races.toml."""

import asyncio

import pytest

from bodega.services.catalog.domain import Product
from bodega.services.catalog.store import Store
from tests.catalog.conftest import Room
from tests.catalog.making import mug

pytestmark = pytest.mark.service


async def test_of_two_merchants_who_save_at_once_neither_writes_over_the_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither writes before both have read the product, and have found it as they knew it."""
    store: Store = room.app.state.store
    both_have_read, replace = asyncio.Barrier(2), store.replace_product

    async def replace_when_both_have_read(product: Product, *, version: int) -> bool:
        await both_have_read.wait()
        return await replace(product, version=version)

    monkeypatch.setattr(store, "replace_product", replace_when_both_have_read)
    made = await room.merchant.post("/admin/products", mug())
    path, read = f"/admin/products/{made.json['id']}", {"If-Match": made.headers["etag"]}
    answers = await asyncio.gather(
        room.merchant.patch(path, {"title": "Ada's mug"}, headers=read),
        room.merchant.patch(path, {"brand": "Bo's"}, headers=read),
    )
    saved, refused = sorted(answers, key=lambda answer: answer.status)
    assert refused.status == 412, "one merchant has written over what the other has saved"
    assert (saved.status, refused.code) == (200, "stale_version")
    assert refused.json["current_version"] == saved.json["version"]
    assert (await room.merchant.get(path)).json == saved.json
