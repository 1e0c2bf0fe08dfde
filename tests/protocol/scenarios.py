"""Named stories about one order, each told to a `World` from its first click until nothing happens any more.

A story says only what the outside does: clicks, faults, delays, the clock. What the nodes make of it is for the world's
promises to judge. The same stories are told to the deliberately broken worlds of `broken.py`, hence no story asserts
what lies between: it would fail for the wrong reason.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.protocol.model import DUE, LEASE, Fault, World

Story = Callable[[World], None]

STORIES: dict[str, Story] = {}


def story(tell: Story) -> Story:
    """Enter a story under its name."""
    STORIES[tell.__name__] = tell
    return tell


def drive(world: World, flow: str, steps: int = 1) -> None:
    """The request drives the flow: so many steps without trouble."""
    for _ in range(steps):
        world.step(world.checkout, flow)


def pay(world: World, flow: str, attempt: int = 1, steps: int = 2) -> None:
    """Payments drives an attempt: 1 step creates the intent, 2 confirm it."""
    for _ in range(steps):
        if f"{flow}/ord/pay{attempt}" in world.payments.rows:
            world.step(world.payments, f"{flow}/ord/pay{attempt}")


def hear(world: World, consumer: str, kinds: str = "") -> None:
    """A consumer hears all that waits for it, or until an event that `kinds` does not name."""
    while waiting := [e for e in world.bus.waiting(consumer) if not kinds or e.type in kinds.split()]:
        world.deliver(consumer, waiting[0])


def late(world: World) -> None:
    """What was delayed arrives."""
    while world.network.delayed:
        world.network.arrive()


def to_paying(world: World, card: str = "good", cart: str = "cart") -> str:
    """A checkout whose unit is reserved, whose order stands, and whose first attempt is known to payments."""
    flow = world.checkout.post(cart, world.cart.revisions[cart], card)
    drive(world, flow, 3)
    return flow


def to_paid(world: World, card: str = "good") -> str:
    """A checkout whose order has accepted its payment; nobody has heard of it yet."""
    flow = to_paying(world, card)
    pay(world, flow)
    hear(world, "orders")
    return flow


@story
def all_is_well(world: World) -> None:
    to_paying(world)
    world.finish()


@story
def declined_then_another_card(world: World) -> None:
    flow = to_paying(world, "bad")
    pay(world, flow)
    drive(world, flow)
    world.checkout.retry(flow, "good")
    world.finish()


@story
def declined_and_never_again(world: World) -> None:
    pay(world, to_paying(world, "bad"))
    world.finish()


@story
def challenge_passed(world: World) -> None:
    flow = to_paying(world, "challenge")
    pay(world, flow)
    world.processor.browser("pi0", "pass")
    world.checkout.confirm(flow)
    world.finish()


@story
def challenge_abandoned(world: World) -> None:
    pay(world, to_paying(world, "challenge"))
    world.finish()


@story
def challenge_abandoned_order_cancelled_first(world: World) -> None:
    """The cancel is heard while the challenge is open; nothing more is ever heard of the intent."""
    flow = to_paying(world, "challenge")
    pay(world, flow)
    drive(world, flow)
    world.orders.cancel(f"{flow}/ord", "merchant", only_unpaid=False)
    hear(world, "payments")
    world.finish()


@story
def challenge_open_in_one_tab_another_card_in_the_other(world: World) -> None:
    flow = to_paying(world, "challenge")
    pay(world, flow)
    drive(world, flow)
    world.checkout.retry(flow, "good")
    drive(world, flow)
    world.processor.browser("pi0", "pass")
    drive(world, flow)
    pay(world, flow, attempt=2)
    world.check()
    world.finish()


@story
def failed_challenge_confirmed_again_by_the_browser(world: World) -> None:
    flow = to_paying(world, "challenge")
    pay(world, flow)
    world.processor.browser("pi0", "fail")
    world.settle()
    world.processor.browser("pi0", "another")
    world.finish()


@story
def authorised_without_an_answer_then_another_card(world: World) -> None:
    """The processor charges and says nothing; the shopper would try again."""
    flow = to_paying(world)
    pay(world, flow, steps=1)
    world.step(world.payments, f"{flow}/ord/pay1", Fault.LOST_ANSWER)
    drive(world, flow)
    world.checkout.retry(flow, "good")
    drive(world, flow)
    pay(world, flow, attempt=2)
    world.check()
    world.finish()


@story
def stored_errors_all_the_way(world: World) -> None:
    """Every keyed call meets a 500 that is replayed, once before and once after its effect."""
    flow = to_paying(world)
    for fault in (Fault.ERROR_BEFORE, Fault.NONE, Fault.ERROR_AFTER, Fault.NONE) * 4:
        world.step(world.payments, f"{flow}/ord/pay1", fault)
        hear(world, "orders")
        hear(world, "payments")
        world.check()
    world.finish()


@story
def created_twice_because_the_first_answer_was_late(world: World) -> None:
    """Create is delayed, repeated, answered by a stored 500, listed: whatever comes, one intent is confirmed."""
    flow = to_paying(world)
    for fault in (Fault.LOST_ANSWER, Fault.DELAYED, Fault.NONE, Fault.LOST_ANSWER):
        world.step(world.payments, f"{flow}/ord/pay1", fault)
    world.finish()


@story
def cancelled_while_authorising(world: World) -> None:
    """The authorisation is known to payments, the cancel to orders; neither has heard the other."""
    flow = to_paying(world)
    pay(world, flow)
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    world.step(world.payments, f"{flow}/ord/pay1")
    world.check()
    world.finish()


@story
def confirm_takes_effect_after_the_cancel(world: World) -> None:
    flow = to_paying(world)
    pay(world, flow, steps=1)
    world.step(world.payments, f"{flow}/ord/pay1", Fault.DELAYED)
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    hear(world, "payments")
    late(world)
    world.finish()


@story
def captured_without_an_answer_then_cancelled(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1", Fault.LOST_ANSWER)
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    world.finish()


@story
def capture_takes_effect_after_the_cancel(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1", Fault.DELAYED)
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    hear(world, "payments")
    late(world)
    world.finish()


@story
def capture_refused_for_good(world: World) -> None:
    """While shipping is in a hurry."""
    flow = to_paid(world, "empty")
    hear(world, "shipping")
    for _ in range(2):
        world.step(world.shipping, f"{flow}/ord")
    world.check()
    world.finish()


@story
def the_bank_lets_the_authorisation_go(world: World) -> None:
    to_paid(world)
    world.processor.bank_lets_go("pi0")
    world.finish()


@story
def refund_heard_twice(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1")
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    world.settle()
    for event in world.bus.heard("orders"):
        world.nodes["orders"].hear(event)
        world.check()
    world.finish()


@story
def the_bus_stands_still_for_an_hour(world: World) -> None:
    """A unit is reserved, its money authorised, and no event moves; another shopper wants the unit."""
    flow = to_paying(world)
    pay(world, flow)
    drive(world, flow)
    world.advance(4 * DUE)
    drive(world, world.checkout.post("other", 0, "good"), 3)
    world.check()
    world.finish()


@story
def cancelled_while_the_label_is_bought(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1")
    hear(world, "orders")
    hear(world, "shipping")
    world.step(world.shipping, f"{flow}/ord")
    world.step(world.shipping, f"{flow}/ord", stop="read")
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    world.wake()
    world.check()
    world.finish()


@story
def cancelled_before_shipping_has_heard(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1")
    hear(world, "orders")
    world.orders.cancel(f"{flow}/ord", "shopper", only_unpaid=False)
    hear(world, "shipping", "OrderPaid OrderCreated")
    for _ in range(2):
        world.step(world.shipping, f"{flow}/ord")
    world.check()
    world.finish()


@story
def label_without_an_answer(world: World) -> None:
    flow = to_paid(world)
    hear(world, "payments")
    world.step(world.payments, f"{flow}/ord/pay1")
    hear(world, "orders")
    hear(world, "shipping")
    world.step(world.shipping, f"{flow}/ord")
    for fault in (Fault.LOST_ANSWER, Fault.DELAYED, Fault.DOUBLED):
        world.step(world.shipping, f"{flow}/ord", fault)
    world.finish()


@story
def the_owner_wakes_with_stale_news(world: World) -> None:
    """It learnt `out of stock`, slept, was taken over, and wakes after the flow has succeeded. A second click."""
    holder = world.checkout.post("other", 0, "good")
    drive(world, holder)
    flow = world.checkout.post("cart", 0, "good")
    world.step(world.checkout, flow, stop="call")
    world.checkout.cancel(holder)
    drive(world, holder, 2)
    world.advance(LEASE)
    drive(world, flow, 3)
    pay(world, flow)
    drive(world, flow)
    world.wake()
    world.check()
    world.checkout.post("cart", 0, "good")
    world.finish()


@story
def the_owner_wakes_before_its_order_call(world: World) -> None:
    """Taken over, cancelled by the successor, and only then the first owner creates the order."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, stop="read")
    world.advance(LEASE)
    world.checkout.cancel(flow)
    drive(world, flow)
    world.wake()
    world.check()
    world.finish()


