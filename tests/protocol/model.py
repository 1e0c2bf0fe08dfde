"""The protocol of one order as pure state machines: no I/O, no clock but its own, no threads.

Read this beside docs/adr/0002-protocol-of-an-order.md. The rooms of the house (checkout, inventory, orders, payments,
shipping) follow these tables; this file is where the tables are executable, so that every interleaving of shoppers,
workers, events and faults can be tried before there is any HTTP.

Reading order: `Network` and `Bus` (what can go wrong between nodes), `Inventory`, `Orders`, `Processor`, `Payments`,
`Checkout`, `Carrier` and `Shipping`, `Cart`, then `World`, whose `check` and `check_end` are the promises.

A node is a class whose methods are its transactions: each runs wholly or not at all. Whoever calls another node does it
in three parts that anything may come between: *read* one's own row, *call*, *write* one's own row. A `Task` is a worker
caught between those parts; a worker that sleeps is a `Task` that nobody continues for a while.

Units: money in minor units, time in seconds of the model's own clock. `Violation` is the only error of the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar

AMOUNT = 4_990
"""What every order of the model costs, in minor units."""
LEASE = 10
"""Seconds for which a flow's owner may be silent."""
DUE = 900
"""Seconds that a shopper has for a challenge or for another card."""
UNKNOWN_DUE = 1_800
"""Seconds after which an unknown outcome cancels the order."""
REPLACED = "replaced"
"""Why an order is cancelled whose shopper has asked for something else meanwhile."""


class Violation(AssertionError):
    """A promise of the protocol is broken. The message begins with the promise's short name and a colon."""


def promise(kept: bool, name: str, detail: object = "") -> None:
    """Raise `Violation` unless `kept`."""
    if not kept:
        raise Violation(f"{name}: {detail}")


# --- between the nodes ------------------------------------------------------------------------------------------------


class Fault(Enum):
    """What happens to one call. In all but the first the caller does not learn the outcome."""

    NONE = "none"
    LOST_REQUEST = "no effect, no answer"
    LOST_ANSWER = "effect, no answer"
    DELAYED = "no answer now, effect at any later time"
    DOUBLED = "two effects, the answer of the second"
    ERROR_BEFORE = "processor only: no effect, a stored 500"
    ERROR_AFTER = "processor only: effect, a stored 500"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: `code` is the problem code, `state` the row's present state, `ref` an id."""

    status: int
    code: str = ""
    state: str = ""
    ref: str = ""
    refunded: int = 0


Call = Callable[[], Answer]


class Network:
    """Calls between nodes, and the letters that are still under way."""

    def __init__(self) -> None:
        self.delayed: list[Call] = []

    def call(self, call: Call, fault: Fault) -> Answer | None:
        """Make the call under `fault`. None: the caller does not know what has happened."""
        if fault is Fault.LOST_REQUEST:
            return None
        if fault is Fault.DELAYED:
            self.delayed.append(call)
            return None
        if fault is Fault.DOUBLED:
            call()
        answer = call()
        return None if fault is Fault.LOST_ANSWER else answer

    def arrive(self, index: int = 0) -> None:
        """A delayed call takes its effect now; nobody waits for its answer."""
        self.delayed.pop(index)()


@dataclass(frozen=True)
class Event:
    """A fact about an order, with what its hearers need: they ask nobody."""

    id: int
    topic: str
    type: str
    order: str
    payment: str = ""
    amount: int = 0
    reservation: str = ""
    cart: str = ""
    reason: str = ""


HEARS: dict[str, tuple[str, ...]] = {
    "orders": ("payments", "shipping"),
    "payments": ("orders", "shipping"),
    "inventory": ("orders",),
    "shipping": ("orders",),
    "checkout": ("payments", "orders"),
    "cart": ("orders",),
}


class Bus:
    """Topics: every consumer hears the events of one key in order, each at least once, and no two topics joined.

    An outbox never loses and never re-orders within a key, so an emitted event is in the log at once;
    that it is *late* is a consumer that has not come to it yet.
    """

    def __init__(self) -> None:
        self.log: list[Event] = []
        self._keys: dict[tuple[str, str], list[Event]] = defaultdict(list)
        self._positions: dict[tuple[str, str, str], int] = defaultdict(int)

    def emit(self, topic: str, kind: str, order: str, **carries: Any) -> None:
        """Append to the log; `carries` are the fields of `Event`."""
        event = Event(len(self.log), topic, kind, order, **carries)
        self.log.append(event)
        self._keys[topic, order].append(event)

    def waiting(self, consumer: str) -> list[Event]:
        """The next event of every key that `consumer` has not come to the end of."""
        return [
            events[self._positions[consumer, topic, order]]
            for (topic, order), events in self._keys.items()
            if topic in HEARS[consumer] and self._positions[consumer, topic, order] < len(events)
        ]

    def heard(self, consumer: str) -> list[Event]:
        """Every event that may come to `consumer` once more."""
        return [
            event
            for (topic, order), events in self._keys.items()
            if topic in HEARS[consumer]
            for event in events[: self._positions[consumer, topic, order]]
        ]

    def commit(self, consumer: str, event: Event) -> None:
        """Move the consumer's offset past `event`."""
        self._positions[consumer, event.topic, event.order] += 1


class Node:
    """What every node with an event door has: a clock to read, a bus to speak to and an inbox."""

    name: ClassVar[str]

    def __init__(self, world: World) -> None:
        self.world = world
        self.inbox: set[int] = set()

    def hear(self, event: Event) -> None:
        """One transaction: the inbox row and the effect, or neither."""
        if self.known(event):
            return
        self.inbox.add(event.id)
        self.take(event)

    def known(self, event: Event) -> bool:
        return event.id in self.inbox

    def take(self, event: Event) -> None:
        raise NotImplementedError


# --- inventory --------------------------------------------------------------------------------------------------------


@dataclass
class Reservation:
    """One unit promised to one checkout. A tombstone is a row born `released`."""

    id: str
    state: str
    order_cancelled: bool = False
    """It has ended since its order is cancelled: that may be known before it is heard that the order was paid."""


