"""The protocol of one order is tried: by named stories, by a machine that interleaves everything, and by broken worlds.

- `test_story`: every story of `scenarios.py` keeps every promise of `model.World`.
- `TestInterleavings`: Hypothesis chooses clicks, faults, sleeps, deliveries and the clock; the promises hold after each
  step, and in the end.
- `test_the_promises_can_fail`: each world of `broken.py` breaks the promise that it is expected to break: proof that
  the promises have teeth. `test_the_machine_finds`: so does the machine, without being told where to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.protocol.broken import BROKEN, FOUND_BY_MACHINE
from tests.protocol.model import DUE, LEASE, Checkout, Fault, Payments, Shipping, Violation, World
from tests.protocol.scenarios import STORIES, drive, pay

pytestmark = pytest.mark.unit

T = TypeVar("T")

CARDS = st.sampled_from(["good", "good", "bad", "challenge", "challenge", "empty"])
CARTS = st.sampled_from(["ann", "ben"])
WISHES = st.sampled_from(["", "", "another address"])
FAULTS = st.sampled_from([Fault.NONE] * 6 + list(Fault))
CONSUMERS = st.sampled_from(["orders", "payments", "inventory", "shipping", "checkout", "cart"])
STOPS = st.sampled_from(["read", "call", "call"])
PICK = st.integers(min_value=0, max_value=7)
MOST_CHECKOUTS = 4


@pytest.mark.parametrize("capture_on", ["paid", "shipment"])
@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, capture_on: str) -> None:
    STORIES[name](World(on_hand=1, capture_on=capture_on))


def one(things: Iterable[T], pick: int) -> T:
    """The newest for 0, then the older ones, round and round."""
    listed = list(things)
    return listed[-1 - pick % len(listed)]


class Interleavings(RuleBasedStateMachine):
    """One to three units, two carts, everything that can happen to them, in any order."""

    world_class: type[World] = World

    @initialize(on_hand=st.integers(1, 3), capture_on=st.sampled_from(["paid", "paid", "shipment"]))
    def open_the_shop(self, on_hand: int, capture_on: str) -> None:
        self.world = self.world_class(on_hand, capture_on)

    # shoppers, their tabs and the merchant

    @precondition(lambda self: len(self.world.checkout.rows) < MOST_CHECKOUTS)
    @rule(cart=CARTS, card=CARDS, wish=WISHES, steps=st.integers(0, 5), paying=st.integers(0, 3))
    def click_buy(self, cart: str, card: str, wish: str, steps: int, paying: int) -> None:
        """A click, and so many steps undisturbed: a good way into the middle of things. If a try of this cart is
        open, it is a repeat of that or replaces it."""
        flow = self.world.checkout.post(cart, self.world.cart.revisions[cart], card, wish)
        drive(self.world, flow, steps)
        pay(self.world, flow, steps=paying)

    @precondition(lambda self: self.waiting_flows())
    @rule(pick=PICK, card=CARDS)
    def try_another_card(self, pick: int, card: str) -> None:
        self.world.checkout.retry(one(self.waiting_flows(), pick), card)

    @precondition(lambda self: self.open_intents())
    @rule(pick=PICK, act=st.sampled_from(["pass", "pass", "fail", "another"]))
    def act_in_the_browser(self, pick: int, act: str) -> None:
        self.world.processor.browser(one(self.open_intents(), pick), act)

    @precondition(lambda self: self.world.checkout.rows)
    @rule(kind=st.sampled_from(["cart", "checkout", "order", "order", "order", "bank", "confirm"]), pick=PICK)
    def meddle(self, kind: str, pick: int) -> None:
        """Rarer things, as one rule: else hardly an order would live."""
        world = self.world
        if kind == "cart":
            world.cart.change(one(world.checkout.rows.values(), pick).cart)
        elif kind == "checkout":
            world.checkout.cancel(one(world.checkout.rows, pick))
        elif kind == "order" and world.orders.rows:
            world.orders.cancel(one(world.orders.rows, pick), "merchant", only_unpaid=False)
        elif kind == "bank" and world.processor.intents:
            world.processor.bank_lets_go(one(world.processor.intents, pick))
        elif kind == "confirm":
            world.checkout.confirm(one(world.checkout.rows, pick))

    @precondition(lambda self: self.unplaced_flows())
    @rule(pick=PICK, seconds=st.sampled_from([0, LEASE]))
    def price_rises(self, pick: int, seconds: int) -> None:
        """Of something that may be reserved; perhaps its owner does not live to see it."""
        self.world.checkout.reprice(one(self.unplaced_flows(), pick))
        self.world.advance(seconds)

    # workers

    @precondition(lambda self: self.living_flows())
    @rule(pick=PICK, fault=FAULTS)
    def step_a_flow(self, pick: int, fault: Fault) -> None:
        self.world.step(self.world.checkout, one(self.living_flows(), pick), fault)

    @precondition(lambda self: self.busy_payments())
    @rule(pick=PICK, fault=FAULTS)
    def step_a_payment(self, pick: int, fault: Fault) -> None:
        self.world.step(self.world.payments, one(self.busy_payments(), pick), fault)

    @precondition(lambda self: self.busy_shipments())
    @rule(pick=PICK, fault=FAULTS)
    def step_a_shipment(self, pick: int, fault: Fault) -> None:
        self.world.step(self.world.shipping, one(self.busy_shipments(), pick), fault)

    @precondition(lambda self: self.living_flows())
    @rule(pick=PICK, stop=STOPS)
    def fall_asleep_over_a_flow(self, pick: int, stop: str) -> None:
        self.world.step(self.world.checkout, one(self.living_flows(), pick), stop=stop)

    @precondition(lambda self: self.busy_payments() or self.busy_shipments())
    @rule(pick=PICK, stop=STOPS)
    def fall_asleep_elsewhere(self, pick: int, stop: str) -> None:
        world = self.world
        busy: list[tuple[Payments | Shipping, str]] = [(world.payments, id) for id in self.busy_payments()] + [
            (world.shipping, id) for id in self.busy_shipments()
        ]
        node, id = one(busy, pick)
        world.step(node, id, stop=stop)

    @precondition(lambda self: self.world.asleep)
    @rule(pick=PICK, fault=FAULTS)
    def wake_up(self, pick: int, fault: Fault) -> None:
        self.world.wake(pick % len(self.world.asleep), fault)

    @rule(pick=PICK, fault=FAULTS, hear=CONSUMERS)
    def tick(self, pick: int, fault: Fault, hear: str) -> None:
        """Every worker takes a step, one of their calls is disturbed, and one consumer catches up."""
        self.hear_all(hear)
        for number, (node, id) in enumerate(list(self.world.workers())):
            self.world.step(node, id, fault if number == pick else Fault.NONE)

    # letters

    @precondition(lambda self: self.world.bus.log)
    @rule(consumer=CONSUMERS, pick=PICK)
    def hear_the_next(self, consumer: str, pick: int) -> None:
        if waiting := self.world.bus.waiting(consumer):
            self.world.deliver(consumer, one(waiting, pick))

    @precondition(lambda self: self.world.bus.log)
    @rule(consumer=CONSUMERS)
    def hear_all(self, consumer: str) -> None:
        while waiting := self.world.bus.waiting(consumer):
            self.world.deliver(consumer, waiting[0])

    @precondition(lambda self: self.world.bus.log)
    @rule(consumer=CONSUMERS, pick=PICK)
    def hear_again(self, consumer: str, pick: int) -> None:
        """The consumer died after its effect, or a relay woke and sent it all once more."""
        if heard := self.world.bus.heard(consumer):
            self.world.nodes[consumer].hear(one(heard, pick))

    @precondition(lambda self: self.world.processor.webhooks)
    @rule(pick=PICK, twice=st.booleans())
    def webhook_arrives(self, pick: int, twice: bool) -> None:
        hook = one(self.world.processor.webhooks, pick)
        self.world.payments.webhook(*hook)
        if not twice:
            self.world.processor.webhooks.remove(hook)

    @precondition(lambda self: self.world.network.delayed)
    @rule(pick=PICK)
    def late_call_arrives(self, pick: int) -> None:
        self.world.network.arrive(pick % len(self.world.network.delayed))

    # whom there is to choose from

    def living_flows(self) -> list[str]:
        ended = {*Checkout.UNDONE, "completed"}
        rows = self.world.checkout.rows.values()
        return [row.id for row in rows if row.state not in ended and not row.replaced_by]

    def unplaced_flows(self) -> list[str]:
        rows = self.world.checkout.rows.values()
        return [row.id for row in rows if row.state == "priced" and row.placing and not row.dearer and not row.undo]

    def waiting_flows(self) -> list[str]:
        return [row.id for row in self.world.checkout.rows.values() if row.state in ("action_required", "declined")]

    def open_intents(self) -> list[str]:
        ended = ("canceled", "succeeded", "requires_capture")
        return [i.id for i in self.world.processor.intents.values() if i.secret_given and i.status not in ended]

    def busy_payments(self) -> list[str]:
        return [row.id for row in self.world.payments.rows.values() if self.world.payments.duty(row)]

    def busy_shipments(self) -> list[str]:
        return [row.order for row in self.world.shipping.rows.values() if row.state not in ("labelled", "dropped")]

    # the clock

    @rule(seconds=st.sampled_from([1, LEASE, LEASE, LEASE, DUE]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


def bounded(examples: int, *, shrink: bool = True) -> settings:
    """The same examples in every run, no example database, no deadline on a slow core."""
    return settings(
        max_examples=examples,
        stateful_step_count=50,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = bounded(400)


@pytest.mark.parametrize("name", BROKEN)
def test_the_promises_can_fail(name: str) -> None:
    broken = BROKEN[name]
    with pytest.raises(Violation, match=f"^({broken.promise}):"):
        STORIES[broken.story](broken.world(on_hand=1, capture_on=broken.capture_on))


@pytest.mark.parametrize("name", FOUND_BY_MACHINE)
def test_the_machine_finds(name: str) -> None:
    machine = type(f"Interleavings_{name}", (Interleavings,), {"world_class": BROKEN[name].world})
    with pytest.raises(Violation):
        run_state_machine_as_test(machine, settings=bounded(300, shrink=False))
