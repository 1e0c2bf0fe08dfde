"""A consumer withdraws from a contract: with an account or without, before packing or after, in time or late."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.orders import CreateOrder
from bodega.contracts.payments import PaymentAuthorized, PaymentCaptured, PaymentRefunded
from bodega.contracts.shipping import ShipmentCreated, ShipmentDelivered
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials, Topics, eventually
from bodega.services.orders import domain, service, store
from tests.orders.conftest import link, place
from tests.orders.making import euro, wanted
from tests.orders.test_events import payment, shipment, state_becomes

pytestmark = pytest.mark.service


@pytest.fixture
def merchant(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.customer(new_id("cus"), "merchant"))


@pytest.fixture
def users(orders: Caller, credentials: Credentials) -> Caller:
    return orders.being(credentials.service("users", "orders"))


def somebody() -> str:
    return f"{new_id('x').lower()}@example.com"


def payment_of(wish: CreateOrder) -> str:
    return derived_id("pay", wish.checkout_id)


async def placed(checkout: Caller, **other: Any) -> tuple[CreateOrder, str]:
    wish = wanted(**{"contact": {"email": somebody()}, **other})
    return wish, (await place(checkout, wish)).json["number"]


async def paid(orders: Caller, checkout: Caller, topics: Topics, **other: Any) -> tuple[CreateOrder, str]:
    wish, number = await placed(checkout, **other)
    await topics.publish(payment(PaymentAuthorized, wish, payment_of(wish)))
    await state_becomes(orders, wish, "paid")
    return wish, number


async def packed(orders: Caller, checkout: Caller, shipping: Caller, topics: Topics) -> tuple[CreateOrder, str]:
    wish, number = await paid(orders, checkout, topics)
    await topics.publish(payment(PaymentCaptured, wish, payment_of(wish), 2))

    async def begins() -> None:
        answer = await shipping.post(
            f"/internal/orders/{wish.order_id}/begin-fulfilment", {"shipment_id": new_id("shp")}
        )
        assert answer.status == 200

    await eventually(begins)
    return wish, number


async def withdraw(orders: Caller, wish: CreateOrder, number: str, key: str | None = None, **other: Any) -> Answered:
    body = {"name": "Ada Lovelace", "number": number, "email": wish.contact.email, **other}
    return await orders.post("/orders/withdrawals", body, headers={"Idempotency-Key": key} if key else None)


async def told(topics: Topics, subject: str, count: int = 1) -> list[dict[str, Any]]:
    """What was said of an order's statements, or of one that matches none, once it is so many."""

    def of_it(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one["data"] for one in found if (one["subject"], one["type"]) == (subject, "WithdrawalReceived")]

    return of_it(await topics.read("orders", lambda found: len(of_it(found)) >= count))