class Inventory(Node):
    """`reserved -> committed`, or ended: `released`, `restocked`. One SKU, one unit per order. No clock ends a
    reservation: the checkout that has asked for it does, or its order."""

    name = "inventory"
    ENDED = frozenset({"released", "restocked"})

    def __init__(self, world: World, on_hand: int) -> None:
        super().__init__(world)
        self.initial = on_hand
        self.on_hand = on_hand
        self.reserved = 0
        self.rows: dict[str, Reservation] = {}
        self.told_released: set[str] = set()

    def reserve(self, id: str, instead_of: tuple[str, ...] = ()) -> Answer:
        """`instead_of`: reservations whose orders are cancelled, as the caller has been told. They end in the same
        transaction, so that nobody else can take their units in between."""
        row = self.rows.get(id)
        if row is not None and row.state in self.ENDED:
            return Answer(409, "already_ended")
        if row is not None:
            return Answer(200, state=row.state)
        freed = sum(self.rows[one].state in ("reserved", "committed") for one in instead_of if one in self.rows)
        if self.on_hand - self.reserved + freed < 1:
            return Answer(409, "out_of_stock")
        self.give_back(instead_of)
        self.reserved += 1
        self.rows[id] = Reservation(id, "reserved")
        return Answer(201, state="reserved")

    def release(self, id: str, instead_of: tuple[str, ...] = ()) -> Answer:
        """Undo of `reserve`, for a checkout that has no order and never will. The orders of `instead_of` are cancelled,
        as the caller has been told. What is paid, only its order ends."""
        self.give_back(instead_of)
        row = self.rows.get(id)
        if row is None:
            self.bury(id)
        elif row.state == "committed":
            return Answer(409, "committed")
        elif row.state == "reserved":
            self._end(row, "released")
        self.told_released.add(id)
        return Answer(200, state="released")

    def give_back(self, ids: tuple[str, ...]) -> None:
        """Ends reservations whose orders are cancelled, whether or not the event has been heard."""
        for id in ids:
            row = self.rows.get(id)
            if row is None:
                self.bury(id)
            else:
                self._order_cancelled(row)
            self.told_released.add(id)

    def bury(self, id: str) -> None:
        """The tombstone: a late `reserve` finds it."""
        self.rows[id] = Reservation(id, "released")

    def take(self, event: Event) -> None:
        row = self.rows.get(event.reservation)
        if event.type == "OrderPaid":
            if row is not None and row.state == "reserved":
                row.state = "committed"
                self.reserved -= 1
                self.on_hand -= 1
            else:
                # A paid order whose reservation has ended: in the rooms the event is parked, for people.
                promise(row is not None and self.may_be_heard_late(row), "paid-without-stock", row)
        elif event.type == "OrderCancelled":
            if row is None:
                self.bury(event.reservation)
            elif not self.waits_for_the_next(event):
                self._order_cancelled(row)

    def may_be_heard_late(self, row: Reservation) -> bool:
        return row.state == "committed" or row.order_cancelled

    def waits_for_the_next(self, event: Event) -> bool:
        """The shopper's next try takes these units over, or gives them back: its flow does not end before."""
        return event.reason == REPLACED

    def _order_cancelled(self, row: Reservation) -> None:
        row.order_cancelled = True
        if row.state == "reserved":
            self._end(row, "released")
        elif row.state == "committed":
            row.state = "restocked"
            self.on_hand += 1

    def _end(self, row: Reservation, state: str) -> None:
        row.state = state
        self.reserved -= 1


# --- orders: the only judge -------------------------------------------------------------------------------------------


@dataclass
class Order:
    """The row that decides. `payment` is the one it has accepted; `refunded` is money beside the state."""

    id: str
    reservation: str
    state: str = "created"
    cart: str = ""
    revision: int = 0
    payment: str = ""
    captured: bool = False
    refunded: int = 0
    reason: str = ""
    flagged: bool = False


