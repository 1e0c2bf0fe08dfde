"""What can be wrong in a shop: of each rule of the audit its violation, as a copy of the data that differs in it."""

from collections.abc import Callable
from typing import Any

from bodega.proof.audit.answers import Answer, Line
from tests.proof.audited import CATEGORY, DOCUMENT, PAGE, WORDS, Plan, Told, event_id, price

LONG_AGO = "'1969-12-31'"
"""Before anything that a topic tells: what is written down with it needs no event."""
LEDGER = "ALTER TABLE stock_ledger DISABLE TRIGGER append_only;"
BOOKS = "ALTER TABLE ledger DISABLE TRIGGER ledger_append_only;"
EVENTS = "what was committed is on its topic"
EFFECT = "what took effect is on its topic"
ONCE = "an event takes effect once at each that hears it"
INDEX = "the index is as its sources"
CART = "the cart shows what the sources say"
PAGE_RULE = "the page shows what the sources say"


def without(number: int) -> Callable[[list[Told]], list[Told]]:
    return lambda told: [one for one in told if one.number != number]


def swapped(one: int, other: int) -> Callable[[list[Told]], list[Told]]:
    def swap(told: list[Told]) -> list[Told]:
        places = {event.number: n for n, event in enumerate(told)}
        told[places[one]], told[places[other]] = told[places[other]], told[places[one]]
        return told

    return swap


def in_both_partitions(number: int) -> Callable[[list[Told]], list[Told]]:
    """The event, and one more of its key, in a partition each."""

    def spread(told: list[Told]) -> list[Told]:
        (one,) = [event for event in told if event.number == number]
        others = [event for event in told if event.number != number]
        later = Told(99, one.topic, one.key, "PasswordSeen", one.sequence)
        ends = [event for event in others if event.key != one.key]
        same = [event for event in others if event.key == one.key]
        placed = [Told(e.number, e.topic, e.key, e.type, e.sequence, e.data, 0) for e in [*same, one]]
        return [*ends, *placed, Told(later.number, later.topic, later.key, later.type, 2, {}, 1)]

    return spread


def pay_9(order: str, amounts: str, entries: str = "") -> str:
    return f"""
        DROP INDEX payment_one_live;
        INSERT INTO order_money (order_id) VALUES ('{order}') ON CONFLICT DO NOTHING;
        INSERT INTO payment (id, order_id, checkout_id, attempt, currency, amount, payment_method, description,
                             return_url, state, intent_id, authorized, captured, released, refunding, refunded)
        VALUES ('pay_9', '{order}', 'chk_9', 1, 'EUR', 1490, 'pm', '', '', 'authorized', 'pi_9', {amounts});
        INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
        VALUES ('pay_9', 'authorized', '{order}', 'shopper', 'held', 1490, 'EUR'){entries};"""


def stock_of(sku: str, on_hand: int) -> str:
    """A SKU that nobody has told of."""
    return f"""
        ALTER TABLE stock DROP CONSTRAINT never_promised_twice;
        INSERT INTO stock (sku, on_hand, version) VALUES ('{sku}', {on_hand}, 1);
        INSERT INTO stock_ledger (sku, version, at, movement, on_hand_delta, reserved_delta, actor)
        VALUES ('{sku}', 1, {LONG_AGO}, 'adjusted', {on_hand}, 0, 'test');"""


def document(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, **changes}


def variant(**changes: Any) -> list[dict[str, Any]]:
    return [{"sku": "MUG", "price": 500, "in_stock": True, **changes}]


def offer(**changes: Any) -> dict[str, Any]:
    return {**PAGE, "offers": {**PAGE["offers"], **changes}}  # type: ignore[dict-item]


