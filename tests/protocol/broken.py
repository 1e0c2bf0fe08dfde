"""Worlds that are wrong on purpose, each by one thought that looks reasonable, and the promise that each breaks.

A promise that no broken world breaks proves nothing. `BROKEN` says for each: the story that shows it, and the promise
that must fail. `FOUND_BY_MACHINE` lists those that the interleaving machine finds by itself within its small budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tests.protocol.model import (
    Answer,
    Checkout,
    Event,
    Flow,
    Inventory,
    Order,
    Orders,
    Payment,
    Payments,
    Reservation,
    Shipping,
    Task,
    Verdict,
    World,
)


@dataclass(frozen=True)
class Broken:
    """A wrong world, the story that shows it, the promise that breaks."""

    world: type[World]
    story: str
    promise: str
    capture_on: str = "paid"


BROKEN: dict[str, Broken] = {}


def breaks(story: str, promise: str, capture_on: str = "paid") -> Callable[[type[World]], type[World]]:
    """Enter a world under its name, with the story that shows it and the promise (a pattern) that must fail."""

    def enter(world: type[World]) -> type[World]:
        BROKEN[world.__name__] = Broken(world, story, promise, capture_on)
        return world

    return enter


# --- inventory --------------------------------------------------------------------------------------------------------


class _Lapsing(Inventory):
    LAPSES: ClassVar[int] = 900

    def __init__(self, world: World, on_hand: int) -> None:
        super().__init__(world, on_hand)
        self.since: dict[str, int] = {}

    def reserve(self, id: str, instead_of: tuple[str, ...] = ()) -> Answer:
        self.since.setdefault(id, self.world.now)
        return super().reserve(id, instead_of)

    def sweep(self) -> None:
        for row in self.rows.values():
            if row.state == "reserved" and self.since[row.id] + self.LAPSES <= self.world.now:
                self._end(row, "released")


@breaks("the_bus_stands_still_for_an_hour", "order-without-unit")
class AClockEndsReservations(World):
    """What was reserved a quarter of an hour ago, and is not paid, goes back on sale by itself."""

    inventory_class = _Lapsing

    def advance(self, seconds: int) -> None:
        super().advance(seconds)
        assert isinstance(self.inventory, _Lapsing)
        self.inventory.sweep()


class _NoStockTombstone(Inventory):
    def bury(self, id: str) -> None:
        """Nothing to release, nothing to remember."""


@breaks("the_reserve_arrives_after_its_release", "revived")
class NoTombstoneInInventory(World):
    """Releasing what is not known leaves no trace."""

    inventory_class = _NoStockTombstone


class _KnowsOnlyEvents(Inventory):
    def may_be_heard_late(self, row: Reservation) -> bool:
        return row.state == "committed"


@breaks("another_wish_whose_first_was_paid_and_cancelled_unheard", "paid-without-stock")
class AFreedReservationWasNeverPaid(World):
    """A paid order whose reservation has ended is always a case for people."""

    inventory_class = _KnowsOnlyEvents


# --- orders -----------------------------------------------------------------------------------------------------------


class _NoOrderTombstone(Orders):
    def bury(self, id: str, reason: str) -> None:
        """Nothing to cancel, nothing to remember."""


@breaks("the_order_arrives_after_its_undo", "order-without-unit")
class NoTombstoneInOrders(World):
    """Cancelling an order that is not known leaves no trace."""

    orders_class = _NoOrderTombstone


class _CancelsFulfilling(Orders):
    CANCELLABLE: ClassVar[frozenset[str]] = frozenset({"created", "paid", "fulfilling"})


@breaks("cancelled_while_the_label_is_bought", "label-for-cancelled")
class CancelsWhileFulfilling(World):
    """An order may still be cancelled after shipping has asked."""

    orders_class = _CancelsFulfilling


class _FulfilsUnpaid(Orders):
    def may_fulfil(self, row: Order) -> bool:
        return True


@breaks("capture_refused_for_good", "label-without-money")
class FulfilsBeforeCapture(World):
    """Goods may leave before the money is in."""

    orders_class = _FulfilsUnpaid


class _NoInbox(Orders):
    def known(self, event: Event) -> bool:
        return False


@breaks("refund_heard_twice", "refund-book")
class NoInbox(World):
    """Events take effect as often as they come."""

    orders_class = _NoInbox


class _CancelledCanBePaid(Orders):
    def take(self, event: Event) -> None:
        row = self.rows[event.order]
        if event.type == "PaymentAuthorized" and row.state == "cancelled":
            row.state = "created"
        super().take(event)


@breaks("cancelled_while_authorising", "order-without-unit")
class MoneyRevivesTheOrder(World):
    """A late authorisation brings a cancelled order back: the shopper has paid, after all."""

    orders_class = _CancelledCanBePaid


# --- payments ---------------------------------------------------------------------------------------------------------


class _CapturesAtOnce(Payments):
    def may_capture(self, row: Payment) -> bool:
        return True


@breaks("cancelled_while_authorising", "captured-unaccepted")
class CapturesAtAuthorise(World):
    """Money is taken as soon as it can be."""

    payments_class = _CapturesAtOnce


class _NoPaymentTombstone(Payments):
    def forbids(self, verdict: Verdict) -> bool:
        return False


@breaks("the_payment_arrives_after_its_undo", "authorisation-left|payments-disagree")
class NoTombstoneInPayments(World):
    """An order's end is applied to the attempts that are known, and forgotten."""

    payments_class = _NoPaymentTombstone