class Orders(Node):
    """`created -> paid -> fulfilling -> shipped`, or `cancelled` from the first two, for ever."""

    name = "orders"
    CANCELLABLE: ClassVar[frozenset[str]] = frozenset({"created", "paid"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rows: dict[str, Order] = {}

    def create(self, id: str, reservation: str, cart: str, revision: int) -> Answer:
        row = self.rows.get(id)
        if row is None:
            self.rows[id] = Order(id, reservation, cart=cart, revision=revision)
            self._emit("OrderCreated", self.rows[id])
            return Answer(201, state="created")
        if row.state == "cancelled":
            return Answer(409, "already_ended")
        return Answer(200, state=row.state)

    def cancel(self, id: str, reason: str, only_unpaid: bool) -> Answer:
        """The one undo. `only_unpaid`: for clocks and flows, which must never take a paid order from its shopper. The
        answer names the order's reservation; none, if there never was an order."""
        row = self.rows.get(id)
        if row is None:
            self.bury(id, reason)
        elif row.state == "cancelled":
            pass
        elif only_unpaid and row.state != "created":
            return Answer(409, "already_paid")
        elif row.state not in self.CANCELLABLE:
            return Answer(409, "too_late_to_cancel")
        else:
            self._cancel(row, reason)
        return Answer(200, state="cancelled", ref=row.reservation if row is not None else "")

    def bury(self, id: str, reason: str) -> None:
        """The tombstone: a late `create` finds it. There was no order, so no event speaks of it (nor any mail)."""
        self.rows[id] = Order(id, "", state="cancelled", reason=reason)

    def begin_fulfilment(self, id: str) -> Answer:
        """Asked before a label is bought. From `fulfilling` on, nothing can cancel the order."""
        row = self.rows[id]
        if row.state == "cancelled":
            return Answer(409, "already_ended")
        if row.state == "created":
            return Answer(409, "not_paid")
        if row.state == "paid":
            if not self.may_fulfil(row):
                return Answer(409, "not_captured_yet")
            row.state = "fulfilling"
        return Answer(200, state=row.state)

    def may_fulfil(self, row: Order) -> bool:
        """Goods leave for money in hand: else a refused capture would find a label already bought."""
        return row.captured or self.world.capture_on == "shipment"

    def take(self, event: Event) -> None:
        row = self.rows[event.order]
        if event.type == "PaymentAuthorized":
            if row.state == "created" and event.amount == AMOUNT:
                row.state, row.payment = "paid", event.payment
                self._emit("OrderPaid", row)
            elif row.state == "created":
                self._cancel(row, "amount_mismatch")
            elif row.state == "cancelled":
                self.refuse_again(row)
        elif event.type == "PaymentCaptured" and row.payment == event.payment:
            row.captured = True
        elif event.type == "PaymentCaptureFailed" and row.payment == event.payment:
            if row.state == "paid":
                self._cancel(row, "capture_failed")
            elif row.state != "cancelled":
                row.flagged = True
        elif event.type == "PaymentRefunded":
            row.refunded += event.amount
        elif event.type == "ShipmentCreated" and row.state != "shipped":
            promise(row.state == "fulfilling", "shipped-without-asking", row)
            row.state = "shipped"

    def refuse_again(self, row: Order) -> None:
        """Money came for an order that had ended: say so once more."""
        self._emit("OrderCancelled", row)

    def _cancel(self, row: Order, reason: str) -> None:
        row.state, row.reason = "cancelled", reason
        self._emit("OrderCancelled", row)

    def _emit(self, kind: str, row: Order) -> None:
        self.world.bus.emit(
            "orders", kind, row.id, payment=row.payment, reservation=row.reservation, cart=row.cart, amount=AMOUNT,
            reason=row.reason,
        )  # fmt: skip
        if kind == "OrderPaid":
            self.world.accepted.append((row.id, row.payment))


# --- the card processor: another company, with its own truth ----------------------------------------------------------


@dataclass
class Intent:
    """A PaymentIntent. `secret_given`: the browser holds its client secret and may act on it at any time."""

    id: str
    payment: str
    order: str
    card: str
    status: str = "requires_confirmation"
    captured: int = 0
    refunded: int = 0
    secret_given: bool = False

    @property
    def money(self) -> bool:
        """Is the shopper's money touched?"""
        return self.status == "requires_capture" or self.captured > self.refunded


class Processor:
    """Keeps its promises about idempotency keys, including the awkward one: a stored 500 is replayed.

    Cards: `good`, `bad` (declined), `challenge` (3-D Secure), `empty` (authorises, and no capture ever succeeds).
    """

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.webhooks: list[tuple[int, str]] = []
        self._answers: dict[str, Answer] = {}
        self._events = 0

    def once(self, key: str, call: Call, fault: Fault) -> Call:
        """The call as it arrives at the processor: at most one effect per key, and the first answer for ever."""

        def arrives() -> Answer:
            if key not in self._answers:
                if fault is Fault.ERROR_BEFORE:
                    self._answers[key] = Answer(500)
                elif fault is Fault.ERROR_AFTER:
                    call()
                    self._answers[key] = Answer(500)
                else:
                    self._answers[key] = call()
            return self._answers[key]

        return arrives

    def create(self, payment: str, order: str, card: str) -> Answer:
        intent = Intent(f"pi{len(self.intents)}", payment, order, card)
        self.intents[intent.id] = intent
        return Answer(200, state=intent.status, ref=intent.id)

    def find(self, payment: str) -> Answer:
        """List by `created` and match `metadata.payment_id`."""
        found = [intent for intent in self.intents.values() if intent.payment == payment]
        return self._show(found[0]) if found else Answer(404)

    def retrieve(self, id: str) -> Answer:
        return self._show(self.intents[id])

    def confirm(self, id: str) -> Answer:
        intent = self.intents[id]
        if intent.status in ("requires_confirmation", "requires_payment_method"):
            outcome = {"bad": "requires_payment_method", "challenge": "requires_action"}
            self._move(intent, outcome.get(intent.card, "requires_capture"))
            intent.secret_given = intent.secret_given or intent.status == "requires_action"
        return self._show(intent)

    def capture(self, id: str) -> Answer:
        intent = self.intents[id]
        if intent.status == "requires_capture":
            if intent.card == "empty":
                return Answer(402, "capture_refused", intent.status, id)
            intent.captured = AMOUNT
            self._move(intent, "succeeded")
        return self._show(intent)

    def cancel(self, id: str) -> Answer:
        intent = self.intents[id]
        if intent.status not in ("succeeded", "canceled"):
            self._move(intent, "canceled")
        return self._show(intent)

    def refund(self, id: str) -> Answer:
        intent = self.intents[id]
        if intent.refunded < intent.captured:
            intent.refunded = intent.captured
            self._hook(intent)
        return self._show(intent)

    def browser(self, id: str, act: str) -> None:
        """The shopper, with the client secret: `pass` or `fail` the challenge, or try `another` card on the intent."""
        intent = self.intents[id]
        if not intent.secret_given:
            return
        if intent.status == "requires_action" and act in ("pass", "fail"):
            self._move(intent, "requires_capture" if act == "pass" else "requires_payment_method")
        elif intent.status == "requires_payment_method" and act == "another":
            self._move(intent, "requires_capture")

    def bank_lets_go(self, id: str) -> None:
        """An authorisation runs out after some days."""
        if self.intents[id].status == "requires_capture":
            self._move(self.intents[id], "canceled")

    def _move(self, intent: Intent, status: str) -> None:
        intent.status = status
        self._hook(intent)

    def _hook(self, intent: Intent) -> None:
        self._events += 1
        self.webhooks.append((self._events, intent.id))

    def _show(self, intent: Intent) -> Answer:
        return Answer(200, state=intent.status, ref=intent.id, refunded=intent.refunded)


# --- payments ---------------------------------------------------------------------------------------------------------


@dataclass
class Payment:
    """One attempt. `version` fences its workers: an answer asked for before a change is thrown away."""

    id: str
    order: str
    card: str
    state: str = "created"
    intent: str = ""
    void_wanted: bool = False
    closed: bool = False
    hint: bool = False
    list_first: bool = False
    tries: int = 1
    version: int = 0


@dataclass
class Verdict:
    """What the order has decided, one row per order; it is the tombstone for attempts that are not known yet."""

    state: str = "open"
    payment: str = ""
    shipped: bool = False


@dataclass
class Task:
    """A worker between reading, calling and writing. `fence` is the epoch or the version that it read."""

    id: str
    fence: int
    duty: str
    called: bool = False
    answer: Answer | None = None
    seen: object = None


class Payments(Node):
    """Drives each attempt towards the order's verdict, whatever the processor says in between."""

    name = "payments"
    ENDED = frozenset({"voided", "refunded"})

    def __init__(self, world: World, processor: Processor) -> None:
        super().__init__(world)
        self.processor = processor
        self.rows: dict[str, Payment] = {}
        self.verdicts: dict[str, Verdict] = defaultdict(Verdict)
        self.seen: set[int] = set()

    # commands and events

    def create(self, order: str, attempt: int, card: str) -> Answer:
        """A new attempt. While another one may still touch money, the answer is 409 and the other is being ended."""
        id = payment_id(order, attempt)
        if id in self.rows:
            return Answer(200, state=self.rows[id].state, ref=id)
        if self.forbids(self.verdicts[order]):
            return Answer(409, "already_ended")
        for other in self.of(order):
            if self.in_the_way(other):
                return self.supersede(other)
        self.rows[id] = Payment(id, order, card)
        return Answer(201, state="created", ref=id)

    def forbids(self, verdict: Verdict) -> bool:
        return verdict.state != "open"

    def in_the_way(self, other: Payment) -> bool:
        return other.state not in self.ENDED and not (other.state == "declined" and other.closed)

    def supersede(self, other: Payment) -> Answer:
        """An outcome in doubt is never superseded; a shopper's unfinished or failed try is, once it is closed."""
        if other.state in ("action_required", "declined") and not other.void_wanted:
            self._want_void(other)
        accepted = other.state in ("authorized", "captured", "capture_failed") and not other.void_wanted
        return Answer(409, "payment_in_progress", "authorized" if accepted else "", other.id)

    def take(self, event: Event) -> None:
        verdict = self.verdicts[event.order]
        if event.type == "OrderPaid" and verdict.state == "open":
            verdict.state, verdict.payment = "paid", event.payment
            for row in self.of(event.order):
                if row.id != verdict.payment:
                    self._want_void(row)
                elif row.state == "voided":
                    self._emit("PaymentCaptureFailed", row)
        elif event.type == "OrderCancelled":
            verdict.state = "cancelled"
            for row in self.of(event.order):
                self.on_cancelled(row)
        elif event.type == "ShipmentCreated":
            verdict.shipped = True

    def on_cancelled(self, row: Payment) -> None:
        self._want_void(row)

    def webhook(self, number: int, intent: str) -> None:
        """A hint that something has moved; what, is asked of the processor."""
        if number in self.seen:
            return
        self.seen.add(number)
        for row in self.rows.values():
            if row.intent == intent:
                row.hint = True
                row.version += 1

    # the worker

    def read(self, id: str) -> Task | None:
        duty = self.duty(self.rows[id])
        row = self.rows[id]
        return Task(id, row.version, duty, seen=replace(row)) if duty else None

    def duty(self, row: Payment) -> str:
        """What is to be done next for this attempt; empty: nothing until something happens."""
        if row.void_wanted:
            if row.state in self.ENDED or (row.state == "declined" and row.closed):
                return ""
            if row.state == "captured":
                return "retrieve" if row.hint else "refund"
            return "cancel" if row.intent else "drop"
        if row.state == "created":
            if row.intent:
                return "confirm"
            return "find" if row.list_first else "create"
        if row.state == "unknown":
            return "retrieve"
        if row.hint and row.state in ("action_required", "authorized", "declined"):
            return "retrieve"
        return "capture" if row.state == "authorized" and self.may_capture(row) else ""

    def may_capture(self, row: Payment) -> bool:
        verdict = self.verdicts[row.order]
        accepted = verdict.state == "paid" and verdict.payment == row.id
        return accepted and (self.world.capture_on == "paid" or verdict.shipped)

    def call(self, task: Task, fault: Fault) -> None:
        """The outside call of a duty. A stored 500 is a fault of keyed calls; elsewhere it is a lost answer."""
        task.called = True
        row = task.seen
        assert isinstance(row, Payment)
        call = self._request(task.duty, row, fault)
        if call is None:
            return
        if fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER):
            fault = Fault.NONE if task.duty in ("create", "confirm", "capture", "refund") else Fault.LOST_ANSWER
        task.answer = self.world.network.call(call, fault)

    def _request(self, duty: str, row: Payment, fault: Fault) -> Call | None:
        processor, key = self.processor, f"{row.id}:{duty}:{row.tries}"
        if duty == "create":
            return processor.once(key, lambda: processor.create(row.id, row.order, row.card), fault)
        if duty == "find":
            return lambda: processor.find(row.id)
        if duty == "retrieve":
            return lambda: processor.retrieve(row.intent)
        if duty == "cancel":
            return lambda: processor.cancel(row.intent)
        if duty in ("confirm", "capture", "refund"):
            act = {"confirm": processor.confirm, "capture": processor.capture, "refund": processor.refund}[duty]
            return processor.once(key, lambda: act(row.intent), fault)
        return None

    def write(self, task: Task) -> None:
        row = self.rows[task.id]
        if row.version != task.fence:
            return
        row.version += 1
        answer = task.answer
        if task.duty == "drop":
            row.state = "voided"
            self._emit("PaymentVoided", row)
        elif answer is None or answer.status == 500:
            self._outcome_unknown(row, task.duty, stored=answer is not None)
        elif task.duty == "create":
            row.intent = answer.ref
        elif task.duty == "find":
            row.list_first = False
            row.intent = answer.ref
            row.tries += 0 if answer.ref else 1
        elif task.duty == "retrieve":
            row.hint = False
            self._learn(row, answer)
        elif answer.code == "capture_refused":
            row.state = "capture_failed"
            self._emit("PaymentCaptureFailed", row)
        else:
            self._learn(row, answer)

    def _outcome_unknown(self, row: Payment, duty: str, stored: bool) -> None:
        """Remember to ask. A replayed error needs another key, once the processor has told that nothing happened."""
        if duty == "create":
            row.list_first = stored
        elif duty == "confirm":
            self.on_confirm_unknown(row)
        elif duty in ("capture", "refund"):
            row.hint = True
        if stored and duty != "create":
            row.tries += 1

    def on_confirm_unknown(self, row: Payment) -> None:
        row.state = "unknown"

    def _learn(self, row: Payment, answer: Answer) -> None:
        """Write what the processor says; never backwards."""
        status = answer.state
        if status == "succeeded":
            if row.state != "captured":
                row.state = "captured"
                self._emit("PaymentCaptured", row)
            if answer.refunded:
                row.state = "refunded"
                self._emit("PaymentRefunded", row)
        elif row.state in ("captured", "refunded"):
            return
        elif status == "canceled":
            if row.state == "declined":
                row.closed = True
            elif self.verdicts[row.order].payment == row.id and not row.void_wanted:
                row.state = "capture_failed"
                self._emit("PaymentCaptureFailed", row)
            else:
                row.state = "voided"
                self._emit("PaymentVoided", row)
        elif status == "requires_capture":
            if row.state != "authorized":
                row.state = "authorized"
                self._emit("PaymentAuthorized", row)
        elif row.state == "authorized":
            return
        elif status == "requires_action":
            row.state = "action_required"
        elif status == "requires_payment_method":
            if row.state != "declined":
                row.state = "declined"
                self._emit("PaymentFailed", row)
        elif status == "requires_confirmation":
            row.state = "created"

    def of(self, order: str) -> list[Payment]:
        return [row for row in self.rows.values() if row.order == order]

    def _want_void(self, row: Payment) -> None:
        row.void_wanted = True
        row.version += 1

    def _emit(self, kind: str, row: Payment) -> None:
        self.world.bus.emit("payments", kind, row.order, payment=row.id, amount=AMOUNT)


def payment_id(order: str, attempt: int) -> str:
    """An attempt's id is fixed by the checkout and its number."""
    return f"{order}/pay{attempt}"


# --- checkout: the flow -----------------------------------------------------------------------------------------------


@dataclass
class Flow:
    """A row of the checkout. Ids of what it makes are fixed by its own."""

    id: str
    cart: str
    revision: int
    card: str
    due_at: int
    wish: str = ""
    state: str = "priced"
    replaces: tuple[str, ...] = ()
    """Earlier tries of the same shopper, whose orders it cancels and whose units it takes over, in this order."""
    counts_on: tuple[str, ...] = ()
    """Those of them that held their unit when this one was begun."""
    replaced_by: str = ""
    placing: bool = False
    """From here on its unit may be reserved, and its order be made, without our knowing."""
    no_order: bool = False
    """There is no order, nor will there be: what is reserved is to be released."""
    dearer: bool = False
    """The catalog asks for more by now than its shopper has agreed to."""
    attempt: int = 1
    undo: str = ""
    by_shopper: bool = False
    wake: bool = False
    epoch: int = 0
    lease_until: int = 0
    unknown_since: int = -1

    @property
    def reservation(self) -> str:
        return f"{self.id}/res"

    @property
    def order(self) -> str:
        return f"{self.id}/ord"


class Checkout(Node):
    """`priced -> paying -> (action_required | declined) -> completed`, or an undo. One that replaces an earlier try
    begins as `started`, and is `priced` when that has ended. Between `priced` and `paying` its unit is reserved and its
    order made: two calls, of which nothing is written before the second has been answered. Whoever drives the flow
    answers for the unit: the flow is taken over until it ends, and it ends with the order or by a release."""

    name = "checkout"
    UNDONE = frozenset({"failed", "cancelled", "expired"})
    NEXT_CALL: ClassVar[dict[str, str]] = {"reserve": "order"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.rows: dict[str, Flow] = {}
        self.between_calls: dict[str, Task] = {}

    # the shopper

    def post(self, cart: str, revision: int, card: str, wish: str = "") -> str:
        """`POST /checkout`: attach to what is there, if it is bought already or says the same; else a new try, which
        replaces the open one. `wish`: all that the shopper says beside cart and card."""
        here = [row for row in self.rows.values() if self.clashes(row, cart)]
        for row in here:
            if row.revision == revision and (row.state == "completed" or self.says_the_same(row, card, wish)):
                promise(row.state == "completed" or (row.card, row.wish) == (card, wish), "another-wish", (row, wish))
                return row.id
        new = Flow(f"chk{len(self.rows)}", cart, revision, card, self.world.now + DUE, wish)
        self.rows[new.id] = new
        for row in here:
            if row.state != "completed":
                self._replace(row, new)
        new.state = self.first_state(new)
        alive = {row.id for row in self.world.inventory.rows.values() if row.state == "reserved"}
        new.counts_on = tuple(
            id for id in new.replaces if self.rows[id].reservation in alive and not self.rows[id].undo
        )
        return new.id

    def clashes(self, row: Flow, cart: str) -> bool:
        """The partial unique indexes: one open try of a cart, one living or bought try of its revision."""
        return row.cart == cart and row.state not in self.UNDONE and not row.replaced_by

    def says_the_same(self, row: Flow, card: str, wish: str) -> bool:
        return (row.card, row.wish) == (card, wish)

    def first_state(self, new: Flow) -> str:
        return "started" if new.replaces else "priced"

    def _replace(self, row: Flow, new: Flow) -> None:
        """The flow of the old try ends here; the new one has its order cancelled and takes its unit. So it does with
        those that the old one was to replace and has not yet taken the units of."""
        taken_over = (*self.not_yet_taken(row), row.id)
        for id in taken_over:
            self.rows[id].replaced_by = new.id
        new.replaces += taken_over
        self._claim_by_request(row)

    def not_yet_taken(self, row: Flow) -> tuple[str, ...]:
        return row.replaces if row.state in ("started", "priced") else ()

    def retry(self, id: str, card: str) -> Answer:
        """`POST /checkout/{id}/payments`: claims the flow, so that a sleeping worker's write is fenced."""
        row = self.rows[id]
        if row.state not in ("declined", "action_required") or row.undo or row.replaced_by:
            return Answer(409, "payment_in_progress")
        row.attempt, row.card, row.state = row.attempt + 1, card, "paying"
        self._claim_by_request(row)
        return Answer(202)

    def cancel(self, id: str) -> Answer:
        """`POST /checkout/{id}/cancel`: the wish is written; the flow asks the order."""
        row = self.rows[id]
        if row.state == "completed":
            return Answer(409, "already_completed")
        if row.state not in self.UNDONE and not row.undo and not row.replaced_by:
            row.undo, row.by_shopper = "cancelled", True
            self._claim_by_request(row)
        return Answer(202)

    def confirm(self, id: str) -> None:
        """`POST /checkout/{id}/confirm`: the browser says that the challenge is over. A hint, no more."""
        self.rows[id].wake = True

    def reprice(self, id: str) -> None:
        """The catalog raises a price. Whoever places the order looks at it before they reserve."""
        self.rows[id].dearer = True

    def take(self, event: Event) -> None:
        row = self.rows[event.order.partition("/")[0]]
        if event.type == "OrderCancelled" and row.state not in self.UNDONE:
            self.on_order_cancelled(row)
        elif event.type in ("PaymentAuthorized", "PaymentFailed"):
            row.wake = True

    def on_order_cancelled(self, row: Flow) -> None:
        """Also a completed one: else its cart's revision could never be bought again."""
        if row.replaced_by and row.state != "completed":
            return  # whoever replaces it says so
        row.state = row.undo or "cancelled"
        self._claim_by_request(row)

    # the worker

    def read(self, id: str) -> Task | None:
        """Claim: only what has work, and whose lease is over. Raises the epoch."""
        row = self.rows[id]
        if (task := self.between_calls.pop(id, None)) is not None:
            if not self.fenced(row, task) and row.lease_until > self.world.now:
                return task
            self.world.asleep.append((self, task))  # taken over, or about to be, and it does not know
        if row.state in self.UNDONE or row.state == "completed" or row.replaced_by:
            return None
        if row.lease_until > self.world.now:
            return None
        if row.due_at <= self.world.now and not row.undo:
            row.undo = "expired"
        if row.state in ("action_required", "declined") and not row.wake and not row.undo:
            return None
        row.wake = False
        row.epoch += 1
        row.lease_until = self.world.now + LEASE
        duty = self.duty(row)
        if duty == "reserve" and row.dearer:
            self.on_refused(row)
            duty = self.duty(row)
        row.placing |= duty == "reserve"
        return Task(id, row.epoch, duty, seen=replace(row))

    def duty(self, row: Flow) -> str:
        if row.state == "started":
            return "replace"
        if row.undo:
            return self.undo(row)
        return "reserve" if row.state == "priced" else "pay"

    def on_refused(self, row: Flow) -> None:
        """What its shopper wants cannot be had. It does not end before it has given back what may be reserved: by the
        owner before this one, or by a call that was given up and is still under way."""
        row.undo = row.undo or "failed"

    def undo(self, row: Flow) -> str:
        return "release" if row.no_order or not row.placing else "cancel"

    def call(self, task: Task, fault: Fault) -> None:
        task.called = True
        row = task.seen
        assert isinstance(row, Flow)
        if fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER):
            fault = Fault.LOST_ANSWER
        task.answer = self.world.network.call(self._request(task.duty, row), fault)

    def _request(self, duty: str, row: Flow) -> Call:
        world = self.world
        earlier = tuple(self.rows[id].reservation for id in row.replaces if self.rows[id].state != "completed")
        calls: dict[str, Call] = {
            "replace": lambda: self.end_earlier(row),
            "reserve": lambda: world.inventory.reserve(row.reservation, earlier),
            "release": lambda: world.inventory.release(row.reservation, earlier),
            "order": lambda: world.orders.create(row.order, row.reservation, row.cart, row.revision),
            "pay": lambda: world.payments.create(row.order, row.attempt, row.card),
            "cancel": lambda: world.orders.cancel(row.order, row.undo, self.only_unpaid(row)),
        }
        return calls[duty]

    def end_earlier(self, row: Flow) -> Answer:
        """Cancels the order of each earlier try. One that was paid meanwhile stands, and is named."""
        answers = {id: self.world.orders.cancel(self.rows[id].order, REPLACED, True) for id in row.replaces}
        return Answer(200, ref=next((id for id, answer in answers.items() if answer.status == 409), ""))

    def only_unpaid(self, row: Flow) -> bool:
        return not row.by_shopper

    def fenced(self, row: Flow, task: Task) -> bool:
        """`WHERE id = $1 AND epoch = $2` matches nothing."""
        return row.epoch != task.fence

    def write(self, task: Task) -> None:
        row = self.rows[task.id]
        if self._goes_on(row, task):
            return
        if self.fenced(row, task):
            return
        row.lease_until = 0
        if task.answer is None:
            return
        ok, code = task.answer.status < 300, task.answer.code
        if task.duty == "replace":
            self._after_replace(row, task.answer.ref)
        elif task.duty == "reserve":
            self._check_own_unit(row, code)
            row.state = "priced"
            row.no_order = code == "out_of_stock"  # nothing is reserved by this id, so no order was made
            self.on_refused(row)
        elif task.duty == "release":
            row.state = row.undo
            for id in row.replaces:
                if self.rows[id].replaced_by == row.id and self.rows[id].state == "completed":
                    self.rows[id].replaced_by = ""
        elif task.duty == "order":
            row.state, row.undo = ("paying", row.undo) if ok else ("priced", "cancelled")
        elif task.duty == "cancel":
            # Undo walks back. What an order held, `OrderCancelled` releases; one that never was says nothing.
            row.no_order = ok and not task.answer.ref
            if not row.no_order:
                row.state, row.undo = (row.undo, row.undo) if ok else ("completed", "")
        else:
            self._after_pay(row, task.answer.state, code)

    def _goes_on(self, row: Flow, task: Task) -> bool:
        """Between two of the calls of one step nothing is written, and nobody looks whether the flow is still ours."""
        if task.answer is None or task.answer.status >= 300 or task.duty not in self.NEXT_CALL:
            return False
        task.duty, task.called, task.answer = self.NEXT_CALL[task.duty], False, None
        if self.fenced(row, task) or task.id in self.between_calls:
            self.world.asleep.append((self, task))
        else:
            self.between_calls[task.id] = task
        return True

    def _after_replace(self, row: Flow, bought: str) -> None:
        for id in row.replaces:
            if self.rows[id].state not in self.UNDONE:
                self.rows[id].state = "completed" if id == bought else "cancelled"
        row.state, row.undo = "priced", "failed" if bought else row.undo

    def _check_own_unit(self, row: Flow, code: str) -> None:
        """Nobody is refused for want of a unit that their own earlier try held, and that nobody else has ended."""
        for id in row.counts_on if code == "out_of_stock" else ():
            order = self.world.orders.rows.get(self.rows[id].order)
            let_go = order is not None and order.reason == REPLACED
            ended = self.world.inventory.rows[self.rows[id].reservation].state
            promise(not (let_go and ended == "released"), "own-unit-lost", (row, self.rows[id]))

    def _after_pay(self, row: Flow, state: str, code: str) -> None:
        if state in ("authorized", "captured"):
            row.state = "completed"
        elif state in ("action_required", "declined"):
            row.state = state
        elif code == "already_ended" or state in ("voided", "refunded", "capture_failed"):
            # Payments knows of a verdict that we have not heard: the order tells which.
            row.undo = "cancelled"
        else:
            row.state = "paying"
            if state == "unknown" and row.unknown_since < 0:
                row.unknown_since = self.world.now
                row.due_at = max(row.due_at, self.world.now + UNKNOWN_DUE)

    def _claim_by_request(self, row: Flow) -> None:
        row.epoch += 1
        row.lease_until = 0


# --- shipping and cart ------------------------------------------------------------------------------------------------


class Carrier:
    """Sells labels, one per key."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}

    def buy(self, key: str, order: str) -> Answer:
        self.labels.setdefault(key, order)
        return Answer(200, ref=key)


@dataclass
class Shipment:
    """Unique by order. `wanted -> cleared -> labelled`, `label_unknown` in between, or `dropped`."""

    order: str
    state: str = "wanted"
    version: int = 0


class Shipping(Node):
    """Asks the order before it buys."""

    name = "shipping"

    def __init__(self, world: World, carrier: Carrier) -> None:
        super().__init__(world)
        self.carrier = carrier
        self.rows: dict[str, Shipment] = {}

    def take(self, event: Event) -> None:
        row = self.rows.get(event.order)
        if event.type == "OrderPaid" and row is None:
            self.rows[event.order] = Shipment(event.order)
        elif event.type == "OrderCancelled" and row is None:
            self.rows[event.order] = Shipment(event.order, "dropped")
        elif event.type == "OrderCancelled" and row is not None and row.state == "wanted":
            row.state = "dropped"
            row.version += 1

    def read(self, id: str) -> Task | None:
        row = self.rows[id]
        duty = {"wanted": "ask", "cleared": "buy", "label_unknown": "buy"}.get(row.state, "")
        return Task(id, row.version, duty) if duty else None

    def call(self, task: Task, fault: Fault) -> None:
        task.called = True
        if fault in (Fault.ERROR_BEFORE, Fault.ERROR_AFTER):
            fault = Fault.LOST_ANSWER
        call: Call = (
            (lambda: self.ask(task.id)) if task.duty == "ask" else (lambda: self.carrier.buy(f"{task.id}/shp", task.id))
        )
        task.answer = self.world.network.call(call, fault)

    def ask(self, order: str) -> Answer:
        return self.world.orders.begin_fulfilment(order)

    def write(self, task: Task) -> None:
        row = self.rows[task.id]
        if row.version != task.fence:
            return
        if task.duty == "buy":
            row.state = "label_unknown" if task.answer is None else "labelled"
            if task.answer is not None:
                self.world.bus.emit("shipping", "ShipmentCreated", row.order)
        elif task.answer is None:
            return
        elif task.answer.status == 200:
            row.state = "cleared"
        elif task.answer.code == "already_ended":
            row.state = "dropped"
        row.version += 1


class Cart(Node):
    """Only what the protocol needs: a revision, renewed by every change."""

    name = "cart"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.revisions: dict[str, int] = defaultdict(int)

    def change(self, cart: str) -> None:
        self.revisions[cart] += 1

    def take(self, event: Event) -> None:
        if event.type == "OrderPaid":
            self.change(event.cart)


# --- the world --------------------------------------------------------------------------------------------------------


class World:
    """All nodes, one clock, and the promises. Variants replace a node's class by a broken one."""

    inventory_class: ClassVar[type[Inventory]] = Inventory
    orders_class: ClassVar[type[Orders]] = Orders
    payments_class: ClassVar[type[Payments]] = Payments
    checkout_class: ClassVar[type[Checkout]] = Checkout
    shipping_class: ClassVar[type[Shipping]] = Shipping

    def __init__(self, on_hand: int = 1, capture_on: str = "paid") -> None:
        self.now = 0
        self.capture_on = capture_on
        self.bus, self.network = Bus(), Network()
        self.processor, self.carrier = Processor(), Carrier()
        self.accepted: list[tuple[str, str]] = []
        self.inventory = self.inventory_class(self, on_hand)
        self.orders = self.orders_class(self)
        self.payments = self.payments_class(self, self.processor)
        self.checkout = self.checkout_class(self)
        self.shipping = self.shipping_class(self, self.carrier)
        self.cart = Cart(self)
        self.nodes: dict[str, Node] = {
            node.name: node
            for node in (self.orders, self.payments, self.inventory, self.shipping, self.checkout, self.cart)
        }
        self.asleep: list[tuple[Checkout | Payments | Shipping, Task]] = []

    # one thing happens

    def deliver(self, consumer: str, event: Event) -> None:
        """The next event of a key: effect, then offset."""
        self.nodes[consumer].hear(event)
        self.bus.commit(consumer, event)

    def advance(self, seconds: int) -> None:
        self.now += seconds

    def step(self, node: Checkout | Payments | Shipping, id: str, fault: Fault = Fault.NONE, stop: str = "") -> bool:
        """A worker takes a row: read, call, write. It falls asleep after the part that `stop` names. False: no work."""
        task = node.read(id)
        if task is None:
            return False
        if stop != "read":
            node.call(task, fault)
        if stop:
            self.asleep.append((node, task))
        else:
            node.write(task)
        return True

    def wake(self, index: int = 0, fault: Fault = Fault.NONE) -> None:
        """A sleeper goes on where it was, however stale."""
        node, task = self.asleep.pop(index)
        if not task.called:
            node.call(task, fault)
        node.write(task)

    def workers(self) -> Iterable[tuple[Checkout | Payments | Shipping, str]]:
        """Every row that a worker could take."""
        for node in (self.checkout, self.payments, self.shipping):
            for id in list(node.rows):
                yield node, id

    # until nothing happens any more

    def settle(self) -> None:
        """No more faults: everything under way arrives, everybody does what there is to do, the clock stands still."""
        while self.network.delayed:
            self.network.arrive()
        while self.asleep:
            self.wake()
        before = None
        for _ in range(60):
            if before == (before := self._states()):
                self._check_knowledge()
                return
            for consumer in self.nodes:
                for event in self.bus.waiting(consumer):
                    self.deliver(consumer, event)
            while self.processor.webhooks:
                self.payments.webhook(*self.processor.webhooks.pop())
            for node, id in self.workers():
                self.step(node, id)
            self.check()
        raise Violation("never-ends: it goes round in circles")

    def finish(self) -> None:
        """To the end of all timers, and the promises about the end."""
        self.settle()
        for _ in range(3):
            self.advance(LEASE)
            self.settle()
            self.advance(DUE + UNKNOWN_DUE)
            self.settle()
        self.check_end()

    def _states(self) -> tuple[object, ...]:
        return (
            [(f.state, f.attempt, f.undo, f.no_order, f.wake) for f in self.checkout.rows.values()],
            [task.duty for task in self.checkout.between_calls.values()],
            [(o.state, o.captured, o.refunded) for o in self.orders.rows.values()],
            [replace(p, version=0) for p in self.payments.rows.values()],
            [s.state for s in self.shipping.rows.values()],
            [r.state for r in self.inventory.rows.values()],
            len(self.bus.log),
            [len(self.bus.waiting(consumer)) for consumer in self.nodes],
            len(self.processor.webhooks),
        )

    # what is promised at every instant

    def check(self) -> None:
        self._check_stock()
        self._check_money()
        self._check_orders()

    def _check_stock(self) -> None:
        stock, states = self.inventory, [row.state for row in self.inventory.rows.values()]
        waiting, gone = states.count("reserved"), states.count("committed")
        promise(waiting + gone <= stock.initial, "two-holders", states)
        promise(stock.reserved == waiting and stock.on_hand == stock.initial - gone, "stock-ledger", vars(stock))
        promise(0 <= stock.reserved <= stock.on_hand, "stock-check", vars(stock))
        alive = {row.id for row in stock.rows.values() if row.state in ("reserved", "committed")}
        promise(not alive & stock.told_released, "revived", alive)
        bare = [o.id for o in self.orders.rows.values() if o.state != "cancelled" and o.reservation not in alive]
        promise(not bare, "order-without-unit", bare)
        sold = [o.id for o in self.orders.rows.values() if o.payment and o.state != "cancelled"]
        promise(len(sold) <= stock.initial, "sold-twice", sold)

    def _check_money(self) -> None:
        for order in {intent.order for intent in self.processor.intents.values()}:
            mine = [intent for intent in self.processor.intents.values() if intent.order == order]
            for intent in mine:
                promise(intent.refunded <= intent.captured <= AMOUNT, "money-bounds", intent)
                if intent.captured:
                    promise((order, intent.payment) in self.accepted, "captured-unaccepted", intent)
            promise(sum(intent.money for intent in mine) <= 1, "charged-twice", mine)
        for row in self.orders.rows.values():
            back = sum(i.refunded for i in self.processor.intents.values() if i.order == row.id)
            promise(row.refunded <= back, "refund-book", (row, back))

    def _check_orders(self) -> None:
        live: dict[tuple[str, int], str] = {}
        for flow in self.checkout.rows.values():
            order = self.orders.rows.get(flow.order)
            if flow.state in Checkout.UNDONE:
                promise(order is None or order.state == "cancelled", "undone-but-alive", (flow, order))
            elif not flow.replaced_by:
                key = (flow.cart, flow.revision)
                promise(key not in live, "one-cart-two-orders", (flow.id, live.get(key)))
                live[key] = flow.id
        for flow in self.checkout.rows.values():
            earlier = [self.checkout.rows[id] for id in flow.replaces]
            alive = [other.id for other in earlier if self._order_lives(other)]
            promise(not (alive and self._order_lives(flow)), "old-and-new-alive", (flow, alive))
        labelled = list(self.carrier.labels.values())
        for row in self.orders.rows.values():
            promise(labelled.count(row.id) <= 1, "two-labels", row)
            if row.state == "cancelled":
                promise(row.id not in labelled, "label-for-cancelled", row)
                promise(not (row.reason == "expired" and row.payment), "clock-took-paid-order", row)
            elif row.id in labelled and self.capture_on == "paid":
                taken = [i for i in self.processor.intents.values() if i.order == row.id and i.captured]
                promise(bool(taken), "label-without-money", row)

    def _order_lives(self, flow: Flow) -> bool:
        order = self.orders.rows.get(flow.order)
        return order is not None and order.state != "cancelled"

    def _check_knowledge(self) -> None:
        """Once all letters have arrived and all have acted, payments knows what the processor knows."""
        means = {
            "requires_action": {"action_required"},
            "requires_payment_method": {"declined"},
            "requires_capture": {"authorized", "capture_failed"},
            "succeeded": {"captured", "refunded"},
            "canceled": {"voided", "declined", "capture_failed"},
        }
        for row in self.payments.rows.values():
            if row.intent:
                intent = self.processor.intents[row.intent]
                promise(row.state in means.get(intent.status, set()), "payments-disagree", (row, intent))

    # what is promised in the end

    def check_end(self) -> None:
        self.check()
        for flow in self.checkout.rows.values():
            order = self.orders.rows.get(flow.order)
            promise(flow.state in Checkout.UNDONE or flow.state == "completed", "flow-unfinished", flow)
            if flow.state == "completed":
                promise(order is not None and order.state == "shipped", "completed-without-order", (flow, order))
        for row in self.orders.rows.values():
            promise(row.state in ("cancelled", "shipped"), "order-unfinished", row)
            self._check_end_money(row)
        for payment in self.payments.rows.values():
            self._check_end_payment(payment)
        for row_ in self.inventory.rows.values():
            promise(row_.state != "reserved", "kept-for-ever", row_)
        shipped = [row.id for row in self.orders.rows.values() if row.state == "shipped"]
        promise(self.inventory.on_hand == self.inventory.initial - len(shipped), "stock-end", shipped)
        promise(sorted(self.carrier.labels.values()) == sorted(shipped), "labels-end", shipped)

    def _check_end_money(self, row: Order) -> None:
        mine = [intent for intent in self.processor.intents.values() if intent.order == row.id]
        taken = [intent for intent in mine if intent.captured > intent.refunded]
        promise(row.refunded == sum(intent.refunded for intent in mine), "refund-book", row)
        if row.state == "cancelled":
            promise(not taken, "money-kept", mine)
        elif not row.flagged:
            exact = [(i.payment, i.captured - i.refunded) for i in taken] == [(row.payment, AMOUNT)]
            promise(exact, "money-missing", (row, mine))
        for intent in mine:
            # An unconfirmed orphan, whose secret nobody has, cannot take money.
            over = intent.status in ("succeeded", "canceled", "requires_confirmation") or row.flagged
            promise(over, "authorisation-left", intent)

    def _check_end_payment(self, payment: Payment) -> None:
        intent = self.processor.intents.get(payment.intent)
        status = (intent.status, intent.captured > 0, intent.refunded > 0) if intent else ("none", False, False)
        agrees = {
            "voided": status[0] in ("canceled", "none"),
            "declined": status[0] == "canceled",
            "captured": status == ("succeeded", True, False),
            "refunded": status == ("succeeded", True, True),
            "capture_failed": self.capture_on == "shipment",
        }
        promise(agrees.get(payment.state, False), "payments-disagree", (payment, intent))
