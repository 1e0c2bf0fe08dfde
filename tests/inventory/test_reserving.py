"""Reserving: all lines or none, once, and never more than there is."""

import asyncio
import time
from collections.abc import Callable

import pytest

from bodega.contracts.inventory import ReserveRequest
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Topics, eventually
from bodega.services.inventory import service, store
from bodega.services.inventory.errors import OutOfStock
from tests.inventory.making import paid, release, request, reserve, standing, stocked

pytestmark = pytest.mark.service


async def test_reserving_sets_units_aside(checkout: Caller, database: Database) -> None:
    mug, cup = await stocked(database, 5), await stocked(database, 5)
    answer = await checkout.post("/internal/reservations", request((mug, 2), (cup, 1)))
    assert answer.status == 201
    assert answer.json["status"] == "reserved"
    assert await standing(database, mug) == (5, 2)
    assert await standing(database, cup) == (5, 1)


async def test_the_same_reservation_again_gives_the_same_answer(checkout: Caller, database: Database) -> None:
    wanted = request((await stocked(database, 5), 2))
    first = await checkout.post("/internal/reservations", wanted)
    second = await checkout.post("/internal/reservations", wanted)
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    assert await standing(database, wanted["lines"][0]["sku"]) == (5, 2)


async def test_ten_of_the_same_at_once_take_the_last_units_once_and_are_all_told_so(
    checkout: Caller, database: Database
) -> None:
    for _ in range(5):
        sku = await stocked(database, 2)
        wanted = request((sku, 2))
        answers = await asyncio.gather(*(checkout.post("/internal/reservations", wanted) for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
        assert await standing(database, sku) == (2, 2)


async def test_an_id_cannot_be_used_for_other_lines(checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 5)
    wanted = request((sku, 1))
    await checkout.post("/internal/reservations", wanted)
    other = await checkout.post("/internal/reservations", request((sku, 2), reservation_id=wanted["reservation_id"]))
    assert (other.status, other.code) == (409, "different_reservation")


async def test_if_one_line_is_short_nothing_is_kept_and_each_short_line_is_named(
    checkout: Caller, database: Database
) -> None:
    mug, cup, plate = await stocked(database, 50), await stocked(database, 1), await stocked(database, 0)
    wanted = request((mug, 3), (cup, 2), (plate, 1), ("NEVER-SEEN", 1))
    answer = await checkout.post("/internal/reservations", wanted)
    assert (answer.status, answer.code) == (409, "out_of_stock")
    assert {line["sku"]: (line["wanted"], line["left"]) for line in answer.json["lines"]} == {
        cup: (2, 1),
        plate: (1, 0),
        "NEVER-SEEN": (1, 0),
    }
    assert await standing(database, mug) == (50, 0)
    # Nothing is kept, not even the id: when goods come, the same request succeeds.
    async with database.transaction() as tx:
        await service.adjust(tx, cup, 1, "delivery", actor="test")
        await service.adjust(tx, plate, 1, "delivery", actor="test")
    again = await checkout.post("/internal/reservations", {**wanted, "lines": wanted["lines"][:3]})
    assert again.status == 201


async def test_a_refusal_tells_how_many_there_are(checkout: Caller, database: Database) -> None:
    """Ten where there are five hundred would be false to somebody who wants six hundred."""
    answer = await checkout.post("/internal/reservations", request((await stocked(database, 500), 999)))
    assert answer.json["lines"][0]["left"] == 500


async def test_a_sku_named_twice_is_refused(checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 5)
    answer = await checkout.post("/internal/reservations", request((sku, 1), (sku, 1)))
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/lines")
    assert await standing(database, sku) == (5, 0)


@pytest.mark.parametrize(
    "broken",
    [
        {"lines": []}, {"lines": [{"sku": "A", "quantity": 0}]}, {"lines": [{"sku": "A", "quantity": -1}]},
        {"lines": [{"sku": "A", "quantity": 10**30}]}, {"lines": [{"sku": "A B", "quantity": 1}]},
        {"lines": [{"sku": f"A{n}", "quantity": 1} for n in range(101)]}, {"reservation_id": "res_1"},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    checkout: Caller, broken: dict[str, object]
) -> None:
    wanted = request(("A", 1))
    answer = await checkout.post("/internal/reservations", {**wanted, **broken})
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_what_is_reserved_can_be_released_and_what_is_paid_only_its_order_ends(
    checkout: Caller, database: Database, topics: Topics
) -> None:
    sku = await stocked(database, 5)
    bought, given_up = await reserve(checkout, (sku, 1)), await reserve(checkout, (sku, 1))
    assert [(await release(checkout, given_up)).json["status"] for _ in range(2)] == ["released"] * 2
    await topics.publish(paid(bought))

    async def gone() -> None:
        assert await standing(database, sku) == (4, 0)

    await eventually(gone)
    refused = await release(checkout, bought)
    assert (refused.status, refused.code) == (409, "committed")
    assert await standing(database, sku) == (4, 0)


async def test_a_late_reserve_finds_the_tombstone_of_its_release(checkout: Caller, database: Database) -> None:
    sku = await stocked(database, 5)
    wanted = request((sku, 1))
    assert (await release(checkout, wanted["reservation_id"])).status == 200
    late = await checkout.post("/internal/reservations", wanted)
    assert (late.status, late.code) == (409, "already_ended")
    assert await standing(database, sku) == (5, 0)


async def test_a_reserve_and_a_release_that_pass_each_other_leave_nothing_reserved(
    checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 5)
    for _ in range(20):
        wanted = request((sku, 1))
        _, released = await asyncio.gather(
            checkout.post("/internal/reservations", wanted), release(checkout, wanted["reservation_id"])
        )
        assert released.status == 200
    assert await standing(database, sku) == (5, 0)


async def test_what_the_former_release_has_written_is_read_as_what_it_means(
    checkout: Caller, database: Database
) -> None:
    """It may run for a while beside this one: it holds what is reserved, and its clock ends what it has not held."""
    sku = await stocked(database, 5)
    held, to_pay, expired = [request((sku, 1)) for _ in range(3)]
    for one in (held, to_pay, expired):
        assert (await checkout.post("/internal/reservations", one)).status == 201
    async with database.transaction() as tx:
        for one, state in (held, "held"), (to_pay, "held"), (expired, "expired"):
            await tx.execute("UPDATE reservation SET state = $2 WHERE id = $1", one["reservation_id"], state)
        await store.move_stock(tx, "expired", [sku], [1], reservation_id=expired["reservation_id"], actor="clock")
        assert not await store.differences(tx)
    assert (await checkout.post("/internal/reservations", held)).json["status"] == "reserved"
    late = await checkout.post("/internal/reservations", expired)
    assert (late.status, late.code, late.json["state"]) == (409, "already_ended", "released")
    async with database.transaction() as tx:
        assert (await service.commit(tx, to_pay["reservation_id"], cause="paid")).state == "committed"
    assert (await release(checkout, held["reservation_id"])).json["status"] == "released"
    assert await standing(database, sku) == (4, 0)


async def test_crossing_orders_of_lines_never_block_each_other(checkout: Caller, database: Database) -> None:
    skus = [await stocked(database, 1000) for _ in range(6)]
    bodies = [request(*((sku, 1) for sku in (skus if n % 2 else skus[::-1]))) for n in range(40)]
    answers = await asyncio.gather(*(checkout.post("/internal/reservations", body) for body in bodies))
    assert {answer.status for answer in answers} == {201}
    released = await asyncio.gather(*(release(checkout, body["reservation_id"]) for body in bodies))
    assert {answer.status for answer in released} == {200}
    assert [await standing(database, sku) for sku in skus] == [(1000, 0)] * 6


async def test_those_who_are_told_first_that_it_is_gone_never_block_each_other(database: Database) -> None:
    """One finds it short before it has the lock, another under it: both want to say so."""

    async def buy(sku: str) -> bool:
        try:
            await service.reserve(database, ReserveRequest.model_validate(request((sku, 1))), actor="checkout")
        except OutOfStock:
            return False
        return True

    for _ in range(200):
        sku = await stocked(database, 1)
        assert sum(await asyncio.gather(*(buy(sku) for _ in range(8)))) == 1


async def test_ten_thousand_buyers_of_the_last_hundred_units(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    sku = await stocked(database, 100)
    buyers, doors = 10_000, asyncio.Semaphore(64)
    outcomes = {"reserved": 0, "out_of_stock": 0}

    async def buy() -> None:
        wanted = ReserveRequest.model_validate(request((sku, 1)))
        async with doors:
            try:
                await service.reserve(database, wanted, actor="checkout")
                outcomes["reserved"] += 1
            except OutOfStock:
                outcomes["out_of_stock"] += 1

    started = time.perf_counter()
    await asyncio.gather(*(buy() for _ in range(buyers)))
    took = time.perf_counter() - started
    assert outcomes == {"reserved": 100, "out_of_stock": buyers - 100}
    assert await standing(database, sku) == (100, 100)
    async with database.transaction() as tx:
        told = await tx.fetchval(
            """SELECT count(*) FROM stock_ledger WHERE sku = $1 AND movement = 'reserved'""", sku
        )  # fmt: skip
        assert told == 100
        assert not await store.differences(tx)
    record_property("buyers_per_second", round(buyers / took))
    print(f"\n{buyers} buyers in {took:.2f} s: {buyers / took:.0f}/s")


@pytest.mark.alone
async def test_a_hot_row_costs_little_more_than_rows_that_nobody_else_wants(
    database: Database, record_property: Callable[[str, object], None]
) -> None:
    """With the pool's connections always waiting for one row, the time per reservation is how long each holds it,
    hand-over and commit included. It is compared with the same on rows of their own: a busy machine slows down both."""
    wanted = iter(range(10**9))

    async def seconds_each(skus: list[str], times: int = 200) -> float:
        left = iter(range(times))

        async def buy() -> None:
            for _ in left:
                sku = skus[next(wanted) % len(skus)]
                await service.reserve(database, ReserveRequest.model_validate(request((sku, 1))), actor="checkout")

        started = time.perf_counter()
        await asyncio.gather(*(buy() for _ in range(5)))
        return (time.perf_counter() - started) / times

    one, many = [await stocked(database, 1000)], [await stocked(database, 1000) for _ in range(50)]
    rounds = [(await seconds_each(one), await seconds_each(many)) for _ in range(4)]
    assert await standing(database, one[0]) == (1000, 800)
    hot, cold = (min(times) for times in zip(*rounds, strict=True))
    record_property("milliseconds_per_reservation_of_one_row", round(hot * 1000, 3))
    print(f"\n{hot * 1000:.3f} ms per reservation of one row, {cold * 1000:.3f} ms of rows of their own")
    assert hot < 4 * cold