class _VoidsOnlyAuthorised(Payments):
    def on_cancelled(self, row: Payment) -> None:
        if row.state in ("authorized", "captured"):
            self._want_void(row)


@breaks("challenge_abandoned_order_cancelled_first", "authorisation-left|payments-disagree")
class VoidsOnlyWhatIsAuthorised(World):
    """A void for an attempt that is not authorised yet is ignored."""

    payments_class = _VoidsOnlyAuthorised


class _UnknownIsDeclined(Payments):
    def on_confirm_unknown(self, row: Payment) -> None:
        row.state, row.closed = "declined", True


@breaks("authorised_without_an_answer_then_another_card", "charged-twice")
class UnknownIsDeclined(World):
    """No answer from the processor: no money has moved, surely."""

    payments_class = _UnknownIsDeclined


class _ManyAttempts(Payments):
    def in_the_way(self, other: Payment) -> bool:
        return False


@breaks("challenge_open_in_one_tab_another_card_in_the_other", "charged-twice")
class AttemptsSideBySide(World):
    """One live payment per attempt, but several live attempts per order."""

    payments_class = _ManyAttempts


class _StaleAnswers(Payments):
    def write(self, task: Task) -> None:
        task.fence = self.rows[task.id].version
        super().write(task)


@breaks("challenge_passed_while_the_first_look_was_under_way", "payments-disagree")
class StaleAnswersCount(World):
    """What the processor said is written, whatever has happened since it was asked."""

    payments_class = _StaleAnswers


class _RefundsNothing(Payments):
    def duty(self, row: Payment) -> str:
        duty = super().duty(row)
        return "" if duty == "refund" else duty


@breaks("captured_without_an_answer_then_cancelled", "refund-book|money-kept")
class CapturedIsFinal(World):
    """What has been captured is not given back when its order is cancelled."""

    payments_class = _RefundsNothing


# --- checkout ---------------------------------------------------------------------------------------------------------


class _NoFence(Checkout):
    def fenced(self, row: Flow, task: Task) -> bool:
        return False


@breaks("the_owner_wakes_with_stale_news", "order-without-unit|undone-but-alive")
class NoEpochFence(World):
    """Whoever has worked on a flow may write its row."""

    checkout_class = _NoFence


class _EventsDoNotClaim(Checkout):
    def on_order_cancelled(self, row: Flow) -> None:
        row.state = row.undo or "cancelled"


@breaks("the_order_is_cancelled_while_the_owner_sleeps_over_good_news", "completed-without-order")
class EventsDoNotClaim(World):
    """Only workers raise the epoch; an event just writes."""

    checkout_class = _EventsDoNotClaim


class _NoIndex(Checkout):
    def clashes(self, row: Flow, cart: str) -> bool:
        return False


@breaks("two_tabs_on_one_revision", "one-cart-two-orders")
class TwoCheckoutsPerRevision(World):
    """Every click makes a checkout."""

    checkout_class = _NoIndex


class _ClockTakesPaid(Checkout):
    def only_unpaid(self, row: Flow) -> bool:
        return False


@breaks("time_is_up_just_after_the_order_is_paid", "clock-took-paid-order")
class ClockCancelsPaidOrders(World):
    """The flow's undo may cancel whatever a shopper could cancel."""

    checkout_class = _ClockTakesPaid


class _UndoneByRelease(Checkout):
    def undo(self, row: Flow) -> str:
        return "release" if row.state == "priced" else "cancel"