@story
def the_order_is_cancelled_while_the_owner_sleeps_over_good_news(world: World) -> None:
    flow = to_paid(world)
    world.step(world.checkout, flow, stop="call")
    world.orders.cancel(f"{flow}/ord", "merchant", only_unpaid=False)
    hear(world, "checkout")
    world.wake()
    world.finish()


@story
def the_order_arrives_after_its_undo(world: World) -> None:
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, Fault.DELAYED)
    world.checkout.cancel(flow)
    drive(world, flow)
    late(world)
    world.check()
    world.finish()


@story
def the_reserve_arrives_after_its_release(world: World) -> None:
    """A first owner reserves late, in a flow that has long been given up."""
    flow = world.checkout.post("cart", 0, "good")
    world.step(world.checkout, flow, Fault.DELAYED)
    world.checkout.cancel(flow)
    drive(world, flow, 2)
    late(world)
    world.check()
    world.finish()


@story
def the_payment_arrives_after_its_undo(world: World) -> None:
    """Payments hears of the cancel before it hears of the payment, which then wants a challenge."""
    flow = world.checkout.post("cart", 0, "challenge")
    drive(world, flow, 2)
    world.step(world.checkout, flow, Fault.DELAYED)
    world.checkout.cancel(flow)
    drive(world, flow)
    hear(world, "payments")
    late(world)
    pay(world, flow)
    world.finish()


