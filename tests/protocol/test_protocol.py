"""The protocol of one order is tried: by named stories, by a machine that interleaves everything, and by broken worlds.

- `test_story`: every story of `scenarios.py` keeps every promise of `model.World`.
- `TestInterleavings`: Hypothesis chooses clicks, faults, sleeps, deliveries and the clock; the promises hold after each
  step, and in the end.
- `test_the_promises_can_fail`: each world of `broken.py` breaks the promise that it is expected to break: proof that
  the promises have teeth. `test_the_machine_finds`: so does the machine, without being told where to look.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.protocol.broken import BROKEN, FOUND_BY_MACHINE
from tests.protocol.model import DUE, LEASE, RESERVATION, Checkout, Fault, Payments, Shipping, Violation, World
from tests.protocol.scenarios import STORIES, drive, pay

pytestmark = pytest.mark.unit

CARDS = st.sampled_from(["good", "good", "bad", "challenge", "challenge", "empty"])
CARTS = st.sampled_from(["ann", "ben"])
FAULTS = st.sampled_from([Fault.NONE, Fault.NONE, Fault.NONE, *Fault])
CONSUMERS = st.sampled_from(["orders", "payments", "inventory", "shipping", "checkout", "cart"])
PICK = st.integers(min_value=0, max_value=7)
MOST_CHECKOUTS = 4


@pytest.mark.parametrize("capture_on", ["paid", "shipment"])
@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, capture_on: str) -> None:
    STORIES[name](World(on_hand=1, capture_on=capture_on))


class Interleavings(RuleBasedStateMachine):
    """One unit or two, two carts, everything that can happen to them, in any order."""

    world_class: type[World] = World

    @initialize(on_hand=st.integers(1, 2), capture_on=st.sampled_from(["paid", "paid", "shipment"]))
    def open_the_shop(self, on_hand: int, capture_on: str) -> None:
        self.world = self.world_class(on_hand, capture_on)

    # shoppers, their tabs and the merchant

    @rule(cart=CARTS, card=CARDS)
    def click_buy(self, cart: str, card: str) -> None:
        if len(self.world.checkout.rows) < MOST_CHECKOUTS:
            self.world.checkout.post(cart, self.world.cart.revisions[cart], card)

    @rule(cart=CARTS, card=CARDS, steps=st.integers(3, 6), paying=st.integers(0, 3))
    def buy_undisturbed(self, cart: str, card: str, steps: int, paying: int) -> None:
        """A good way into the middle of things, where the interesting faults are."""
        if len(self.world.checkout.rows) < MOST_CHECKOUTS:
            flow = self.world.checkout.post(cart, self.world.cart.revisions[cart], card)
            drive(self.world, flow, steps)
            pay(self.world, flow, steps=paying)

    @rule(cart=CARTS)
    def change_cart(self, cart: str) -> None:
        self.world.cart.change(cart)

    @rule(pick=PICK, card=CARDS)
    def try_another_card(self, pick: int, card: str) -> None:
        if rows := list(self.world.checkout.rows):
            self.world.checkout.retry(rows[pick % len(rows)], card)

    @rule(pick=PICK)
    def cancel_checkout(self, pick: int) -> None:
        if rows := list(self.world.checkout.rows):
            self.world.checkout.cancel(rows[pick % len(rows)])

    @rule(pick=PICK)
    def cancel_order(self, pick: int) -> None:
        if rows := list(self.world.orders.rows.values()):
            row = rows[pick % len(rows)]
            self.world.orders.cancel(row.id, "merchant", only_unpaid=False)

    @rule(pick=PICK, act=st.sampled_from(["pass", "pass", "fail", "another"]))
    def act_in_the_browser(self, pick: int, act: str) -> None:
        if intents := list(self.world.processor.intents):
            self.world.processor.browser(intents[pick % len(intents)], act)

    @rule(pick=PICK)
    def say_that_the_challenge_is_over(self, pick: int) -> None:
        if rows := list(self.world.checkout.rows):
            self.world.checkout.confirm(rows[pick % len(rows)])

    @rule(pick=PICK)
    def authorisation_runs_out(self, pick: int) -> None:
        if intents := list(self.world.processor.intents):
            self.world.processor.bank_lets_go(intents[pick % len(intents)])

    # workers

    @rule(pick=PICK, fault=FAULTS)
    def step_a_flow(self, pick: int, fault: Fault) -> None:
        self._step(self.world.checkout, pick, fault, "")

    @rule(pick=PICK, fault=FAULTS)
    def step_a_payment(self, pick: int, fault: Fault) -> None:
        self._step(self.world.payments, pick, fault, "")

    @rule(pick=PICK, fault=FAULTS)
    def step_a_shipment(self, pick: int, fault: Fault) -> None:
        self._step(self.world.shipping, pick, fault, "")

    @rule(node=st.sampled_from(["checkout", "payments", "shipping"]), pick=PICK, stop=st.sampled_from(["read", "call"]))
    def fall_asleep(self, node: str, pick: int, stop: str) -> None:
        self._step(getattr(self.world, node), pick, Fault.NONE, stop)

    @rule(pick=PICK, fault=FAULTS)
    def wake_up(self, pick: int, fault: Fault) -> None:
        if self.world.asleep:
            self.world.wake(pick % len(self.world.asleep), fault)

    def _step(self, node: Checkout | Payments | Shipping, pick: int, fault: Fault, stop: str) -> None:
        if rows := list(node.rows):
            self.world.step(node, rows[pick % len(rows)], fault, stop)

    @rule(pick=PICK, fault=FAULTS)
    def tick(self, pick: int, fault: Fault) -> None:
        """Everybody does a little; one call of it is disturbed."""
        for number, (node, id) in enumerate(list(self.world.workers())):
            self.world.step(node, id, fault if number == pick else Fault.NONE)
        for consumer in self.world.nodes:
            for event in self.world.bus.waiting(consumer):
                self.world.deliver(consumer, event)

    # letters

    @rule(consumer=CONSUMERS, pick=PICK)
    def hear_the_next(self, consumer: str, pick: int) -> None:
        if waiting := self.world.bus.waiting(consumer):
            self.world.deliver(consumer, waiting[pick % len(waiting)])

    @rule(consumer=CONSUMERS)
    def hear_all(self, consumer: str) -> None:
        while waiting := self.world.bus.waiting(consumer):
            self.world.deliver(consumer, waiting[0])

    @rule(consumer=CONSUMERS, pick=PICK)
    def hear_again(self, consumer: str, pick: int) -> None:
        """The consumer died after its effect, or a relay woke and sent all of it once more."""
        if heard := self.world.bus.heard(consumer):
            self.world.nodes[consumer].hear(heard[-1 - pick % len(heard)])

    @rule(pick=PICK)
    def webhook_arrives(self, pick: int) -> None:
        if hooks := self.world.processor.webhooks:
            hook = hooks.pop(pick % len(hooks))
            self.world.processor.delivered.append(hook)
            self.world.payments.webhook(*hook)

    @rule(pick=PICK)
    def webhook_arrives_again(self, pick: int) -> None:
        if hooks := self.world.processor.delivered:
            self.world.payments.webhook(*hooks[pick % len(hooks)])

    @rule(pick=PICK)
    def late_call_arrives(self, pick: int) -> None:
        if self.world.network.delayed:
            self.world.network.arrive(pick % len(self.world.network.delayed))

    # the clock

    @rule(seconds=st.sampled_from([1, LEASE, LEASE, RESERVATION, DUE]))
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
    )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = bounded(120)


@pytest.mark.parametrize("name", BROKEN)
def test_the_promises_can_fail(name: str) -> None:
    broken = BROKEN[name]
    with pytest.raises(Violation, match=f"^({broken.promise}):"):
        STORIES[broken.story](broken.world(on_hand=1, capture_on=broken.capture_on))


@pytest.mark.parametrize("name", FOUND_BY_MACHINE)
def test_the_machine_finds(name: str) -> None:
    machine = type(f"Interleavings_{name}", (Interleavings,), {"world_class": BROKEN[name].world})
    with pytest.raises(Violation):
        run_state_machine_as_test(machine, settings=bounded(60, shrink=False))
