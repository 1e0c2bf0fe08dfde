"""The services that checkout asks. Decisions of theirs become errors or outcomes of ours; trouble stays trouble."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cachetools import TTLCache

from bodega.contracts.cart import CartContents, CartLine
from bodega.contracts.catalog import PricedSku, Prices, PricesRequest
from bodega.contracts.fields import Address
from bodega.contracts.inventory import (
    ReleaseRequest,
    Reservation,
    ReservationLine,
    ReserveRequest,
    Shortage,
    ShortageRequest,
    ShortLine,
)
from bodega.contracts.money import Price
from bodega.contracts.orders import CancelOrder, CreateOrder, OrderStanding
from bodega.contracts.payments import AuthorizePayment, Payment
from bodega.contracts.shipping import ParcelLine, Rates, RatesRequest, ShippingOption
from bodega.kit.app import client_for
from bodega.kit.auth import RENEW
from bodega.kit.errors import AccessExpired, AlreadyEnded
from bodega.kit.http import Client, RemoteProblem
from bodega.services.checkout.errors import CartRequired, PaymentInProgress, ShippingUnavailable
from bodega.services.checkout.settings import Settings

NO_CART = "We cannot find your cart. Reload the page, and add your items again if they are gone."
QUOTES_REMEMBERED = 5_000
"""Some 5 MB. Of more, the oldest are asked for again."""
_OUR_TROUBLE = frozenset({401, 403, 408, 425, 429})
"""Answers of 4xx that say nothing about the shopper's wish: trying again may help."""


def decided_against(refused: RemoteProblem) -> bool:
    """Whether another service has refused what we ask for, so that asking again cannot help."""
    return refused.status not in _OUR_TROUBLE


@dataclass(frozen=True, slots=True)
class StillPaid(Exception):
    """The order was paid in the meantime, so a clock or an undo may not end it."""


@dataclass(frozen=True, slots=True)
class Short(Exception):
    """There is not enough in stock."""

    lines: Sequence[ShortLine]


