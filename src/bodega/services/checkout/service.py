"""What checkout does. Use cases that write run in the one transaction that their door has opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from babel import Locale

from bodega.contracts.cart import CartContents, CartLine
from bodega.contracts.catalog import PricedSku
from bodega.contracts.fields import Address, Contact
from bodega.contracts.ids import derived_id, new_id
from bodega.contracts.inventory import ShortLine
from bodega.contracts.money import Price
from bodega.contracts.orders import OrderLine, Totals
from bodega.contracts.shipping import ShippingOption
from bodega.kit import idempotency
from bodega.kit.db import Database, Transaction
from bodega.kit.errors import PreconditionRequired, StaleVersion
from bodega.kit.flow import Flows, Held
from bodega.kit.idempotency import StillRunning
from bodega.services.checkout import store
from bodega.services.checkout.clients import Services
from bodega.services.checkout.domain import (
    BEFORE_RESERVED,
    WAITING_FOR_SHOPPER,
    Checkout,
    Short,
    TaxCountry,
    TaxTable,
    Undo,
    items_total,
    out_of_stock,
    outcome_of_cancelled_order,
    price_cart,
)
from bodega.services.checkout.errors import (
    AlreadyBought,
    CartEmpty,
    CheckoutEnded,
    NoActionPending,
    NoLongerSold,
    OutOfStock,
    PaymentInProgress,
    ShippingUnavailable,
    TooManyAttempts,
    TooManyWaiting,
    TotalChanged,
    UnknownShippingOption,
    to_stored,
)
from bodega.services.checkout.settings import Settings
from bodega.services.checkout.territories import tax_place


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
        names = ", ".join(option.name for option in self.options)
        raise UnknownShippingOption(
            f"This delivery option is not available for your address. You can choose: {names}.",
            options=[option.id for option in self.options],
        )


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
    client: str


async def offer(
    services: Services, lines: Sequence[CartLine], address: Address, currency: str, *, as_quoted: bool = False
) -> Offer:
    """`as_quoted`: sent as the shopper was quoted a short while ago, also if shipping says something else by now.

    Raises: NoLongerSold, naming lines; ShippingUnavailable.
    """
    prices = await services.prices(lines)
    goods = items_total(lines, prices, currency)
    options = await services.shipping_options(address, lines, prices, goods, as_quoted=as_quoted)
    if not options:
        country = Locale("en").territories.get(address.country, address.country)
        raise ShippingUnavailable(f"We do not deliver to {country}. Choose another delivery address.")
    return Offer(prices, options)


@dataclass(frozen=True, slots=True)
class Offered:
    """A checkout with its price, how its tax was decided, and how it is sent."""

    checkout: Checkout
    totals: Totals
    tax_decision: Mapping[str, Any]
    option: ShippingOption


NOT_AS_WISHED = (NoLongerSold, ShippingUnavailable, UnknownShippingOption, TotalChanged)
"""Why a cart cannot be had for what its shopper has agreed to."""


async def price(services: Services, database: Database, checkout: Checkout, currency: str) -> Offered:
    """By the catalog's prices, which decide, and the delivery that was quoted.

    Raises: NOT_AS_WISHED.
    """
    address, wanted = checkout.shipping_address, checkout.expected_total
    found = await offer(services, checkout.cart_lines, address, currency, as_quoted=True)
    option = found.option(checkout.shipping_option)
    async with database.reading() as tx:
        tax = await tax_to(tx, address)
    priced = price_cart(checkout.cart_lines, found.prices, option, address, tax)
    if priced.totals.total != wanted:
        raise TotalChanged(
            "The total has changed since you saw it. Nothing was charged. Check the new total and agree to it.",
            expected_total=wanted.model_dump(),
            total=priced.totals.total.model_dump(),
        )
    return Offered(
        replace(checkout, state="priced", lines=priced.lines, totals=priced.totals),
        priced.totals,
        priced.tax_decision,
        option,
    )


async def tax_to(tx: Transaction, address: Address) -> TaxTable:
    """The rates of today, of the country in whose tax territory the address lies. An account with a tax service would
    be asked here instead."""
    country = tax_place(address).country
    return await store.rate_table(tx, country, datetime.now(UTC).date())


async def replace_tax(tx: Transaction, wanted: TaxCountry, *, expected_version: int | None) -> TaxCountry:
    """Raises: PreconditionRequired, if there are rates of the country and nobody says which; StaleVersion."""
    present = await store.lock_tax_version(tx, wanted.country)
    if present and expected_version is None:
        raise PreconditionRequired("send the ETag that you read as If-Match")
    if present != (expected_version or 0):
        raise StaleVersion("the rates were changed in the meantime", current_version=present)
    after = replace(wanted, version=present + 1)
    await store.replace_tax(tx, after)
    return after


def _scope(cart_id: str) -> str:
    return f"POST /checkout {cart_id}"


async def can_be_had(
    database: Database, services: Services, cart: CartContents, customer_id: str | None, key: str
) -> None:
    """Before somebody stands in line. Raises OutOfStock, but not for whoever repeats a request or has bought this cart:
    they are answered with what they have.

    The stock is asked first: what the same shopper reserves after that, they have begun before we look for it.
    """
    if not cart.lines:
        return
    async with database.reading() as tx:
        own = await store.own_reservations(tx, cart.cart_id, customer_id)
    short = await services.shortage(cart.lines, own)
    if not short:
        return
    async with database.reading() as tx:
        if await idempotency.is_used(tx, _scope(cart.cart_id), key):
            return
        known = await store.open_or_bought(tx, cart.cart_id, cart.revision, None)
        if any(one.state == "completed" for one in known):
            return
    prices = await services.prices([line for line in cart.lines if line.sku in {one.sku for one in short}])
    if all(priced.sold for priced in prices.values()):  # what is no longer sold is said in its turn
        raise short_of(short, prices.values())


async def begin(
    tx: Transaction, flows: Flows, new: Checkout, key: str, body: bytes, settings: Settings
) -> tuple[str, Held | None, bool]:
    """The checkout of this key, or the one that says the same: its id, the flow if it is new (then the caller drives
    it), and whether the key was used before. A new one replaces whatever else this cart or customer has open.

    Raises: KeyReused; CartEmpty; TooManyWaiting; TooManyAttempts; AlreadyBought, if this cart as it is was bought by a
    request that said something else.
    """
    scope = _scope(new.cart_id)
    kept = await idempotency.claim(tx, scope, key, body, resource_id=new.id)
    if kept is not None:
        return kept.resource_id or "", None, True
    if not new.cart_lines:
        raise CartEmpty("Your cart is empty. Add something to it first.")
    await store.lock_cart(tx, new.cart_id)
    known = await store.open_or_bought(tx, new.cart_id, new.cart_revision, new.customer_id)
    if bought := next((one for one in known if one.state == "completed"), None):
        if not bought.wants_the_same(new):
            raise already_bought(bought)
        known = [bought]
    for one in known:
        if one.wants_the_same(new):  # another tab was first: both end in its order
            await idempotency.attach(tx, scope, key, one.id)
            return one.id, None, False
    await _allowed(tx, new, settings)
    replaced = await _replaced(tx, flows, known, new)
    if await store.insert_checkout(tx, new) is not None:
        raise StillRunning("Another request has just begun to buy this cart. Try again.")
    held = await flows.start(
        tx, new.id, "replace" if replaced else "place", {"replaces": replaced},
        due_seconds=settings.checkout_due_seconds, carried=new,
    )  # fmt: skip
    return new.id, held, False


async def _allowed(tx: Transaction, new: Checkout, settings: Settings) -> None:
    """Raises: TooManyWaiting, TooManyAttempts. Whoever has no money to give may not keep goods from those who have."""
    tried = await store.tried_before(tx, new)
    if tried.of_email >= settings.waiting_per_email or tried.of_client >= settings.waiting_per_address:
        whose = "with this e-mail address" if tried.of_email >= settings.waiting_per_email else "from your network"
        raise TooManyWaiting(
            f"Too many orders {whose} are waiting for their payment. Pay or cancel one of them, or try again in a few "
            "minutes.",
            retry_after_seconds=max(1, int(settings.declined_due_seconds)),
        )
    if tried.declined >= settings.attempts_at_most:
        raise too_many_attempts()


def too_many_attempts() -> TooManyAttempts:
    return TooManyAttempts(
        "Too many cards were declined for this cart, and nothing was charged. Try again in an hour, or contact us."
    )


async def _replaced(tx: Transaction, flows: Flows, known: Sequence[Checkout], new: Checkout) -> list[str]:
    """Ends the flows of the shopper's open checkouts, whoever drives them: from now on the new one's flow is to end
    what they have begun, and what they were to end themselves. Their ids.

    Raises: AlreadyBought, if one has just been completed.
    """
    replaced: list[str] = []
    for one in known:
        await flows.end(tx, one.id)
        now = await store.lock_checkout(tx, one.id)
        if now.state == "completed" and now.cart_revision == new.cart_revision:
            raise already_bought(now)
        if now.ended:
            continue
        if now.state in BEFORE_RESERVED:  # it may not have taken over what it was itself to replace
            replaced += [earlier.id for earlier in await store.replaced_by(tx, one.id)]
        replaced.append(one.id)
    if replaced:
        await store.replace_by(tx, replaced, new.id)
    return replaced


def wished(cart: CartContents, wish: Wish, settings: Settings) -> Checkout:
    """The checkout that this wish asks for. Nothing is written."""
    checkout_id = new_id("chk")
    now = datetime.now(UTC)
    return Checkout(
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
        client=wish.client,
        created_at=now,
        due_at=now + timedelta(seconds=settings.checkout_due_seconds),
    )


async def pay_again(tx: Transaction, flows: Flows, checkout_id: str, payment_method: str, settings: Settings) -> Held:
    """Another card. Here as everywhere the flow's row is locked before the checkout's, as its steps do; a refusal
    rolls the seizure back.

    Raises: CheckoutEnded; PaymentInProgress, while the outcome of the last one is open; TooManyAttempts.
    """
    held = await flows.seize(tx, checkout_id)
    checkout = await store.lock_checkout(tx, checkout_id)
    if held is None or undo_of(held) is not None:
        raise ended_as(checkout.state)
    if checkout.state not in WAITING_FOR_SHOPPER:
        raise PaymentInProgress("Your bank is still being asked about the last card. Wait a moment.")
    if checkout.attempt >= settings.attempts_at_most:
        raise too_many_attempts()
    # The time that was cut short by the decline counts again as from the beginning.
    usual = (checkout.created_at - datetime.now(UTC)).total_seconds() + settings.checkout_due_seconds
    due_seconds = max(usual, settings.declined_due_seconds)
    await flows.set_due(tx, held, due_seconds)
    await store.set_due(tx, checkout.id, due_seconds)
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
        raise NoActionPending("There is nothing to confirm now. Your order goes on by itself.")
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


def short_of(short: Sequence[ShortLine], lines: Iterable[OrderLine | PricedSku]) -> OutOfStock:
    """`lines`: of the cart, as they were priced."""
    titled = {line.sku: line for line in lines}
    return out_of_stock(
        [
            Short(one.sku, titled[one.sku].title, titled[one.sku].options, requested=one.wanted, available=one.left)
            for one in short
        ]
    )


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
        "completed": "This checkout has become an order. To give it up, cancel the order.",
        "cancelled": "This checkout was cancelled, and nothing was charged. What you chose is still in your cart.",
        "expired": "The time to pay has run out, and nothing was charged. What you chose is still in your cart.",
        "replaced": "You have ordered again since then. This attempt was cancelled, and nothing was charged for it.",
    }
    return CheckoutEnded(words.get(state, "This checkout has ended, and nothing was charged."), **extra)


def already_bought(checkout: Checkout) -> AlreadyBought:
    """The cart was bought by what its shopper has asked for before."""
    return AlreadyBought(
        f"Your earlier attempt went through: it is order {checkout.order_number}. It was not bought a second time. "
        "To change the order, cancel it and order again.",
        checkout_id=checkout.id,
        order={"id": checkout.order_id, "number": checkout.order_number, "token": checkout.order_token},
    )


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
