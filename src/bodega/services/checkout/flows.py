"""The flow of a checkout: each step beside its undo. Protocol: docs/adr/0002.

    replace ─> place ─> pay ─> (ended)
                 │       │
    release <─ cancel_order

No clock ends what `place` reserves: this flow does, which is written down before it reserves and is taken over until it
ends. `release` is written down, too, before it is done, and only where no order lives or ever will: orders has said so
(`cancel_order`), or it was never asked for one. Whoever comes late with it takes nothing from anybody; whoever comes
late with a reserve finds its end.

Every call names what it makes by an id that was fixed beforehand, so a repeat after a crash names the same thing.
Once an order may exist, cancelling it is the only undo: it frees the stock and the money by events.

`replace` only if the shopper had something else open. The flow of that has ended with the request; this one cancels its
order, and takes over what it has reserved (`place`) or gives it back (`release`). Never before the order is cancelled:
the earlier try may be paid at this moment, and then it stands.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bodega.contracts.ids import derived_id
from bodega.contracts.orders import CHECKOUT_REPLACED, CreateOrder
from bodega.contracts.payments import AuthorizePayment, Payment
from bodega.kit.db import Database, Transaction
from bodega.kit.deadline import forget_deadline, remaining_seconds
from bodega.kit.errors import AlreadyEnded, Problem, Unavailable
from bodega.kit.flow import Flows, Held, LeaseLost, Next, Step
from bodega.kit.http import RemoteProblem
from bodega.kit.line import Place
from bodega.kit.live import Live
from bodega.kit.telemetry import log
from bodega.kit.trouble import doubled
from bodega.services.checkout import service, store
from bodega.services.checkout.clients import Services, Short, StillPaid, decided_against
from bodega.services.checkout.domain import CANCEL_REASON, Checkout, State, Undo
from bodega.services.checkout.errors import (
    CardDeclined,
    CheckoutFailed,
    PaymentInProgress,
    to_stored,
)
from bodega.services.checkout.service import Offered
from bodega.services.checkout.settings import Settings

KIND = "checkout"
_log = log()


class CheckoutFlow:
    """The steps, by name."""

    def __init__(self, database: Database, services: Services, settings: Settings) -> None:
        self._database = database
        self._services = services
        self._settings = settings

    @property
    def steps(self) -> dict[str, Step]:
        return {
            "replace": self.replace,
            "place": self._or_undone(self.place, "cancel_order"),
            # Where an older version has left a flow.
            **dict.fromkeys(("price", "reserve", "order", "hold"), self._or_undone(self.place, "cancel_order")),
            "release": self.release,
            "pay": self._or_undone(self.pay, "cancel_order"),
            "cancel_order": self.cancel_order,
        }

    def _or_undone(self, step: Step, undo: str) -> Step:
        """The step; if another service refuses what it should have taken, the checkout is undone: asked again, it would
        refuse for ever, while the shopper's stock and money are kept."""

        async def taken(held: Held) -> Next:
            try:
                return await step(held)
            except RemoteProblem as refused:
                if not decided_against(refused):
                    raise
                _log.exception("a checkout ends, since another service has refused it", checkout=held.id, error=refused)
                checkout = await self._read(held)
                failed = CheckoutFailed(
                    "We could not complete this order, and nothing is charged. Please try again, and write to us if it "
                    "happens again."
                )
                why = _moves(held, checkout.state, problem=to_stored(failed))
                return Next(undo, data={"undo": "failed"}, write=why)

        return taken

    async def replace(self, held: Held) -> Next:
        """Ends the shopper's earlier tries. By the reason inventory knows that their stock stays set aside for us."""
        async with self._database.reading() as tx:
            earlier = await store.replaced_by(tx, held.id)
        standing: list[Checkout] = []
        for one in earlier:
            try:
                await self._services.cancel_order(one.order_id, CHECKOUT_REPLACED, only_unpaid=True)
            except StillPaid:
                standing.append(await self._with_order(one))

        async def write(tx: Transaction) -> None:
            for one in standing:
                await store.set_completed(tx, one)
            paid = {one.id for one in standing}
            for one in earlier:
                if one.id not in paid and not one.ended:
                    over = to_stored(service.ended_as("replaced"))
                    await store.set_state(tx, one.id, "cancelled", problem=over)
            if standing:
                await store.set_state(tx, held.id, "started", problem=to_stored(service.already_bought(standing[0])))

        if standing:
            return Next("release", data={"undo": "failed"}, write=write)
        return Next("place", write=write, carried=held.carried)

    async def place(self, held: Held) -> Next:
        """Prices the cart, sets the goods aside, and makes the order. Nothing is written before the last is answered:
        done again, it makes nothing twice. Undo: cancel_order, since the answer to a create may have been lost."""
        checkout = await self._read(held)
        if service.undo_of(held):
            return Next("cancel_order")
        try:
            offered = await service.price(self._services, self._database, checkout, self._settings.currency)
        except service.NOT_AS_WISHED as problem:
            return self._refused(held, checkout, problem, may_be_reserved=bool(held.data.get("replaces")))
        earlier = [one.reservation_id for one in await self._earlier(held)]
        try:
            await self._services.reserve(checkout.reservation_id, checkout.cart_lines, instead_of=earlier)
            standing = await self._services.create_order(_order_of(offered))
        except Short as short:
            why = service.short_of(short.lines, offered.checkout.lines)
            return self._refused(held, checkout, why, may_be_reserved=True)
        except AlreadyEnded:  # the order is cancelled, which frees what it was to have
            return Next("cancel_order", data={"undo": "cancelled"})
        placed = replace(
            offered.checkout, state="paying", order_number=standing.number, order_token=standing.view_token
        )
        return Next(
            "pay",
            write=partial(store.set_placed, checkout=placed, tax_decision=offered.tax_decision),
            carried=placed,
            flush=False,  # placed again, it is the same order
        )

    def _refused(self, held: Held, checkout: Checkout, why: Problem, *, may_be_reserved: bool) -> Next:
        """What its shopper has agreed to cannot be had. Whoever has taken the flow over does not know how far others
        came with it: then what may have been made is undone. `may_be_reserved`: by a call that is given up and still
        under way, though the last one was refused; or by the earlier try."""
        begun_here = held.carried is not None
        if begun_here and not may_be_reserved:
            return self._ends(held, "failed", to_stored(why))
        undo = "release" if begun_here else "cancel_order"
        return Next(undo, data={"undo": "failed"}, write=_moves(held, checkout.state, problem=to_stored(why)))

    async def release(self, held: Held) -> Next:
        """Gives back what no order will have. Also right when nothing was reserved: then a late reserve finds its end.
        No worker comes from here to `place` again, nor from there to here before it is on the disk that it has no
        order: no record that leads here may do without its flush."""
        checkout = await self._read(held)
        for one in await self._earlier(held):
            if one.state != "completed":
                await self._services.release(one.reservation_id, order_cancelled=True)
        await self._services.release(checkout.reservation_id)
        undone = self._undone(held, checkout)

        async def write(tx: Transaction) -> None:
            if undone.write is not None:
                await undone.write(tx)
            await store.let_stand(tx, held.id)

        return replace(undone, write=write)

    async def pay(self, held: Held) -> Next:
        """Asks for the money, and again how it stands, until the processor has decided."""
        checkout = await self._read(held)
        if service.undo_of(held):
            return Next("cancel_order")
        try:
            payment = await self._ask(held, checkout)
        except AlreadyEnded:
            return Next("cancel_order", data={"undo": "cancelled"})
        except PaymentInProgress as busy:
            if busy.extra["payment_status"] in ("authorized", "captured"):
                return self._completes(checkout)
            return Next("pay", wait_seconds=self._settings.retry_first_seconds)
        return self._after_payment(held, checkout, payment)

    async def _ask(self, held: Held, checkout: Checkout) -> Payment:
        payment_id = derived_id("pay", checkout.id, checkout.attempt)
        if held.data.get("asked") == checkout.attempt:
            known = await self._services.payment(payment_id)
            if known is not None:
                return known
        if checkout.totals is None:
            raise RuntimeError(f"{checkout.id} came to its payment without a total")
        return await self._services.authorize(
            AuthorizePayment(
                payment_id=payment_id,
                checkout_id=checkout.id,
                order_id=checkout.order_id,
                order_number=checkout.order_number,
                attempt=checkout.attempt,
                amount=checkout.totals.total,
                payment_method=checkout.payment_method,
                email=checkout.contact.email,
                description=f"Order {checkout.order_number}",
                return_url=f"{self._settings.site_url}/checkout/{checkout.id}",
            )
        )

    def _after_payment(self, held: Held, checkout: Checkout, payment: Payment) -> Next:
        asked = {"asked": checkout.attempt}
        match payment.status:
            case "authorized" | "captured" | "partly_refunded":
                return self._completes(checkout)
            case "action_required":
                action = payment.next_action.model_dump() if payment.next_action else None
                return Next(
                    "pay",
                    data=asked,
                    write=_moves(held, "action_required", next_action=action),
                    # A shopper may close the window after the challenge, and the news may be lost: we ask as well.
                    wait_seconds=min(self._until_due(held), self._settings.reconcile_seconds),
                )
            case "declined":
                declined = CardDeclined(
                    payment.message or "Your bank has declined the card. Try another card.",
                    checkout_id=checkout.id,
                    next_action="retry_payment",
                    reason=payment.reason,
                )
                return self._waits_for_another_card(held, checkout.attempt, to_stored(declined))
            case "voided" | "refunded" | "capture_failed":
                return Next("cancel_order", data={"undo": "cancelled"})
            case "created" | "unknown":
                return self._waits_for_the_processor(held, asked)

    def _waits_for_another_card(self, held: Held, attempt: int, problem: Mapping[str, Any]) -> Next:
        """The stock is kept a short while, counted once from the decline: longer only if another card is tried."""
        due = min(self._settings.declined_due_seconds, self._until_due(held))
        first = held.data.get("declined") != attempt

        async def write(tx: Transaction) -> None:
            if first:
                await store.set_due(tx, held.id, due)
            await store.set_state(tx, held.id, "declined", problem=problem)

        return Next(
            "pay",
            data={"asked": attempt, "declined": attempt},
            write=write,
            wait_seconds=due,
            due_seconds=due if first else 0,
        )

    def _waits_for_the_processor(self, held: Held, asked: dict[str, Any]) -> Next:
        """The outcome is not known. The time for it is counted once from the first such moment: money may have
        moved, so the checkout waits longer for the processor than it would for its shopper."""
        first = "unknown_since" not in held.data
        due = self._settings.unknown_due_seconds

        async def write(tx: Transaction) -> None:
            await store.set_state(tx, held.id, "paying")
            if first:
                await store.extend_due(tx, held.id, due)

        return Next(
            "pay",
            data={**asked, "unknown_since": held.data.get("unknown_since") or datetime.now(UTC).isoformat()},
            write=write,
            wait_seconds=doubled(self._settings.retry_first_seconds, self._settings.reconcile_seconds, held.attempts),
            due_seconds=max(due, self._until_due(held)) if first else 0,
        )

    async def cancel_order(self, held: Held) -> Next:
        """The undo of everything behind the reservation: an order that is cancelled frees it, by its event. Only a
        shopper may cancel what was paid meanwhile."""
        checkout = await self._read(held)
        undo = service.undo_of(held) or "cancelled"
        try:
            standing = await self._services.cancel_order(
                checkout.order_id, CANCEL_REASON[undo], only_unpaid=not held.data.get("by_shopper", False)
            )
        except StillPaid:
            return self._completes(await self._with_order(checkout))
        if standing.number is None:  # the order was never made: nobody will tell inventory but us
            return Next("release", data={"undo": undo})
        return self._undone(held, checkout)

    async def _earlier(self, held: Held) -> list[Checkout]:
        """The tries that this one is instead of."""
        if not held.data.get("replaces"):
            return []
        async with self._database.reading() as tx:
            return await store.replaced_by(tx, held.id)

    async def _read(self, held: Held) -> Checkout:
        """As the step before has left it: only who raises the flow's epoch changes its row."""
        if held.carried is not None:
            carried: Checkout = held.carried
            return carried
        async with self._database.reading() as tx:
            return await store.get_checkout(tx, held.id)

    def _until_due(self, held: Held) -> float:
        if held.due_at is None:
            return self._settings.checkout_due_seconds
        left = (held.due_at - datetime.now(UTC)).total_seconds()
        return max(self._settings.retry_first_seconds, left)  # the store's clock decides; ours may be ahead of it

    @staticmethod
    def _completes(checkout: Checkout) -> Next:
        """It need not reach the disk before the shopper is answered: asked again, payments says the same."""
        return Next("done", ended=True, write=partial(store.set_completed, checkout=checkout), flush=False)

    async def _with_order(self, checkout: Checkout) -> Checkout:
        """A checkout whose order is paid, with the order's number, also if what `place` has recorded was lost in a
        crash of the database. Its lines and totals are the order's then."""
        if checkout.order_number is not None:
            return checkout
        standing = await self._services.order(checkout.order_id)
        return replace(checkout, order_number=standing.number, order_token=standing.view_token)

    @classmethod
    def _undone(cls, held: Held, checkout: Checkout) -> Next:
        how = service.undo_of(held) or "cancelled"
        return cls._ends(held, how, service.why_ended(checkout, how))

    @staticmethod
    def _ends(held: Held, how: Undo, why: Mapping[str, Any] | None = None) -> Next:
        return Next("done", ended=True, write=_moves(held, how, problem=why or to_stored(service.ended_as(how))))