class Services:
    """All that checkout talks to. Every call here is idempotent by an id that the checkout has fixed."""

    def __init__(self, settings: Settings) -> None:
        self._quoted_options: TTLCache[bytes, list[ShippingOption]] = TTLCache(
            maxsize=QUOTES_REMEMBERED, ttl=settings.shipping_quote_seconds
        )
        self._cart = client_for("cart", "checkout", settings)
        self._catalog = client_for("catalog", "checkout", settings)
        self._inventory = client_for("inventory", "checkout", settings)
        self._orders = client_for("orders", "checkout", settings)
        # A bank may take its time: one long wait, and no second try within the same step.
        self._payments = client_for(
            "payments", "checkout", settings, timeout_seconds=settings.step_deadline_seconds * 0.9, attempts=1
        )
        self._shipping = client_for("shipping", "checkout", settings)

    @property
    def clients(self) -> Sequence[Client]:
        return (self._cart, self._catalog, self._inventory, self._orders, self._payments, self._shipping)

    async def cart(self, reference: str, *, customer_id: str | None) -> CartContents:
        """By the cart's token, or by its customer's id. `customer_id`: who asks.

        Raises: CartRequired, if there is no such cart, or if it is another customer's; AccessExpired, if it is a
        customer's and nobody says who they are.
        """
        try:
            cart = await self._cart.get(f"/internal/carts/{reference}", CartContents)
        except RemoteProblem as refused:
            if refused.status in (404, 422):
                raise CartRequired(NO_CART) from refused
            raise
        if cart.customer_id is not None and customer_id is None:  # as the cart itself answers
            raise AccessExpired(RENEW)
        if cart.customer_id not in (None, customer_id):
            raise CartRequired(NO_CART)
        return cart

    async def prices(self, lines: Sequence[CartLine]) -> Mapping[str, PricedSku]:
        wanted = PricesRequest(skus=[line.sku for line in lines])
        return {item.sku: item for item in (await self._catalog.post("/internal/prices", wanted, Prices)).items}

    async def shipping_options(
        self,
        address: Address,
        lines: Sequence[CartLine],
        prices: Mapping[str, PricedSku],
        items_total: Price,
        *,
        as_quoted: bool,
    ) -> list[ShippingOption]:
        """How the lines can be sent, as shipping says now. `as_quoted`: as it said when the same was last quoted, if
        that is not longer ago than `shipping_quote_seconds`: shoppers get the delivery that they were quoted, and
        checkout saves the call. A replica that has not made the quote asks.

        Raises: ShippingUnavailable.
        """
        parcel = [
            ParcelLine(sku=line.sku, quantity=line.quantity, weight_grams=prices[line.sku].weight_grams)
            for line in lines
        ]
        wanted = RatesRequest(address=address, lines=parcel, items_total=items_total)
        question = wanted.model_dump_json().encode()
        if as_quoted and (quoted := self._quoted_options.get(question)):
            return quoted
        try:
            options = (await self._shipping.post("/internal/rates", wanted, Rates)).options
        except RemoteProblem as refused:
            if decided_against(refused):
                raise ShippingUnavailable(
                    "We cannot deliver to this address as it is written. Check it, or use another address."
                ) from refused
            raise
        if not as_quoted:
            self._quoted_options[question] = options
        return options

    async def shortage(self, lines: Sequence[CartLine], own: Sequence[str]) -> list[ShortLine]:
        """What cannot be had now, by whoever holds the reservations `own`."""
        wanted = ShortageRequest(lines=_reserved(lines), instead_of=list(own))
        return (await self._inventory.post("/internal/shortage", wanted, Shortage)).lines

    async def reserve(
        self, reservation_id: str, lines: Sequence[CartLine], *, instead_of: Sequence[str]
    ) -> Reservation:
        """No clock ends what is reserved: whoever asks must see to its end. `instead_of`: reservations that end in the
        same step; their orders must be cancelled.

        Raises: Short, with the lines; AlreadyEnded.
        """
        wanted = ReserveRequest(reservation_id=reservation_id, lines=_reserved(lines), instead_of=list(instead_of))
        try:
            return await self._inventory.post("/internal/reservations", wanted, Reservation)
        except RemoteProblem as refused:
            if refused.code == "out_of_stock":
                raise Short([ShortLine.model_validate(line) for line in refused.document.get("lines", [])]) from refused
            raise _ended(refused) from refused

    async def release(self, reservation_id: str, *, order_cancelled: bool = False) -> None:
        """Only of what no living order may have: one that is cancelled, as orders has said (`order_cancelled`), or one
        that was never made and never will be."""
        wish = ReleaseRequest(order_cancelled=order_cancelled)
        await self._inventory.post(f"/internal/reservations/{reservation_id}/release", wish, Reservation)

    async def create_order(self, wanted: CreateOrder) -> OrderStanding:
        """Raises AlreadyEnded."""
        try:
            return await self._orders.post("/internal/orders", wanted, OrderStanding)
        except RemoteProblem as refused:
            raise _ended(refused) from refused

    async def order(self, order_id: str) -> OrderStanding:
        return await self._orders.get(f"/internal/orders/{order_id}", OrderStanding)

    async def cancel_order(self, order_id: str, reason: str, *, only_unpaid: bool) -> OrderStanding:
        """Raises StillPaid."""
        wish = CancelOrder(reason=reason, only_unpaid=only_unpaid)
        try:
            return await self._orders.post(f"/internal/orders/{order_id}/cancel", wish, OrderStanding)
        except RemoteProblem as refused:
            if refused.code in ("already_paid", "too_late_to_cancel"):
                raise StillPaid from refused
            raise

    async def authorize(self, wanted: AuthorizePayment) -> Payment:
        """Raises: AlreadyEnded; PaymentInProgress, if another attempt is not over yet."""
        try:
            return await self._payments.post("/internal/payments", wanted, Payment)
        except RemoteProblem as refused:
            if refused.code == "payment_in_progress":
                status = refused.document.get("payment_status", "unknown")
                raise PaymentInProgress(
                    "Your bank is still being asked about another card.", payment_status=status
                ) from refused
            raise _ended(refused) from refused

    async def payment(self, payment_id: str) -> Payment | None:
        """As the processor sees it now; None, if payments does not know it."""
        try:
            return await self._payments.get(f"/internal/payments/{payment_id}?refresh=true", Payment)
        except RemoteProblem as refused:
            if refused.status == 404:
                return None
            raise


def _ended(refused: RemoteProblem) -> Exception:
    return AlreadyEnded(str(refused)) if refused.code == "already_ended" else refused


def _reserved(lines: Sequence[CartLine]) -> list[ReservationLine]:
    return [ReservationLine(sku=line.sku, quantity=line.quantity) for line in lines]
