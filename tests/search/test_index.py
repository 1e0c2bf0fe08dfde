"""The index: two sources write one document, in any order, twice, late."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opensearchpy import AsyncOpenSearch, AsyncTransport

from bodega.contracts.ids import new_id
from bodega.kit.inbox import Received
from bodega.services.search import consumers, domain, service
from bodega.services.search.flows import Herald
from bodega.services.search.settings import Settings
from bodega.services.search.store import Store
from tests.conftest import RUN
from tests.search.making import archived, category, product, stock, updated, variant

pytestmark = pytest.mark.service


async def hear(store: Store, told: Any) -> None:
    """As the door would hand it over."""
    handler = {one.name: one for one in consumers.hears(store, Herald(store, None, Settings()))}[told.type].handler
    await handler(
        Received(
            id=told.id, type=told.type, subject=told.subject, sequence=int(told.sequence), time=told.time,
            data=told.data,
        )
    )  # fmt: skip


async def kept(store: Store, engine: AsyncOpenSearch, product_id: str) -> dict[str, Any]:
    """The document as shoppers would see it. Which news of equal content came first is not to be seen."""
    answer = await engine.get(index=store._products, id=product_id)
    document: dict[str, Any] = answer["_source"]
    for one in document.get("variants", ()):
        del one["stock_version"]
    return document


def history(product_id: str, *, ends_archived: bool, told_by_inventory: bool) -> list[Any]:
    """All that is ever said of a product and of its two SKUs, in the order in which it became true."""
    a, b = f"A-{product_id[-8:]}", f"B-{product_id[-8:]}"
    owner = product_id if told_by_inventory else None
    return [
        stock(a, 1, False, product_id=None),
        updated(product("Mug", variant(a), id=product_id, version=1)),
        stock(a, 2, True, product_id=owner),
        updated(product("Blue mug", variant(a), variant(b), id=product_id, version=2)),
        stock(b, 1, True, product_id=owner),
        archived(product("Blue mug", variant(a), variant(b), id=product_id), version=3),
        stock(b, 2, True, product_id=owner, flipped=False),
        stock(a, 3, False, product_id=owner),
        *([] if ends_archived else [updated(product("Red mug", variant(b), variant(a), id=product_id, version=4))]),
        stock(b, 3, False, product_id=owner),
        stock(b, 4, True, product_id=owner),
    ]


@given(data=st.data())
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes on a real engine
)
async def test_any_interleaving_ends_in_the_same_document(
    store: Store, backend: AsyncOpenSearch, data: st.DataObject
) -> None:
    shape = {"ends_archived": data.draw(st.booleans()), "told_by_inventory": data.draw(st.booleans())}
    straight, shuffled = new_id("prd"), new_id("prd")
    for told in history(straight, **shape):
        await hear(store, told)
    document = await kept(store, backend, straight)
    assert document["deleted"] == shape["ends_archived"]
    if not shape["ends_archived"]:
        assert (document["title"], document["version"]) == ("Red mug", 4)
        assert [one["in_stock"] for one in document["variants"]] == [True, False]
    messages = history(shuffled, **shape)
    order: Sequence[Any] = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages)))))
    for told in order:
        await hear(store, told)
    assert same(document) == same(await kept(store, backend, shuffled))


async def test_both_writers_at_once_end_in_the_same_document(store: Store, backend: AsyncOpenSearch) -> None:
    dice = random.Random(1)
    for _ in range(6):
        straight, mixed = new_id("prd"), new_id("prd")
        shape = {"ends_archived": False, "told_by_inventory": dice.random() < 0.5}
        for told in history(straight, **shape):
            await hear(store, told)
        messages = history(mixed, **shape) * 2
        dice.shuffle(messages)
        await asyncio.gather(*(hear(store, told) for told in messages))
        assert same(await kept(store, backend, straight)) == same(await kept(store, backend, mixed))


def same(document: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two products of one history: their id, and what is made of it."""
    own = str(document["id"])[-8:]
    return {
        name: [{**one, "sku": one["sku"].replace(own, "")} for one in value] if name == "variants" else value
        for name, value in document.items()
        if name not in ("id", "codes", "runs", "slug")
    }


async def test_two_replicas_make_one_index(store: Store, backend: AsyncOpenSearch) -> None:
    prefix = f"t{RUN}-twins-"
    stores = [Store(store._url, prefix=prefix, timeout_seconds=5, refresh_milliseconds=100) for _ in range(4)]
    for one in stores:
        await one.open()
    standings = await asyncio.gather(*(one.prepare() for one in stores))
    assert set(standings) == {"incomplete"}
    assert len(await backend.indices.get_alias(name=f"{prefix}products")) == 1
    await stores[0].mark_filled()
    assert await stores[1].prepare() == "complete"
    for one in stores:
        await one.close()


@pytest.mark.alone
async def test_a_suggestion_is_one_short_question_to_the_engine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked at each key that is pressed. Compared with the least that the engine can be asked, whatever else
    the machine does: a limit in milliseconds would hold or not as it pleases the machine."""
    goods = [domain.document(product(f"{made} {thing}", categories=["lights"])) for made in MADE for thing in THINGS]
    await store.put([*goods, domain.category_document(category("lights", "Lights"))])
    await store.refresh()
    asked = []
    perform = AsyncTransport.perform_request

    async def counted(self: AsyncTransport, method: str, url: str, **other: Any) -> Any:
        if self is store._engine.transport:  # not the service beside it, which works on by itself
            asked.append(url)
        return await perform(self, method, url, **other)

    monkeypatch.setattr(AsyncTransport, "perform_request", counted)
    suggested: list[float] = []
    least: list[float] = []
    for turn in range(80):
        started = time.perf_counter()
        await store.ping()
        between = time.perf_counter()
        found = await service.suggest(store, TYPED[turn % len(TYPED)], limit=6)
        suggested.append(time.perf_counter() - between)
        least.append(between - started)
        assert found.products or found.categories, TYPED[turn % len(TYPED)]
    assert len(asked) == 2 * 80
    ratio = statistics.median(suggested[20:]) / statistics.median(least[20:])
    print(f"a suggestion takes {ratio:.1f} times the least")
    assert ratio < 3


MADE = ("Oak", "Linen", "Brass", "Wool", "Stoneware", "Glass", "Steel", "Cork")
THINGS = ("lamp", "mug", "table lamp", "lantern", "tray", "bowl", "throw", "pendant lamp", "clock", "shelf")
TYPED = ("l", "la", "lam", "oak la", "lig", "bra", "stoneware m", "wool thr")
