"""A shopper's new checkout takes over what their earlier one has set aside: in one step, and nobody else gets it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.inventory import ReserveRequest
from bodega.contracts.orders import CHECKOUT_REPLACED
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Topics, eventually, outbox_is_empty
from bodega.services.inventory import service, store
from tests.inventory.making import cancelled, paid, release, request, reserve, standing, stocked
from tests.locks import locks_awaited

pytestmark = pytest.mark.service


async def take_over(checkout: Caller, earlier: list[str], *lines: tuple[str, int], id: str = "") -> Answered:
    body = {**request(*lines, reservation_id=id), "instead_of": earlier}
    return await checkout.post("/internal/reservations", body)


async def state_of(database: Database, reservation_id: str) -> str:
    async with database.transaction() as tx:
        return (await store.get_reservation(tx, reservation_id)).state


@pytest.fixture
async def agrees(database: Database) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        async with database.transaction() as tx:
            assert not await store.differences(tx)

    return check


@pytest.mark.parametrize(
    ("before", "after", "left_at_least"), [(2, 2, 0), (2, 3, 1), (3, 1, 0)], ids=["as many", "more", "fewer"]
)
async def test_what_the_earlier_one_held_is_had_by_the_new_one_even_if_nothing_is_left(
    checkout: Caller, database: Database, agrees: Any, before: int, after: int, left_at_least: int
) -> None:
    sku = await stocked(database, before + left_at_least)
    earlier = await reserve(checkout, (sku, before))
    taken = await take_over(checkout, [earlier], (sku, after))
    assert (taken.status, taken.json["status"]) == (201, "reserved")
    assert await standing(database, sku) == (before + left_at_least, after)
    assert await state_of(database, earlier) == "released"
    await agrees()


async def test_other_lines_are_taken_and_given_back_in_the_same_step(
    checkout: Caller, database: Database, agrees: Any
) -> None:
    kept, left, new = [await stocked(database, 2) for _ in range(3)]
    earlier = await reserve(checkout, (kept, 2), (left, 1))
    assert (await take_over(checkout, [earlier], (kept, 2), (new, 2))).status == 201
    assert [await standing(database, sku) for sku in (kept, left, new)] == [(2, 2), (2, 0), (2, 2)]
    await agrees()


async def test_too_little_even_with_what_is_held_names_what_can_be_had_and_changes_nothing(
    checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 3)
    earlier = await reserve(checkout, (sku, 2))
    refused = await take_over(checkout, [earlier], (sku, 4))
    assert (refused.status, refused.code) == (409, "out_of_stock")
    assert refused.json["lines"] == [{"sku": sku, "wanted": 4, "left": 3}]
    assert await standing(database, sku) == (3, 2)
    assert await state_of(database, earlier) == "reserved"


async def test_shoppers_see_no_piece_come_back_that_only_changes_hands(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    """The same number: no event at all. Else pages would offer the last piece, and those who wait for it get a mail."""
    sku = await stocked(database, 2)
    earlier = await reserve(checkout, (sku, 2))
    same = (await take_over(checkout, [earlier], (sku, 2))).json["reservation_id"]
    await take_over(checkout, [same], (sku, 1))
    async with database.transaction() as tx:
        entries = [(one.movement, one.reserved_delta) for one in await store.ledger_of(tx, sku, before=None, limit=10)]
    assert entries == [("handed_over", -1), ("handed_over", 0), ("reserved", 2), ("adjusted", 0)]
    await outbox_is_empty(database)
    facts = await topics.of_subject("inventory", sku, "InventoryAdjusted", "InventoryReserved", "InventoryReleased")
    assert [(one["type"], one["data"]["shown"]) for one in facts] == [
        ("InventoryAdjusted", 2), ("InventoryReserved", 0), ("InventoryReleased", 1),
    ]  # fmt: skip


async def test_ten_of_the_same_at_once_take_over_once_and_are_all_told_so(checkout: Caller, database: Database) -> None:
    for _ in range(5):
        sku = await stocked(database, 2)
        earlier, id = await reserve(checkout, (sku, 2)), new_id("res")
        answers = await asyncio.gather(*(take_over(checkout, [earlier], (sku, 2), id=id) for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
        assert await standing(database, sku) == (2, 2)


async def test_of_many_who_want_the_last_pieces_only_their_holder_gets_them(
    checkout: Caller, database: Database, agrees: Any
) -> None:
    """From taking over to taking over, with crowds in between: there is no moment in which another gets one."""
    sku = await stocked(database, 2)
    mine = await reserve(checkout, (sku, 2))
    done = asyncio.Event()

    async def crowd() -> list[int]:
        statuses = []
        while not done.is_set():
            statuses.append((await checkout.post("/internal/reservations", request((sku, 1)))).status)
        return statuses

    others = [asyncio.create_task(crowd()) for _ in range(4)]
    for _ in range(25):
        taken = await take_over(checkout, [mine], (sku, 2))
        assert taken.status == 201
        mine = taken.json["reservation_id"]
    done.set()
    assert {status for statuses in await asyncio.gather(*others) for status in statuses} == {409}
    await agrees()


async def test_what_was_never_reserved_is_buried_and_its_late_reserve_finds_that(
    checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 2)
    late = request((sku, 2))
    assert (await take_over(checkout, [late["reservation_id"]], (sku, 1))).status == 201
    refused = await checkout.post("/internal/reservations", late)
    assert (refused.status, refused.code) == (409, "already_ended")
    assert await standing(database, sku) == (2, 1)


async def test_a_released_one_takes_nothing_over(checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 2)
    earlier, id = await reserve(checkout, (sku, 2)), new_id("res")
    await release(checkout, id)
    refused = await take_over(checkout, [earlier], (sku, 2), id=id)
    assert (refused.status, refused.code) == (409, "already_ended")
    assert await state_of(database, earlier) == "reserved"


@pytest.mark.parametrize("shared", ["reservations", "goods"])
async def test_two_who_take_over_each_others_goods_never_block_each_other(
    checkout: Caller, database: Database, agrees: Any, shared: str
) -> None:
    """They name three in opposite orders. The one in the middle is locked until both wait: who took them as they are
    named would have the first of its own by then, and want that of the other."""
    skus = sorted([await stocked(database, 40) for _ in range(3)])
    lines = [(sku, 1) for sku in skus]
    if shared == "reservations":
        held = sorted([await reserve(checkout, line) for line in lines])
        row, asked = ("reservation", "id", held[1]), [(held, lines[:1]), (held[::-1], lines[:1])]
    else:
        held = [await reserve(checkout, *lines) for _ in range(2)]
        row, asked = ("stock", "sku", skus[1]), [(held[:1], lines), (held[1:], lines[::-1])]

    async def both_wait() -> None:
        assert await locks_awaited(database) == 2

    async with database.transaction() as tx:
        table, key, middle = row
        await tx.execute(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", middle)
        asking = [asyncio.create_task(take_over(checkout, earlier, *wanted)) for earlier, wanted in asked]
        await eventually(both_wait)
    assert [answer.status for answer in await asyncio.gather(*asking)] == [201, 201]
    assert sum([(await standing(database, sku))[1] for sku in skus]) == (2 if shared == "reservations" else 6)
    await agrees()


async def test_a_reserve_that_comes_late_and_who_takes_it_over_never_block_each_other(
    checkout: Caller, database: Database, agrees: Any
) -> None:
    """The stock is locked until both wait: who took it before their reservation would have it then, and wait for the
    other to bury that, who waits for the stock."""
    sku = await stocked(database, 2)
    late = request((sku, 2))

    async def waiting(many: int) -> None:
        assert await locks_awaited(database) == many

    async with database.transaction() as tx:
        await tx.execute("SELECT FROM stock WHERE sku = $1 FOR UPDATE", sku)
        first = asyncio.create_task(checkout.post("/internal/reservations", late))
        await eventually(lambda: waiting(1))
        second = asyncio.create_task(take_over(checkout, [late["reservation_id"]], (sku, 2)))
        await eventually(lambda: waiting(2))
    assert [(await one).status for one in (first, second)] == [201, 201]
    assert await state_of(database, late["reservation_id"]) == "released"
    assert await standing(database, sku) == (2, 2)
    await agrees()


# --- the order of the earlier one -----------------------------------------------------------------------


async def test_a_replaced_order_puts_nothing_back_on_sale_and_any_other_end_does(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    replaced_sku, other_sku = await stocked(database, 2), await stocked(database, 2)
    replaced, other = await reserve(checkout, (replaced_sku, 2)), await reserve(checkout, (other_sku, 2))
    ends = [cancelled(replaced, reason=CHECKOUT_REPLACED), cancelled(other)]
    await topics.publish(*ends)

    async def both_heard() -> None:
        async with database.transaction() as tx:
            ids = [end.id for end in ends]
            assert await tx.fetchval("SELECT count(*) FROM inbox WHERE event_id::text = ANY ($1)", ids) == 2

    await eventually(both_heard)
    assert await standing(database, other_sku) == (2, 0)
    assert await standing(database, replaced_sku) == (2, 2)
    assert (await take_over(checkout, [replaced], (replaced_sku, 2))).status == 201


@pytest.mark.parametrize("reason", [CHECKOUT_REPLACED, "merchant_request"])
async def test_what_was_paid_for_and_then_cancelled_can_be_had_again(database: Database, reason: str) -> None:
    """Its units have left the stock. The take-over brings them back first, and the event then finds that done."""
    sku = await stocked(database, 2)
    wanted = ReserveRequest.model_validate(request((sku, 2)))
    await service.reserve(database, wanted, actor="checkout")
    async with database.transaction() as tx:
        await service.commit(tx, wanted.reservation_id, cause="paid")
    again = ReserveRequest.model_validate({**request((sku, 2)), "instead_of": [wanted.reservation_id]})
    await service.reserve(database, again, actor="checkout")
    async with database.transaction() as tx:
        await service.cancel(tx, wanted.reservation_id, replaced=reason == CHECKOUT_REPLACED, cause="cancelled")
        assert not await store.differences(tx)
    assert await standing(database, sku) == (2, 2)


async def test_what_a_cancelled_order_held_can_be_given_back_before_the_event_is_heard(
    checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 2)
    id = await reserve(checkout, (sku, 2))
    given_back = await checkout.post(f"/internal/reservations/{id}/release", {"order_cancelled": True})
    assert (given_back.status, given_back.json["status"]) == (200, "released")
    assert await standing(database, sku) == (2, 0)


@pytest.mark.parametrize("how", ["taken over", "given back"])
async def test_that_a_cancelled_order_was_paid_may_be_heard_after_its_goods_have_gone_on(
    database: Database, how: str
) -> None:
    """Orders has told the checkout that it is cancelled; both events are still under way. The first is no case for
    people, and neither takes the goods from who has them now."""
    sku = await stocked(database, 2)
    first = ReserveRequest.model_validate(request((sku, 2)))
    await service.reserve(database, first, actor="checkout")
    if how == "given back":
        async with database.transaction() as tx:
            await service.release(tx, first.reservation_id, order_cancelled=True, actor="checkout")
    instead_of = [first.reservation_id] if how == "taken over" else []
    second = ReserveRequest.model_validate({**request((sku, 2)), "instead_of": instead_of})
    await service.reserve(database, second, actor="checkout")
    async with database.transaction() as tx:
        assert (await service.commit(tx, first.reservation_id, cause="paid")).state == "released"
    async with database.transaction() as tx:
        await service.cancel(tx, first.reservation_id, replaced=False, cause="cancelled")
        assert not await store.differences(tx)
    assert await standing(database, sku) == (2, 2)


async def test_what_is_short_counts_the_shoppers_own_pieces_and_sets_nothing_aside(
    checkout: Caller, database: Database
) -> None:
    mug, cup = await stocked(database, 3), await stocked(database, 0)
    mine = await reserve(checkout, (mug, 2))
    lines = [{"sku": mug, "quantity": 3}, {"sku": cup, "quantity": 1}, {"sku": "NEVER-SEEN", "quantity": 1}]
    for own, left in ([], 1), ([mine], 3), ([new_id("res"), mine], 3):
        answer = await checkout.post("/internal/shortage", {"lines": lines, "instead_of": own})
        assert answer.status == 200
        short = {line["sku"]: (line["wanted"], line["left"]) for line in answer.json["lines"]}
        others = {cup: (1, 0), "NEVER-SEEN": (1, 0)}
        assert short == (others if left == 3 else {mug: (3, 1), **others})
    assert await standing(database, mug) == (3, 2)


async def test_a_paid_reservation_is_no_shoppers_own_any_more(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 2)
    bought = await reserve(checkout, (sku, 2))
    await topics.publish(paid(bought))

    async def gone() -> None:
        assert await standing(database, sku) == (0, 0)

    await eventually(gone)
    answer = await checkout.post(
        "/internal/shortage", {"lines": [{"sku": sku, "quantity": 1}], "instead_of": [bought]}
    )  # fmt: skip
    assert answer.json["lines"] == [{"sku": sku, "wanted": 1, "left": 0}]