@story
def the_refused_reserve_arrives_late(world: World) -> None:
    """A first call is given up, the second is told that nothing is left; then a unit is there, and the first comes."""
    holder = world.checkout.post("other", 0, "good")
    drive(world, holder)
    flow = world.checkout.post("cart", 0, "good")
    world.step(world.checkout, flow, Fault.DELAYED)
    drive(world, flow, 3)
    world.checkout.cancel(holder)
    drive(world, holder, 2)
    late(world)
    world.check()
    world.finish()


@story
def the_owner_dies_between_reserve_and_order(world: World) -> None:
    """Nobody comes by for a day; another shopper wants the unit meanwhile."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, stop="read")
    world.advance(86_400)
    drive(world, world.checkout.post("other", 0, "good"), 3)
    world.check()
    world.finish()


@story
def the_owner_dies_between_order_and_its_note(world: World) -> None:
    """The order stands, and nobody has written it down. Who takes over finds both as they were left."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, Fault.LOST_ANSWER)
    world.advance(LEASE)
    drive(world, flow, 3)
    pay(world, flow)
    world.check()
    world.finish()


@story
def the_order_is_cancelled_before_it_is_written_down(world: World) -> None:
    """Its unit is on sale again, and bought, when its owner comes to write."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, stop="call")
    world.orders.cancel(f"{flow}/ord", "merchant", only_unpaid=False)
    hear(world, "inventory")
    drive(world, world.checkout.post("other", 0, "good"), 3)
    world.wake()
    world.check()
    world.finish()


@story
def the_price_rises_after_the_reserve(world: World) -> None:
    """Who takes over is refused before the call that its predecessor has made."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.checkout.reprice(flow)
    world.advance(LEASE)
    drive(world, flow, 3)
    world.finish()


@story
def two_tabs_on_one_revision(world: World) -> None:
    first = world.checkout.post("cart", 0, "good")
    drive(world, first, 2)
    world.checkout.post("cart", 0, "good")
    world.check()
    world.finish()


@story
def time_is_up_just_after_the_order_is_paid(world: World) -> None:
    """The owner died between the authorisation and its note; who takes over finds `due_at` past."""
    to_paid(world)
    world.advance(DUE + LEASE)
    world.finish()


@story
def cancelled_between_completed_and_paid(world: World) -> None:
    """The shopper was told `completed`, the merchant cancels before the event arrives; the cart can be bought again."""
    flow = to_paying(world)
    pay(world, flow)
    drive(world, flow)
    world.orders.cancel(f"{flow}/ord", "merchant", only_unpaid=False)
    world.settle()
    world.checkout.post("cart", world.cart.revisions["cart"], "good")
    world.finish()