def word(key: str, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = WORDS[key]["told"]  # type: ignore[assignment]
    return {key: {"version": 9, "told": {**told, **changes}}}


ARCHIVED = {"status": "archived", "version": 8}


def archived(told: list[Told]) -> list[Told]:
    """What is told of a product's end."""
    return [*told, Told(5, "catalog", "prd_1", "ProductArchived", 8)]


ENDED: dict[str, Any] = {
    "rows": {"inventory": f"INSERT INTO inbox VALUES ('inventory', '{event_id(5)}')"},
    "product": ARCHIVED,
    "told": archived,
}
"""A product that is archived, as far as it goes well."""


OUTBOX = f"""INSERT INTO outbox (event_id, topic, key, body, created_at)
             VALUES ('{event_id(500)}', 'orders', 'ord_9', '', now() - interval '2 minutes')"""
PARKED = """INSERT INTO parked (consumer, event_id, topic, key, body, reason)
            VALUES ('shipping', '{id}', 'orders', 'ord_1', '', 'bad')"""
MAIL = """INSERT INTO notification (id, fact, channel, recipient, kind, state, message_id, event_id, subject_id, data,
                                    created_at)
          VALUES ('ntf_9', 'another', 'mail', 'ada@example.com', '{kind}', '{state}', '{message_id}', '{cause}',
                  '{subject}', '{{}}', now() - interval '1 hour')"""
PAID = "UPDATE orders SET state = 'paid', paid_at = now() - interval '1 hour', captured = {captured} WHERE id = 'ord_1'"
PACKING = """UPDATE shipment SET state = 'wanted', status = 'preparing', label_id = NULL, tracking_number = NULL
              WHERE id = 'shp_1'"""
FLOW = """INSERT INTO flow (id, kind, state, step, wake_at, lease_until, data)
          VALUES ('flow_1', 'fulfilment', '{state}', 'buy', now() - interval '1 hour', {lease}, '{{}}')"""

# What is planted; what is found: of each finding room, thing, rule.
CASES: dict[str, tuple[Plan, set[tuple[str, str, str]]]] = {
    # --- stock
    "units that no movement explains": (
        Plan({"inventory": "UPDATE stock SET on_hand = on_hand + 1"}),
        {("inventory", "MUG", "on_hand is the sum of its ledger")},
    ),
    "a promise that no movement explains": (
        Plan({"inventory": f"{LEDGER} UPDATE stock_ledger SET reserved_delta = 2 WHERE reservation_id = 'res_4'"}),
        {("inventory", "MUG", "reserved is the sum of its ledger")},
    ),
    "a promise that no reservation explains": (
        Plan({"inventory": "UPDATE reservation SET quantities = '{2}' WHERE id = 'res_4'"}),
        {("inventory", "MUG", "reserved is the sum of its live reservations")},
    ),
    "more promised than there is": (
        Plan({"inventory": stock_of("CUP", -1)}),
        {("inventory", "CUP", "never promised twice")},
    ),
    "an order's units that left the shelf twice": (
        Plan({"inventory": f"""
            {LEDGER} UPDATE stock_ledger SET on_hand_delta = -4
                      WHERE reservation_id = 'res_1' AND movement = 'committed';
            UPDATE stock_ledger SET on_hand_delta = 12 WHERE movement = 'adjusted'"""}),
        {("inventory", "res_1", "what a reservation that is committed has taken from the shelf")},
    ),
    "an order whose reservation is gone": (
        Plan({"inventory": "DELETE FROM reservation WHERE id = 'res_1'"}),
        {("inventory", "ord_1", "the reservation of an order that is shipped")},
    ),
    "another number sold than taken": (
        Plan({"orders": "UPDATE orders SET lines = jsonb_set(lines, '{0,quantity}', '3') WHERE id = 'ord_1'"}),
        {("inventory", "ord_1", "what was sold is what was taken")},
    ),
    "units taken for no order": (
        Plan({"inventory": f"""
            {stock_of("CUP", 0)} INSERT INTO reservation VALUES ('res_9', 'committed', '{{CUP}}', '{{1}}');
            INSERT INTO stock_ledger (sku, version, at, movement, on_hand_delta, reserved_delta, reservation_id, actor)
            VALUES ('CUP', 2, {LONG_AGO}, 'committed', -1, 0, 'res_9', 'test'),
                   ('CUP', 3, {LONG_AGO}, 'adjusted', 1, 0, NULL, 'test')"""}),
        {("inventory", "res_9", "a reservation has its order")},
    ),
    "units set aside for nobody": (
        Plan({"checkout": "UPDATE checkout SET state = 'failed' WHERE id = 'chk_5'"}),
        {("inventory", "res_4", "somebody answers for a reservation")},
    ),
    # --- money
    "lines that do not add up": (
        Plan({"orders": "UPDATE orders SET lines = jsonb_set(lines, '{0,total,amount}', '999') WHERE id = 'ord_1'"}),
        {("orders", "ord_1", "items are the sum of the lines")},
    ),
    "parts that do not add up": (
        Plan({"orders": "UPDATE orders SET totals = jsonb_set(totals, '{shipping,amount}', '491') WHERE id = 'ord_1'"}),
        {("orders", "ord_1", "the total is the sum of its parts")},
    ),
    "a total that is not the order's": (
        Plan({"orders": """UPDATE orders SET totals = jsonb_set(jsonb_set(totals, '{shipping,amount}', '491'),
                                                                '{total,amount}', '1491') WHERE id = 'ord_1'"""}),
        {("orders", "ord_1", "the total is the order's")},
    ),
    "more given back than was taken": (
        Plan(
            {"payments": f"""
                {BOOKS} ALTER TABLE payment DROP CONSTRAINT refunded_within_captured;
                UPDATE payment SET refunded = 1500 WHERE id = 'pay_1';
                UPDATE ledger SET amount = 1500 WHERE payment_id = 'pay_1' AND entry = 'refunded'""",
             "orders": """ALTER TABLE orders DROP CONSTRAINT refunded_within_total;
                          UPDATE orders SET refunded = 1500 WHERE id = 'ord_1'"""},
            processor={"pay_1": {"held": 0, "captured": 1490, "refunded": 1500}},
        ),
        {("payments", "pay_1", "no more than was given")},
    ),
    "money held that the ledger does not know": (
        Plan({"payments": f"""
            {BOOKS} UPDATE ledger SET amount = 1500 WHERE payment_id = 'pay_1' AND entry = 'authorized'"""}),
        {("payments", "pay_1", "the ledger's money held")},
    ),
    "money of the shop that the ledger does not know": (
        Plan({"payments": f"{BOOKS} UPDATE ledger SET amount = 400 WHERE payment_id = 'pay_1' AND entry = 'refunded'"}),
        {("payments", "pay_1", "the ledger's money of the shop")},
    ),
    "money taken for an order that nobody has accepted": (
        Plan(
            {"payments": """
                UPDATE payment SET state = 'captured', authorized = 1490, captured = 1490 WHERE id = 'pay_3';
                INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
                VALUES ('pay_3', 'authorized', 'ord_3', 'shopper', 'held', 1490, 'EUR'),
                       ('pay_3', 'captured', 'ord_3', 'held', 'shop', 1490, 'EUR')"""},
            processor={"pay_3": {"held": 0, "captured": 1490, "refunded": 0}},
        ),
        {("payments", "ord_3", "nothing captured before it is paid")},
    ),
    "money kept of a cancelled order": (
        Plan(
            {"payments": f"""
                {BOOKS} UPDATE payment SET captured = 1490, released = 0 WHERE id = 'pay_2';
                UPDATE ledger SET to_account = 'shop' WHERE payment_id = 'pay_2' AND entry = 'released'"""},
            processor={"pay_2": {"held": 0, "captured": 1490, "refunded": 0}},
        ),
        {("payments", "ord_2", "nothing kept of a cancelled order")},
    ),
    "money held for a cancelled order": (
        Plan(
            {"payments": f"""
                {BOOKS} UPDATE payment SET released = 0 WHERE id = 'pay_2';
                DELETE FROM ledger WHERE payment_id = 'pay_2' AND entry = 'released'"""},
            processor={"pay_2": {"held": 1490, "captured": 0, "refunded": 0}},
        ),
        {("payments", "ord_2", "nothing held for a cancelled order")},
    ),
    "another sum authorised than the total": (
        Plan({"payments": f"""
            {BOOKS} UPDATE payment SET amount = 1500, authorized = 1500, released = 10 WHERE id = 'pay_1';
            UPDATE ledger SET amount = 1500 WHERE payment_id = 'pay_1' AND entry = 'authorized';
            INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
            VALUES ('pay_1', 'released', 'ord_1', 'held', 'shopper', 10, 'EUR')"""}),
        {("payments", "ord_1", "exactly its total authorised")},
    ),
    "another sum captured than the total": (
        Plan(
            {"payments": f"""
                {BOOKS} UPDATE payment SET captured = 1480, released = 10 WHERE id = 'pay_1';
                UPDATE ledger SET amount = 1480 WHERE payment_id = 'pay_1' AND entry = 'captured';
                INSERT INTO ledger (payment_id, entry, order_id, from_account, to_account, amount, currency)
                VALUES ('pay_1', 'released', 'ord_1', 'held', 'shopper', 10, 'EUR')"""},
            processor={"pay_1": {"held": 0, "captured": 1480, "refunded": 490}},
        ),
        {("payments", "ord_1", "exactly its total captured")},
    ),
    "an order that was paid twice": (
        Plan(
            {"payments": pay_9("ord_1", "1490, 0, 0, 0, 0")},
            processor={"pay_9": {"held": 1490, "captured": 0, "refunded": 0}},
        ),
        {("payments", "ord_1", "no second payment")},
    ),
    "a refund that the order does not know": (
        Plan({"orders": "UPDATE orders SET refunded = 400 WHERE id = 'ord_1'"}),
        {("orders", "ord_1", "refunded as payments did")},
    ),
    "money for no order": (
        Plan(
            {"payments": pay_9("ord_9", "1490, 0, 0, 0, 0")},
            processor={"pay_9": {"held": 1490, "captured": 0, "refunded": 0}},
        ),
        {("payments", "ord_9", "no money without an order")},
    ),
    "money that the processor holds and we do not": (
        Plan(processor={"pay_2": {"held": 5, "captured": 0, "refunded": 0}}),
        {("payments", "pay_2", "held as the processor says")},
    ),
    "money that the processor has taken and we have not": (
        Plan(processor={"pay_2": {"held": 0, "captured": 5, "refunded": 0}}),
        {("payments", "pay_2", "captured as the processor says")},
    ),
    "money that the processor has given back and we have not": (
        Plan(processor={"pay_2": {"held": 0, "captured": 0, "refunded": 5}}),
        {("payments", "pay_2", "refunded as the processor says")},
    ),
    "money at the processor that nobody knows": (
        Plan({"payments": "INSERT INTO unmatched VALUES ('pi_7', NULL, 'requires_capture', 500, 'EUR')"}),
        {("payments", "pi_7", "money at the processor is explained")},
    ),
    # --- parcels
    "an order that is shipped before its parcel": (
        Plan({"shipping": "UPDATE shipment SET status = 'label_created' WHERE id = 'shp_1'"}),
        {("shipping", "ord_1", "the parcel of an order that is shipped")},
    ),
    "another parcel's number": (
        Plan({"orders": "UPDATE orders SET tracking_number = 'T2' WHERE id = 'ord_1'"}),
        {("orders", "ord_1", "the parcel's number")},
    ),
    "a parcel for no order": (
        Plan({"shipping": """
            INSERT INTO shipment (id, order_id, state, number, address, contact, weight_grams, service, promised_to)
            VALUES ('shp_9', 'ord_9', 'wanted', 'BDG-9', '{}', '{}', 500, 'ground', current_date)"""}),
        {("shipping", "shp_9", "a parcel has its order")},
    ),
    # --- events
    "an order that is shipped twice": (
        Plan({"orders": f"INSERT INTO order_history VALUES ('ord_1', 8, {LONG_AGO}, '-', '-', 'shipped', '', '')"}),
        {("orders", "ord_1", "it happens to an order once")},
    ),
    "an order's event that is not on its topic": (
        Plan(told=without(17)),
        {("orders", "ord_1", EVENTS)},
    ),
    "a parcel's event that is not on its topic": (
        Plan(told=without(16)),
        {("shipping", "ord_1", EVENTS), ("orders", event_id(16), EFFECT), ("notifications", event_id(16), EFFECT)},
    ),
    "a label that nobody was told of": (
        Plan({"shipping": "INSERT INTO voided_label VALUES ('T0', 'shp_1', 'lbl_0', now())"}),
        {("shipping", "ord_1", EVENTS)},
    ),
    "a customer's event that is not on its topic": (
        Plan(told=without(3)),
        {("auth", "cus_1", EVENTS), ("users", event_id(3), EFFECT), ("orders", event_id(3), EFFECT)},
    ),
    "a product's event that is not on its topic": (
        Plan(told=without(1)),
        {("catalog", "prd_1", EVENTS), ("inventory", event_id(1), EFFECT)},
    ),
    "a category's event that is not on its topic": (Plan(told=without(4)), {("catalog", "mugs", EVENTS)}),
    "a product's end that is not on its topic": (
        Plan(product=ARCHIVED, documents=[CATEGORY], words={"product:MUG": None}),
        {("catalog", "prd_1", EVENTS)},
    ),
    "a product's last change that is not on its topic": (
        Plan(product={"version": 8}, documents=[document(version=8), CATEGORY]),
        {("catalog", "prd_1", EVENTS)},
    ),
    "stock's event that is not on its topic": (
        Plan({"inventory": "INSERT INTO stock_ledger VALUES ('MUG', 99, now(), 'committed', 0, 0, NULL, '', 'test')"}),
        {("inventory", "MUG", EVENTS)},
    ),
    "an order's events in the wrong order": (
        Plan(told=swapped(11, 13)),
        {("orders", "ord_1", "a key's events stand in their order, in one partition")},
    ),
    "a key in two partitions": (
        Plan(told=in_both_partitions(3)),
        {("users", "cus_1", "a key's events stand in their order, in one partition")},
    ),
    "a gap in what was told of an order's money": (
        Plan(told=without(25)),
        {("payments", "ord_2", "a key's events are numbered without a gap")},
    ),
    "an event that was passed over": (
        Plan({"shipping": f"DELETE FROM inbox WHERE event_id = '{event_id(13)}'"}),
        {("shipping", f"OrderPaid {event_id(13)} of ord_1", ONCE)},
    ),
    "an event that took effect twice": (
        Plan({"shipping": f"""ALTER TABLE inbox DROP CONSTRAINT inbox_pkey;
                              INSERT INTO inbox VALUES ('shipping', '{event_id(13)}')"""}),
        {("shipping", event_id(13), ONCE)},
    ),
    "an order that its cart was never told of": (
        Plan(words={"paid:ord_1": None}),
        {("cart", f"OrderPaid {event_id(13)} of ord_1", ONCE)},
    ),
    "an effect of nothing": (
        Plan({"shipping": f"INSERT INTO inbox VALUES ('shipping', '{event_id(77)}')"}),
        {("shipping", event_id(77), EFFECT)},
    ),
    # --- mails
    "a mail that was never written": (
        Plan({"notifications": "DELETE FROM notification WHERE id = 'ntf_13'"}, mailbox=lambda mails: mails[1:]),
        {("notifications", "order_confirmation of ord_1", "a fact is mailed once")},
    ),
    "a second mail about the same": (
        Plan({"notifications": MAIL.format(
            kind="order_confirmation", state="dropped", message_id="<9@shop>", cause=event_id(77), subject="ord_1")}),
        {("notifications", "order_confirmation of ord_1", "a fact is mailed once")},
    ),
    "a second mail of one event": (
        Plan({"notifications": MAIL.format(
            kind="order_refunded", state="dropped", message_id="<9@shop>", cause=event_id(19), subject="ord_1")}),
        {("notifications", f"order_refunded of {event_id(19)}", "a fact is mailed once")},
    ),
    "two mails with one Message-ID": (
        Plan({"notifications": "ALTER TABLE notification DROP CONSTRAINT notification_message_id_key;" + MAIL.format(
            kind="back_in_stock", state="dropped", message_id="<13@shop>", cause=event_id(77), subject="MUG")}),
        {("notifications", "<13@shop>", "a mail has one Message-ID, and no other mail has it")},
    ),
    "a mail that never arrived": (
        Plan(mailbox=lambda mails: mails[1:]),
        {("notifications", "order_confirmation of ord_1", "a mail that was sent is in the mailbox")},
    ),
    "the same mail again under another Message-ID": (
        Plan(mailbox=lambda mails: [*mails, {**mails[0], "message_id": "<again@shop>"}]),
        {("notifications", "<again@shop>", "a mail in the mailbox was written down before it was sent")},
    ),
    # --- views
    "another price in the index": (
        Plan(documents=[document(variants=variant(price=499)), CATEGORY]),
        {("search", "prd_1", INDEX)},
    ),
    "what can be had is sold out in the index": (
        Plan(documents=[document(variants=variant(in_stock=False)), CATEGORY]),
        {("search", "prd_1", INDEX)},
    ),
    "an old version in the index": (Plan(documents=[document(version=6), CATEGORY]), {("search", "prd_1", INDEX)}),
    "another lowest price in the index": (
        Plan(documents=[document(price=400), CATEGORY]),
        {("search", "prd_1", INDEX)},
    ),
    "a product that is not found": (Plan(documents=[CATEGORY]), {("search", "prd_1", INDEX)}),
    "a product that is buried in the index": (
        Plan(documents=[{"id": "prd_1", "version": 7, "deleted": True}, CATEGORY]),
        {("search", "prd_1", INDEX)},
    ),
    "a product that the catalog does not know": (
        Plan(documents=[DOCUMENT, CATEGORY, document(id="prd_9", slug="cup")]),
        {("search", "products", INDEX)},
    ),
    "a category that is not found": (Plan(documents=[DOCUMENT]), {("search", "mugs", INDEX)}),
    "an old version of a category in the index": (
        Plan(documents=[DOCUMENT, {**CATEGORY, "version": 2}]),
        {("search", "mugs", INDEX)},
    ),
    "what is not sold is found": (
        Plan(**ENDED, words={"product:MUG": None}),
        {("search", "prd_1", INDEX)},
    ),
    "what is not sold is sold in the cart": (
        Plan(**ENDED, documents=[{"id": "prd_1", "version": 8, "deleted": True}, CATEGORY]),
        {("cart", "MUG", CART)},
    ),
    "another price in the cart": (Plan(words=word("product:MUG", price=price(499))), {("cart", "MUG", CART)}),
    "what is sold is not sold in the cart": (Plan(words=word("product:MUG", sold=False)), {("cart", "MUG", CART)}),
    "what can be had is sold out in the cart": (Plan(words=word("stock:MUG", in_stock=False)), {("cart", "MUG", CART)}),
    "another number of pieces in the cart": (Plan(words=word("stock:MUG", available=4)), {("cart", "MUG", CART)}),
    "another price on the page": (Plan(page=offer(price="4.99")), {("edge", "prd_1", PAGE_RULE)}),
    "what can be had is sold out on the page": (
        Plan(page=offer(availability="https://schema.org/OutOfStock")),
        {("edge", "prd_1", PAGE_RULE)},
    ),
    "a page that does not say what can be had": (Plan(page=offer(availability=None)), {("edge", "prd_1", PAGE_RULE)}),
    "no page": (Plan(page=404), {("edge", "prd_1", PAGE_RULE)}),
    # --- answers
    "an order that a buyer was told of and that is not there": (
        Plan(answers=[Answer(order="BDG-9", key="k", status=201)]),
        {("orders", "BDG-9", "an order that a buyer was told of exists")},
    ),
    "two orders of one key": (
        Plan(answers=[Answer(order="BDG-1", key="k", status=201), Answer(order="BDG-2", key="k", status=201)]),
        {("checkout", "the request k", "an Idempotency-Key has made one order")},
    ),
    "a 201 without an order": (
        Plan(answers=[Answer(order=None, key="k", status=201)]),
        {("checkout", "the request k", "who is told 201 is told an order's number")},
    ),
    "a line that was acknowledged and lost": (
        Plan(answers=[Answer(order="BDG-1", key="k", status=201, lines=(Line(sku="MUG", quantity=3),))]),
        {("orders", "BDG-1", "what the cart had acknowledged is in the order")},
    ),
    "a 500": (
        Plan(answers=[Answer(key="k", status=500)]),
        {("checkout", "the request k", "trouble is told as such, never as a 500")},
    ),
    # --- time
    "an event that stays in its outbox": (Plan({"orders": OUTBOX}), {("orders", "outbox", "events are told")}),
    "an event that nobody takes": (
        Plan({"payments": "DELETE FROM inbox"}, unread={"payments": "orders"}, limits={"hearing": 0.0}),
        {("payments", "inbox", "events are heard")},
    ),
    "a flow that nobody takes up": (
        Plan({"shipping": FLOW.format(state="waiting", lease="NULL")}),
        {("shipping", "fulfilment flow_1", "what is due is taken up")},
    ),
    "a flow whose owner has died": (
        Plan({"shipping": FLOW.format(state="running", lease="now() - interval '30 minutes'")}),
        {("shipping", "fulfilment flow_1", "what is due is taken up")},
    ),
    "a checkout that does not end": (
        Plan({"checkout": "UPDATE checkout SET due_at = now() - interval '1 hour' WHERE id = 'chk_3'"}),
        {("checkout", "chk_3", "a checkout ends when it is due")},
    ),
    "an order that nobody decides": (
        Plan({"checkout": "UPDATE checkout SET state = 'cancelled' WHERE id = 'chk_3'",
              "orders": "UPDATE orders SET placed_at = now() - interval '1 hour' WHERE id = 'ord_3'"}),
        {("orders", "ord_3", "an order is paid or cancelled")},
    ),
    "a paid order whose money is not taken": (
        Plan({"orders": PAID.format(captured="false"), "shipping": PACKING}),
        {("orders", "ord_1", "the money of a paid order is taken")},
    ),
    "a paid order that is not packed": (
        Plan({"orders": PAID.format(captured="true"), "shipping": PACKING}),
        {("orders", "ord_1", "a paid order is packed")},
    ),
    "a payment whose outcome is not known": (
        Plan({"payments": """
            UPDATE payment SET state = 'unknown', created_at = now() - interval '1 hour' WHERE id = 'pay_3'"""}),
        {("payments", "pay_3", "the outcome of a payment is known")},
    ),
    "a payment that nobody takes up": (
        Plan({"payments": "UPDATE payment SET wake_at = now() - interval '1 hour' WHERE id = 'pay_3'"}),
        {("payments", "pay_3", "a payment that is due is taken up")},
    ),
    "a mail that waits": (
        Plan({"notifications": MAIL.format(
            kind="back_in_stock", state="waiting", message_id="<9@shop>", cause=event_id(77), subject="MUG")}),
        {("notifications", "ntf_9", "a mail is sent")},
    ),
    "a parked message": (
        Plan({"shipping": PARKED.format(id=event_id(13))}),
        {("shipping", "shipping", "no message is parked")},
    ),
    "a message parked on a topic": (
        Plan(raw={"cart.parked": [b"{}"]}),
        {("cart", "cart.parked", "no message is parked")},
    ),
}  # fmt: skip

NOTHING_WRONG = {
    "an event that waits in its outbox and is not on its topic": Plan(
        {"orders": f"""INSERT INTO outbox (event_id, topic, key, body)
                       VALUES ('{event_id(17)}', 'orders', 'ord_1', '')"""}, told=without(17)
    ),
    "an event that nobody has read yet": Plan(
        {"shipping": "DELETE FROM inbox"}, unread={"shipping": "orders"}
    ),
    "an event that was sent again": Plan(told=lambda told: [*told, *told[3:8]]),
    "a mail of which the mailbox has two copies": Plan(mailbox=lambda mails: [*mails, *mails]),
    "a flow that is not due": Plan({"shipping": FLOW.format(state="running", lease="now() + interval '5 s'")}),
    "what all topics have dropped": Plan(dropped=True),
    "effects that an inbox has forgotten": Plan({"shipping": "DELETE FROM inbox"}, inbox_days=0),
    "what the cart has no word of": Plan(words={"product:MUG": None, "stock:MUG": None}),
    "what the cart is only told to ask for": Plan(words={"product:MUG": {"version": 9, "told": None}}),
}  # fmt: skip
