"""The audit's own queries, on the rooms' real schemas."""

import json
from collections.abc import Mapping

import asyncpg
import pytest

from bodega.proof.audit import compare, read_rooms
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.service

LINES = json.dumps([{"sku": "MUG", "quantity": 2, "total": {"amount": 1000, "currency": "EUR"}}])
AMOUNTS = {"items": 1000, "shipping": 490, "discount": 0, "tax": 238, "total": 1490}
TOTALS = json.dumps(
    {**{name: {"amount": amount, "currency": "EUR"} for name, amount in AMOUNTS.items()}, "tax_included": True}
)

# One order of two mugs, paid and shipped.
ROWS = {
    "inventory": """
        INSERT INTO stock (sku, product_id) VALUES ('MUG', 'prd_1');
        SELECT move_stock('adjusted', NULL, '{MUG}', '{10}', 'delivery', 'test', '{}');
        SELECT reserve('res_1', '{MUG}', '{2}', 'test', '{}');
        UPDATE reservation SET state = 'committed';
        SELECT move_stock('committed', 'res_1', '{MUG}', '{2}', '', 'test', '{}');
        SELECT reserve('res_2', '{MUG}', '{1}', 'test', '{}'), reserve('res_3', '{MUG}', '{1}', 'test', '{}');""",
    "checkout": "".join(
        f"""
        INSERT INTO checkout (id, state, cart_id, cart_revision, cart_lines, contact, shipping_address, shipping_option,
                              currency, expected_total, payment_method, order_id, reservation_id, due_at, replaced_by)
        VALUES ('{id}', '{state}', 'crt_2', '{id}', '[]', '{{}}', '{{}}', 'standard', 'EUR', 1490, 'pm_card_visa',
                'ord_{id}', '{reservation}', now(), {by});"""
        for id, state, reservation, by in (
            ("chk_2", "cancelled", "res_2", "'chk_3'"),
            ("chk_3", "started", "res_3", "NULL"),
        )
    ),
    "payments": """
        INSERT INTO order_money (order_id, verdict, payment_id) VALUES ('ord_1', 'paid', 'pay_1');
        INSERT INTO payment (id, order_id, checkout_id, attempt, currency, amount, payment_method, description,
                             return_url, state, intent_id, authorized, captured)
        VALUES ('pay_1', 'ord_1', 'chk_1', 1, 'EUR', 1490, 'pm_card_visa', '', '', 'captured', 'pi_1', 1490, 1490);
        INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
        VALUES ('pay_1', 'authorized', 'ord_1', 'shopper', 'held', 1490, 'EUR'),
               ('pay_1', 'captured', 'ord_1', 'held', 'shop', 1490, 'EUR');""",
    "orders": f"""
        INSERT INTO orders (id, number, state, version, checkout_id, email, cart_id, cart_revision, reservation_id,
                            payment_id, captured, currency, total, lines, totals, shipping_address, shipping_option,
                            contact, tracking_number, placed_at)
        VALUES ('ord_1', 'BDG-1', 'shipped', 5, 'chk_1', 'ada@example.com', 'crt_1', '1', 'res_1',
                'pay_1', true, 'EUR', 1490, '{LINES}', '{TOTALS}', '{{}}', 'standard',
                '{{}}', 'T1', now());""",
    "shipping": """
        INSERT INTO shipment (id, order_id, state, status, number, address, contact, weight_grams, service, promised_to,
                              label_id, tracking_number)
        VALUES ('shp_1', 'ord_1', 'labelled', 'in_transit', 'BDG-1', '{}', '{}', 500, 'ground', current_date,
                'lbl_1', 'T1');""",
}


@pytest.fixture(scope="module")
async def rooms(make_database: MakeDatabase) -> Mapping[str, str]:
    urls = {room: await make_database(room) for room in ROWS}
    for room, rows in ROWS.items():
        await does(urls[room], rows)
    return urls


async def does(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def test_books_that_agree_have_no_finding(rooms: Mapping[str, str]) -> None:
    books = await read_rooms(rooms)
    assert list(compare(books)) == []
    looked_at = (books.stock, books.ledger, books.reservations, books.orders, books.payments, books.accounts)
    assert [len(rows) for rows in (*looked_at, books.shipments, books.outboxes)] == [1, 1, 3, 1, 1, 1, 1, 5]


@pytest.mark.parametrize(
    ("room", "wrong", "right", "thing", "rule"),
    [
        ("inventory", "UPDATE stock SET on_hand = 9", "UPDATE stock SET on_hand = 8",
         "MUG", "on_hand is the sum of its ledger"),
        ("inventory", "INSERT INTO reservation VALUES ('res_4', 'reserved', '{CUP}', '{1}')",
         "DELETE FROM reservation WHERE id = 'res_4'", "CUP", "reserved is the sum of its live reservations"),
        ("checkout", "UPDATE checkout SET state = 'failed' WHERE id = 'chk_3'",
         "UPDATE checkout SET state = 'started' WHERE id = 'chk_3'", "res_2", "somebody answers for a reservation"),
        ("payments", "UPDATE payment SET captured = 1000", "UPDATE payment SET captured = 1490",
         "pay_1", "the ledger's money of the shop"),
        ("orders", "UPDATE orders SET total = 1500", "UPDATE orders SET total = 1490",
         "ord_1", "the total is the order's"),
        ("shipping", "UPDATE shipment SET tracking_number = 'T2'", "UPDATE shipment SET tracking_number = 'T1'",
         "ord_1", "the parcel's number"),
    ],
    ids=["stock", "reservation", "checkout", "money", "order", "parcel"],
)  # fmt: skip
async def test_a_wrong_row_is_named(
    rooms: Mapping[str, str], room: str, wrong: str, right: str, thing: str, rule: str
) -> None:
    await does(rooms[room], wrong)
    try:
        found = {(finding.thing, finding.rule) for finding in compare(await read_rooms(rooms))}
    finally:
        await does(rooms[room], right)
    assert (thing, rule) in found