def _moves(held: Held, state: State, **what: Any) -> Any:
    async def write(tx: Transaction) -> None:
        await store.set_state(tx, held.id, state, **what)

    return write


def _order_of(offered: Offered) -> CreateOrder:
    checkout = offered.checkout
    return CreateOrder(
        order_id=checkout.order_id,
        checkout_id=checkout.id,
        customer_id=checkout.customer_id,
        cart_id=checkout.cart_id,
        cart_revision=checkout.cart_revision,
        reservation_id=checkout.reservation_id,
        lines=list(checkout.lines),
        totals=offered.totals,
        shipping_address=checkout.shipping_address,
        billing_address=checkout.billing_address,
        shipping_option=checkout.shipping_option,
        promised_from=offered.option.promised_from,
        promised_to=offered.option.promised_to,
        contact=checkout.contact,
    )


class Driver:
    """Drives checkouts: those of requests at once, those whose owner died when their lease has run out.

    A request does not wait for its flow longer than a shopper would; the flow goes on without it.
    """

    blind_seconds = 1.0
    """How long a change may stay unseen that nobody has told us of."""

    def __init__(self, flows: Flows, database: Database, live: Live, *, patience_seconds: float) -> None:
        self.flows = flows
        self._database = database
        self._live = live
        self._patience = patience_seconds
        self._driving: set[asyncio.Task[None]] = set()

    def drive(self, held: Held | None, place: Place | None = None) -> asyncio.Task[None] | None:
        """What is in our hands is driven as far as it goes, whoever waits for it, and keeps its place for as long."""
        if held is None:
            return None
        task = asyncio.create_task(self._drive(held))
        self._driving.add(task)
        task.add_done_callback(self._driving.discard)
        if place is not None:
            place.until(task)
        return task

    async def _drive(self, held: Held) -> None:
        forget_deadline()
        try:
            await self.flows.drive(held)
        except LeaseLost:
            _log.info("a checkout was taken over while we drove it", checkout=held.id)
        except Unavailable as error:
            _log.warning("a checkout is left to whoever comes next", checkout=held.id, error=error)

    async def settled(self, checkout_id: str, driven: asyncio.Task[None] | None) -> Checkout:
        """The checkout, once there is something to tell the shopper; as it stands, when patience is over."""
        clock = asyncio.get_running_loop().time
        until = clock() + remaining_seconds(self._patience)
        if driven is not None:
            await asyncio.wait({driven}, timeout=until - clock())
        with self._live.watching(checkout_id) as changed:
            while True:
                changed.clear()
                async with self._database.reading() as tx:
                    checkout = await store.get_checkout(tx, checkout_id)
                left = until - clock()
                if checkout.settled or left <= 0:
                    return checkout
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, self.blind_seconds))

    async def run(self) -> None:
        await self.flows.run()

    def stop(self) -> None:
        self.flows.stop()