@breaks("the_order_arrives_after_its_undo", "order-without-unit")
class NothingIsOrderedBeforeItIsWritten(World):
    """A checkout that is written as priced has no order yet: what it reserved is released, and that is all."""

    checkout_class = _UndoneByRelease


class _ForgetsItsOwnReserve(Checkout):
    def on_refused(self, row: Flow) -> None:
        super().on_refused(row)
        if not row.dearer:
            row.state = row.undo


@breaks("the_refused_reserve_arrives_late", "kept-for-ever")
class ForgetsItsOwnReserve(World):
    """Who was told that nothing is left has nothing to give back."""

    checkout_class = _ForgetsItsOwnReserve


class _ForgetsItsPredecessor(Checkout):
    def on_refused(self, row: Flow) -> None:
        super().on_refused(row)
        if row.dearer:
            row.state = row.undo


@breaks("the_price_rises_after_the_reserve", "kept-for-ever")
class ForgetsItsPredecessor(World):
    """Who is refused before they reserve has nothing to give back."""

    checkout_class = _ForgetsItsPredecessor


class _GivesBackAtOnce(Checkout):
    def write(self, task: Task) -> None:
        if task.duty == "reserve" and task.answer is not None and task.answer.code == "out_of_stock":
            self.world.inventory.release(f"{task.id}/res")
        super().write(task)


@breaks("the_owner_wakes_with_stale_news", "order-without-unit")
class GivesBackBeforeItIsWritten(World):
    """Who is refused releases at once; nobody else can have come further."""

    checkout_class = _GivesBackAtOnce


class _CompletedIsFinal(Checkout):
    def on_order_cancelled(self, row: Flow) -> None:
        if row.state != "completed":
            super().on_order_cancelled(row)


@breaks("cancelled_between_completed_and_paid", "completed-without-order")
class CompletedIsFinal(World):
    """A completed checkout hears nothing any more."""

    checkout_class = _CompletedIsFinal


class _AttachesAll(Checkout):
    def says_the_same(self, row: Flow, card: str, wish: str) -> bool:
        return True


@breaks("another_address_after_a_decline", "another-wish")
class WhateverIsSaidIsARepeat(World):
    """A cart has one open checkout: every request for it is answered with that."""

    checkout_class = _AttachesAll


class _TakesAtOnce(Checkout):
    def first_state(self, new: Flow) -> str:
        return "priced"


@breaks("another_wish_during_a_challenge_that_is_passed_then", "order-without-unit")
class TakesTheUnitBeforeTheVerdict(World):
    """The old try is over as soon as its shopper has said something else."""

    checkout_class = _TakesAtOnce


class _ForgetsEarlier(Checkout):
    def not_yet_taken(self, row: Flow) -> tuple[str, ...]:
        return ()


@breaks("another_wish_and_then_another", "flow-unfinished|kept-for-ever|order-unfinished")
class ForgetsTheTryBeforeTheLast(World):
    """A new try takes over from the last one alone."""

    checkout_class = _ForgetsEarlier


class _ReplacedIsFree(Inventory):
    def waits_for_the_next(self, event: Event) -> bool:
        return False


@breaks("another_wish_while_others_want_the_last_unit", "own-unit-lost")
class AReplacedTryGivesItsUnitBack(World):
    """A cancelled order is a cancelled order: its unit goes back on sale."""

    inventory_class = _ReplacedIsFree


# --- shipping ---------------------------------------------------------------------------------------------------------


class _DoesNotAsk(Shipping):
    def ask(self, order: str) -> Answer:
        return Answer(200)


@breaks("cancelled_before_shipping_has_heard", "label-for-cancelled")
class BuysWithoutAsking(World):
    """OrderPaid was heard, so the order is paid."""

    shipping_class = _DoesNotAsk


FOUND_BY_MACHINE = (
    "AClockEndsReservations",
    "BuysWithoutAsking",
    "CapturesAtAuthorise",
    "CompletedIsFinal",
    "ForgetsTheTryBeforeTheLast",
    "ForgetsItsPredecessor",
    "FulfilsBeforeCapture",
    "MoneyRevivesTheOrder",
    "NothingIsOrderedBeforeItIsWritten",
    "TakesTheUnitBeforeTheVerdict",
    "TwoCheckoutsPerRevision",
    "UnknownIsDeclined",
    "VoidsOnlyWhatIsAuthorised",
    "WhateverIsSaidIsARepeat",
)