async def test_a_whole_order_that_is_not_packed_is_cancelled_and_the_statement_is_kept(
    orders: Caller, checkout: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await paid(orders, checkout, topics)
    before = datetime.now(UTC)
    answer = await withdraw(orders, wish, f" {number.lower().replace('-', ' ')} ", email=wish.contact.email.upper())
    assert answer.status == 202
    assert answer.json["id"].startswith("wdr_")
    received = datetime.fromisoformat(answer.json["received_at"])
    assert before - timedelta(seconds=1) <= received <= datetime.now(UTC)
    seen = (await orders.get(f"/orders/{number}{link(wish.order_id)}")).json
    assert (seen["state"], seen["payment_status"]) == ("cancelled", "voided")
    assert seen["timeline"][-1]["note"] == "cancelled: withdrawn"
    (kept,) = seen["withdrawals"]
    assert kept == {**answer.json, "late": False}
    history = (await merchant.get(f"/admin/orders/{number}")).json
    assert (history["history"][-1]["cause"], history["history"][-1]["actor"]) == (answer.json["id"], "guest")
    assert history["withdrawals"] == [kept]
    (fact,) = await told(topics, wish.order_id)
    assert (fact["number"], fact["stopped"], fact["late"], fact.get("goods")) == (number, True, False, None)
    cancelled = await topics.of_subject("orders", wish.order_id, "OrderCancelled")
    assert [one["data"]["reason"] for one in cancelled if one["type"] == "OrderCancelled"] == ["withdrawn"]


async def test_an_order_that_is_packed_goes_on_and_people_are_called_until_money_is_refunded(
    orders: Caller, checkout: Caller, shipping: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await packed(orders, checkout, shipping, topics)
    await withdraw(orders, wish, number)
    seen = (await merchant.get(f"/admin/orders/{number}")).json
    assert (seen["state"], seen["attention"], seen["history"][-1]["note"]) == ("fulfilling", "withdrawn", "withdrawn")
    (fact,) = await told(topics, wish.order_id)
    assert not fact["stopped"]
    refunded = {"amount": euro(1200), "refunded_total": euro(1200)}
    await topics.publish(payment(PaymentRefunded, wish, payment_of(wish), 3, **refunded))

    async def settled() -> None:
        assert (await merchant.get(f"/admin/orders/{number}")).json["attention"] is None

    await eventually(settled)


async def test_a_part_stops_nothing_even_before_packing(
    orders: Caller, checkout: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await paid(orders, checkout, topics)
    answer = await withdraw(orders, wish, number, goods=" 1 of the\n2 mugs ")
    seen = (await merchant.get(f"/admin/orders/{number}")).json
    assert (seen["state"], seen["attention"], seen["cancellable"]) == ("paid", "withdrawn", True)
    assert seen["history"][-1]["note"] == "withdrawn_in_part"
    assert [one["goods"] for one in seen["withdrawals"]] == [answer.json["goods"]] == ["1 of the\n2 mugs"]


async def test_a_statement_after_the_period_is_taken_and_marked_late(
    orders: Caller, checkout: Caller, shipping: Caller, topics: Topics, merchant: Caller, database: Database
) -> None:
    wish, number = await packed(orders, checkout, shipping, topics)
    await topics.publish(shipment(ShipmentCreated, wish, promised_from="2026-12-01", promised_to="2026-12-02"))
    await topics.publish(shipment(ShipmentDelivered, wish, delivered_at="2026-12-02T10:00:00Z"))
    await state_becomes(orders, wish, "delivered")
    assert not (await withdraw(orders, wish, number)).json.get("late")
    async with database.transaction() as tx:  # 14 days, their first and a weekend at their end go by
        await tx.execute(
            "UPDATE order_history SET at = at - interval '21 days' WHERE order_id = $1 AND note = 'delivered'",
            wish.order_id,
        )
    assert (await withdraw(orders, wish, number)).status == 202
    seen = (await merchant.get(f"/admin/orders/{number}")).json
    assert [one["late"] for one in seen["withdrawals"]] == [False, True]
    assert [entry["note"] for entry in seen["history"][-2:]] == ["withdrawn", "withdrawn: late"]
    assert [fact["late"] for fact in await told(topics, wish.order_id, 2)] == [False, True]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("delivered", "days", "ends"),
    [
        ("2026-11-02T09:00:00+00:00", 14, "2026-11-17T12:00:00+00:00"),  # a Monday; the day itself does not count
        ("2026-11-02T23:59:00+00:00", 14, "2026-11-17T12:00:00+00:00"),
        ("2026-11-07T09:00:00+00:00", 14, "2026-11-24T12:00:00+00:00"),  # ends on a Saturday: on Monday then
        ("2026-11-08T09:00:00+00:00", 14, "2026-11-24T12:00:00+00:00"),
        ("2026-11-02T09:00:00+00:00", 30, "2026-12-03T12:00:00+00:00"),
    ],
)
def test_the_period_ends_with_its_last_working_day(delivered: str, days: int, ends: str) -> None:
    assert domain.withdrawal_ends(datetime.fromisoformat(delivered), days) == datetime.fromisoformat(ends)


async def test_nobody_learns_whether_there_is_such_an_order_and_the_statement_is_kept(
    orders: Caller, checkout: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await placed(checkout)
    stranger, other = somebody(), somebody()
    answers = [
        await withdraw(orders, wish, number),
        await withdraw(orders, wish, number, email=stranger),
        await withdraw(orders, wish, "BDG-0000-0000", email=other),
        await withdraw(orders, wish, "no number at all", email=other),
    ]
    assert {(one.status, tuple(one.json)) for one in answers} == {(202, tuple(answers[0].json))}
    assert len({frozenset(one.headers) for one in answers}) == 1
    assert len(await told(topics, wish.order_id)) == 1, "of the stranger nothing reached the order"
    (fact,) = await told(topics, answers[1].json["id"])
    assert (fact.get("number"), fact["contact"]["email"], fact["typed_number"]) == (None, stranger, number)
    unmatched = (await merchant.get("/admin/withdrawals?matched=false")).json["items"]
    kept = {one["id"]: one for one in unmatched}
    for answer in answers[1:]:
        assert kept[answer.json["id"]] == {**answer.json, "late": False, "order_id": None, "order_number": None}
    assert answers[0].json["id"] not in kept


async def test_a_merchant_assigns_a_mistyped_statement_and_it_counts_from_when_it_came_in(
    orders: Caller, checkout: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await paid(orders, checkout, topics)
    _, another = await placed(checkout)
    made = (await withdraw(orders, wish, "BDG-0000-0001")).json
    path = f"/admin/withdrawals/{made['id']}/assign"
    assert (await merchant.post(path, {"order": "BDG-0000-0002"})).status == 404
    first = await merchant.post(path, {"order": number})
    again = await merchant.post(path, {"order": wish.order_id})
    assert (first.status, first.json) == (again.status, again.json)
    assert (first.json["received_at"], first.json["order_number"]) == (made["received_at"], number)
    assert (await merchant.post(path, {"order": another})).code == "already_assigned"
    seen = (await merchant.get(f"/admin/orders/{number}")).json
    assert (seen["state"], len(seen["withdrawals"])) == ("cancelled", 1)
    assert len(await told(topics, wish.order_id)) == 1
    assert (await merchant.post(f"/admin/withdrawals/{new_id('wdr')}/assign", {"order": number})).status == 404


async def test_the_same_request_any_number_of_times_at_once_is_one_statement(
    orders: Caller, checkout: Caller, topics: Topics, merchant: Caller
) -> None:
    wish, number = await placed(checkout)
    key = new_id("key")
    answers = await asyncio.gather(*(withdraw(orders, wish, number, key) for _ in range(6)))
    assert {one.status for one in answers} == {202}
    assert len({one.json["id"] for one in answers}) == 1
    assert len((await merchant.get(f"/admin/orders/{number}")).json["withdrawals"]) == 1
    assert len(await told(topics, wish.order_id)) == 1
    other = await withdraw(orders, wish, number, key, name="Somebody Else")
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_withdrawal_and_the_packing_at_the_same_instant_end_one_way_or_the_other(
    orders: Caller, checkout: Caller, shipping: Caller, topics: Topics
) -> None:
    for _ in range(5):
        wish, number = await paid(orders, checkout, topics)
        await topics.publish(payment(PaymentCaptured, wish, payment_of(wish), 2))

        async def is_captured(order: CreateOrder = wish) -> None:
            seen = (await orders.get(f"/orders/{order.order_id}{link(order.order_id)}")).json
            assert seen["payment_status"] == "paid"

        await eventually(is_captured)
        packing, withdrawn = await asyncio.gather(
            shipping.post(f"/internal/orders/{wish.order_id}/begin-fulfilment", {"shipment_id": new_id("shp")}),
            withdraw(orders, wish, number),
        )
        assert withdrawn.status == 202
        state = (await orders.get(f"/orders/{number}{link(wish.order_id)}")).json["state"]
        (fact,) = await told(topics, wish.order_id)
        assert (packing.status, state, fact["stopped"]) in ((200, "fulfilling", False), (409, "cancelled", True))


async def test_a_mailbox_cannot_be_filled_by_statements(orders: Caller, checkout: Caller, topics: Topics) -> None:
    wish, number = await placed(checkout)
    stranger = somebody()
    answers = [
        await withdraw(orders, wish, f"no {count}", email=stranger)
        for count in range(service.RECEIPTS_TO_STRANGERS + 2)
    ]
    for _ in range(service.RECEIPTS_OF_AN_ORDER + 2):
        assert (await withdraw(orders, wish, number, goods="a mug")).status == 202
    await orders.post(f"/orders/{wish.order_id}/cancel{link(wish.order_id)}")
    events = await topics.of_subject("orders", wish.order_id, "OrderCreated", "OrderCancelled")
    assert len([one for one in events if one["type"] == "WithdrawalReceived"]) == service.RECEIPTS_OF_AN_ORDER
    strangers = {answer.json["id"] for answer in answers}

    def of_strangers(found: list[dict[str, Any]]) -> set[str]:
        return {one["subject"] for one in found} & strangers

    mailed = of_strangers(
        await topics.read("orders", lambda found: len(of_strangers(found)) >= service.RECEIPTS_TO_STRANGERS)
    )
    assert mailed == {answer.json["id"] for answer in answers[: service.RECEIPTS_TO_STRANGERS]}


async def test_a_person_sees_their_statements_and_is_forgotten_in_them(
    orders: Caller, checkout: Caller, users: Caller, merchant: Caller
) -> None:
    customer, email = new_id("cus"), somebody()
    wish, number = await placed(checkout, customer_id=customer, contact={"email": email})
    await withdraw(orders, wish, number)
    await withdraw(orders, wish, number, goods="Ada's mug")
    stray = (await withdraw(orders, wish, "BDG-0000-0009", email=email.upper())).json["id"]
    person = {"email": email, "order_ids": [wish.order_id]}
    held = (await users.post(f"/internal/customers/{customer}/export", person)).json["data"]["withdrawals"]
    assert [one["goods"] for one in held] == [None, "Ada's mug", None]
    first, again = [(await users.post(f"/internal/customers/{customer}/erase", person)).json for _ in range(2)]
    assert (first["pseudonymised"]["withdrawals"], again["pseudonymised"].get("withdrawals", 0)) == (2, 0)
    seen = await merchant.get(f"/admin/orders/{number}")
    assert len(seen.json["withdrawals"]) == 2, "that they withdrew, and when, stays"
    for personal in ("Ada", email):
        assert personal not in seen.body.decode()
    assert stray not in (await merchant.get("/admin/withdrawals?limit=100")).body.decode()


async def test_a_statement_without_an_order_is_deleted_after_its_time_and_others_stay(
    orders: Caller, checkout: Caller, database: Database
) -> None:
    wish, number = await placed(checkout)
    kept = (await withdraw(orders, wish, number)).json["id"]
    gone, fresh = [(await withdraw(orders, wish, "?", email=somebody())).json["id"] for _ in range(2)]
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE withdrawal SET received_at = now() - interval '1096 days' WHERE id = ANY($1)", [kept, gone]
        )
        await store.unmatched_for(1095)(tx, 1000)
        rows = await tx.fetch("SELECT id FROM withdrawal WHERE id = ANY($1)", [kept, gone, fresh])
    assert {row["id"] for row in rows} == {kept, fresh}


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "a\nb"}, {"number": ""}, {"number": "x" * 41}, {"email": "nobody"}, {"goods": "x" * 2001},
     {"goods": ""}, {"goods": "a\u0085b"}, {"more": 1}, {"number": None}],
)  # fmt: skip
async def test_what_is_no_statement_is_refused(orders: Caller, checkout: Caller, change: dict[str, Any]) -> None:
    wish, number = await placed(checkout)
    answer = await withdraw(orders, wish, **{"number": number, **change})
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_only_staff_sees_and_assigns_statements(orders: Caller, credentials: Credentials) -> None:
    customer = orders.being(credentials.customer(new_id("cus")))
    for caller, code in ((orders, "unauthenticated"), (customer, "forbidden")):
        assert (await caller.get("/admin/withdrawals")).code == code
        path = f"/admin/withdrawals/{new_id('wdr')}/assign"
        assert (await caller.post(path, {"order": "BDG-0000-0000"})).code == code