@story
def challenge_passed_while_the_first_look_was_under_way(world: World) -> None:
    """A worker retrieves `requires_action`, sleeps over the webhook of the success, and wakes."""
    flow = to_paying(world, "challenge")
    pay(world, flow)
    world.payments.webhook(*world.processor.webhooks.pop())
    world.step(world.payments, f"{flow}/ord/pay1", stop="call")
    world.processor.browser("pi0", "pass")
    world.payments.webhook(*world.processor.webhooks.pop())
    world.wake()
    world.finish()


# --- another wish -----------------------------------------------------------------------------------------------------


def another_wish(world: World, wish: str = "another address", card: str = "good", cart: str = "cart") -> str:
    """The shopper asks for something else while a try of theirs is open."""
    return world.checkout.post(cart, world.cart.revisions[cart], card, wish)


@story
def another_address_after_a_decline(world: World) -> None:
    flow = to_paying(world, "bad")
    pay(world, flow)
    drive(world, flow)
    another_wish(world)
    world.finish()


@story
def another_wish_while_others_want_the_last_unit(world: World) -> None:
    """Inventory hears that the old order is cancelled before the new try has come to its reserve."""
    flow = to_paying(world, "bad")
    pay(world, flow)
    drive(world, flow)
    new = another_wish(world)
    drive(world, new)
    hear(world, "inventory")
    drive(world, world.checkout.post("other", 0, "good"), 3)
    drive(world, new, 3)
    world.check()
    world.finish()


@story
def another_wish_during_a_challenge_that_is_passed_then(world: World) -> None:
    flow = to_paying(world, "challenge")
    pay(world, flow)
    drive(world, flow)
    new = another_wish(world)
    drive(world, new)
    world.processor.browser("pi0", "pass")
    world.settle()
    drive(world, new, 3)
    world.finish()


@story
def another_wish_when_the_first_is_paid_already(world: World) -> None:
    """The authorisation is with orders, and checkout has not heard of it: the first try stands."""
    to_paid(world)
    new = another_wish(world)
    drive(world, new, 3)
    world.check()
    another_wish(world, "yet another address")
    world.finish()


@story
def another_wish_whose_first_was_paid_and_cancelled_unheard(world: World) -> None:
    """People cancel the paid order before the new try comes to it; inventory hears of neither until all is over."""
    flow = to_paying(world)
    pay(world, flow)
    new = another_wish(world)
    hear(world, "orders")
    world.orders.cancel(f"{flow}/ord", "merchant", only_unpaid=False)
    drive(world, new, 2)
    world.finish()


@story
def another_wish_while_the_bank_is_asked(world: World) -> None:
    flow = to_paying(world)
    world.step(world.checkout, flow, stop="call")
    new = another_wish(world)
    drive(world, new, 3)
    pay(world, flow)
    world.wake()
    world.check()
    world.finish()


@story
def another_wish_and_then_another(world: World) -> None:
    """The second try dies before it has taken over anything: the third takes over both."""
    flow = to_paying(world, "bad")
    pay(world, flow)
    second = another_wish(world, "second")
    drive(world, second)
    third = another_wish(world, "third")
    world.checkout.cancel(third)
    world.finish()


@story
def another_wish_while_the_first_reserves(world: World) -> None:
    """The first owner's calls arrive after the second try has taken its place."""
    flow = world.checkout.post("cart", 0, "good")
    world.step(world.checkout, flow, Fault.DELAYED)
    new = another_wish(world)
    drive(world, new, 2)
    late(world)
    world.check()
    world.finish()


@story
def another_wish_whose_take_over_has_no_answer(world: World) -> None:
    flow = to_paying(world, "bad")
    pay(world, flow)
    second = another_wish(world, "second")
    drive(world, second)
    world.step(world.checkout, second, Fault.LOST_ANSWER)
    third = another_wish(world, "third")
    drive(world, world.checkout.post("other", 0, "good"), 3)
    drive(world, third, 3)
    world.finish()


@story
def another_wish_whose_order_comes_late(world: World) -> None:
    """The order of the first is made after the second has had it cancelled, and nobody takes its unit over."""
    flow = world.checkout.post("cart", 0, "good")
    drive(world, flow)
    world.step(world.checkout, flow, Fault.DELAYED)
    new = another_wish(world)
    drive(world, new)
    late(world)
    world.checkout.cancel(new)
    world.finish()
