"""What checkout does. Use cases that write run in the one transaction that their door has opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bodega.contracts.cart import CartContents, CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address, Contact
from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.money import Price
from bodega.contracts.shipping import ShippingOption
from bodega.kit import idempotency
from bodega.kit.db import Transaction
from bodega.kit.errors import PreconditionRequired, StaleVersion
from bodega.kit.flow import Flows, Held
from bodega.services.checkout import store
from bodega.services.checkout.clients import Services
from bodega.services.checkout.domain import (
    WAITING_FOR_SHOPPER,
    Checkout,
    TaxCountry,
    TaxTable,
    Undo,
    items_total,
    outcome_of_cancelled_order,
)
from bodega.services.checkout.errors import (
    CartEmpty,
    CheckoutEnded,
    NoActionPending,
    PaymentInProgress,
    ShippingUnavailable,
    TooManyAttempts,
    UnknownShippingOption,
    to_stored,
)
from bodega.services.checkout.settings import Settings


@dataclass(frozen=True, slots=True)
class Offer:
    """What the shop asks for a cart now, and how it can be sent."""

    prices: Mapping[str, PricedSku]
    options: Sequence[ShippingOption]

    def option(self, wanted: str) -> ShippingOption:
        """Raises UnknownShippingOption."""
        for option in self.options:
            if option.id == wanted:
                return option
        offered = [option.id for option in self.options]
        raise UnknownShippingOption(f"offered for this address: {', '.join(offered)}", options=offered)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shopper asks for."""

    contact: Contact
    shipping_address: Address
    billing_address: Address | None
    shipping_option: str
    payment_method: str
    expected_total: Price
    customer_id: str | None
    token_digest: bytes | None


async def offer(services: Services, lines: Sequence[CartLine], address: Address, currency: str) -> Offer:
    """Raises: NoLongerSold, naming lines; ShippingUnavailable."""
    prices = await services.prices(lines)
    options = await services.shipping_options(address, lines, prices, items_total(lines, prices, currency))
    if not options:
        raise ShippingUnavailable(f"nothing is sent to {address.country}")
    return Offer(prices, options)


async def tax_to(tx: Transaction, address: Address) -> TaxTable:
    """The rates of today. An account with a tax service would be asked here instead."""
    return await store.rate_table(tx, address.country, datetime.now(UTC).date())


async def replace_tax(tx: Transaction, wanted: TaxCountry, *, expected_version: int | None) -> TaxCountry:
    """Raises: PreconditionRequired, if there are rates of the country and nobody says which; StaleVersion."""
    present = await store.lock_tax_version(tx, wanted.country)
    if present and expected_version is None:
        raise PreconditionRequired("send the ETag that you have read as If-Match")
    if present != (expected_version or 0):
        raise StaleVersion("the rates were changed in the meantime", current_version=present)
    after = replace(wanted, version=present + 1)
    await store.replace_tax(tx, after)
    return after


async def begin(
    tx: Transaction, flows: Flows, cart: CartContents, wish: Wish, key: str, body: bytes, settings: Settings
) -> tuple[str, Held | None, bool]:
    """The checkout of this key or of this cart: its id, the flow if it is new (then the caller drives it), and
    whether the key was used before.

    Raises: KeyReused; CartEmpty.
    """
    checkout_id = new_id("chk")
    kept = await idempotency.claim(tx, f"POST /checkout {cart.cart_id}", key, body, resource_id=checkout_id)
    if kept is not None:
        return kept.resource_id or "", None, True
    if not cart.lines:
        raise CartEmpty("put something into the cart first")
    now = datetime.now(UTC)
    existing = await store.insert_checkout(
        tx,
        Checkout(
            id=checkout_id,
            state="started",
            cart_id=cart.cart_id,
            cart_revision=cart.revision,
            token_digest=wish.token_digest,
            customer_id=wish.customer_id,
            cart_lines=tuple(cart.lines),
            contact=wish.contact,
            shipping_address=wish.shipping_address,
            billing_address=wish.billing_address,
            shipping_option=wish.shipping_option,
            expected_total=wish.expected_total,
            payment_method=wish.payment_method,
            attempt=1,
            order_id=derived_id("ord", checkout_id),
            reservation_id=derived_id("res", checkout_id),
            created_at=now,
            due_at=now + timedelta(seconds=settings.checkout_due_seconds),
        ),
    )
    if existing is not None:  # another tab was first: both end in its order
        await idempotency.attach(tx, f"POST /checkout {cart.cart_id}", key, existing)
        return existing, None, False
    held = await flows.start(tx, checkout_id, "price", {}, due_seconds=settings.checkout_due_seconds)
    return checkout_id, held, False


async def pay_again(
    tx: Transaction, flows: Flows, checkout_id: str, payment_method: str, *, attempts_at_most: int
) -> Held:
    """Another card. Here as everywhere the flow's row is locked before the checkout's, as its steps do; a refusal
    rolls the seizure back.

    Raises: CheckoutEnded; PaymentInProgress, while the outcome of the last one is open; TooManyAttempts.
    """
    held = await flows.seize(tx, checkout_id)
    checkout = await store.lock_checkout(tx, checkout_id)
    if held is None or undo_of(held) is not None:
        raise ended_as(checkout.state)
    if checkout.state not in WAITING_FOR_SHOPPER:
        raise PaymentInProgress("wait until the bank has answered")
    if checkout.attempt >= attempts_at_most:
        raise TooManyAttempts("too many cards were tried")
    await store.set_attempt(tx, checkout.id, checkout.attempt + 1, payment_method)
    return held


async def was_asked(tx: Transaction, checkout_id: str, key: str, body: bytes) -> bool:
    """Whether this key has tried a card of this checkout before. Raises KeyReused."""
    scope = f"POST /checkout/{checkout_id}/payments"
    return await idempotency.claim(tx, scope, key, body, resource_id=checkout_id) is not None


async def confirm(tx: Transaction, flows: Flows, checkout_id: str) -> Held | None:
    """The shopper comes back from the bank: ask how it went. None: it is decided already.

    Raises: NoActionPending, if no bank has been asked yet.
    """
    held = await flows.seize(tx, checkout_id)
    checkout = await store.lock_checkout(tx, checkout_id)
    if held is not None and checkout.state not in ("paying", *WAITING_FOR_SHOPPER):
        raise NoActionPending("there is nothing to confirm now")
    return held


async def cancel(tx: Transaction, flows: Flows, checkout_id: str) -> Held | None:
    """The shopper gives up. None: it has ended already, without an order.

    Raises: CheckoutEnded, if there is an order: that one can be cancelled.
    """
    held = await flows.seize(tx, checkout_id, by_shopper=True)
    checkout = await store.lock_checkout(tx, checkout_id)
    if checkout.state == "completed":
        raise ended_as("completed", order_id=checkout.order_id)
    return held


def undo_of(held: Held) -> Undo | None:
    """How the checkout is to end without an order, if it is: as the flow itself has found, or at the shopper's wish,
    or by the clock."""
    found: Undo | None = held.data.get("undo")
    if found is None and held.data.get("by_shopper"):
        return "cancelled"
    return found or ("expired" if held.overdue else None)


def ended_as(state: str, **extra: Any) -> CheckoutEnded:
    """What is said about a checkout that is over, or about to be."""
    words = {
        "completed": "it has become an order; cancel that",
        "cancelled": "this checkout was cancelled",
        "expired": "the time for this checkout is over",
    }
    return CheckoutEnded(words.get(state, "this checkout has ended"), **extra)


def why_ended(checkout: Checkout, how: Undo) -> Mapping[str, Any]:
    """The problem that an undone checkout keeps. What was told the shopper on the way (a declined card) is over."""
    if how == "failed" and checkout.problem is not None:
        return checkout.problem
    return to_stored(ended_as(how))


async def order_cancelled(tx: Transaction, flows: Flows, checkout_id: str, reason: str) -> None:
    """The order is the judge: whatever the flow was doing is over. Raising the epoch keeps an owner that sleeps
    over a good answer from writing `completed` over it. A completed checkout gives its cart's revision free."""
    ended_now = await flows.end(tx, checkout_id)
    checkout = await store.find_locked(tx, checkout_id)
    if checkout is not None and (ended_now or checkout.state == "completed"):
        how = outcome_of_cancelled_order(reason) if ended_now else "cancelled"
        await store.set_state(tx, checkout_id, how, problem=why_ended(checkout, how))
