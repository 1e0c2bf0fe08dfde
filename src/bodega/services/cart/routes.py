"""The HTTP door of the cart: parse, authorise, call, shape the answer."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Header, Path, Request, Response

from bodega.contracts.cart import CartContents, CartLine
from bodega.contracts.fields import Sku
from bodega.contracts.ids import CustomerId
from bodega.contracts.money import Price, zero
from bodega.contracts.privacy import Erasure, Person, PersonalData
from bodega.kit import idempotency
from bodega.kit.app import RawBody, but, problems
from bodega.kit.auth import CART_COOKIE, Caller, Customer, MaybeCustomer, called_by
from bodega.kit.errors import Unauthenticated
from bodega.kit.idempotency import IdempotencyKey, KeyReused
from bodega.services.cart.domain import Cart, Line, Words, available_for, cart_of, token_of, warnings_about
from bodega.services.cart.errors import (
    CartFull,
    CartNotFound,
    LineNotFound,
    NoLongerSold,
    QuantityLimit,
    UnknownProduct,
)
from bodega.services.cart.schemas import (
    AddedView,
    AddLine,
    CartView,
    ChangeLine,
    LineView,
    LineWarning,
    MergedLine,
    MergeView,
)
from bodega.services.cart.service import Room, Shopper
from bodega.services.cart.settings import Settings

public = APIRouter(prefix="/cart", tags=["cart"])
internal = APIRouter(prefix="/internal/carts", include_in_schema=False)
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])


async def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


async def _token_secret(request: Request) -> bytes:
    secret: bytes = request.app.state.token_secret
    return secret


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


CartRoom = Annotated[Room, Depends(_room)]
TokenSecret = Annotated[bytes, Depends(_token_secret)]
CartSettings = Annotated[Settings, Depends(_settings)]
CartTokenHeader = Annotated[
    str | None,
    Header(
        alias="Cart-Token",
        max_length=300,
        description="The key of the cart, as the first `POST /cart` gave it; each answer gives it again, good for "
        "another 30 days. Whoever is signed in has a cart of their own, and this only says which one to merge into it. "
        "The token of a customer's cart without the customer's access token is 401 `access_expired`",
        examples=["crt_01M7WKP496E7KTHRJXJG7DJ13N.ArMB8CjziTBBMUfQczQ7ZVKZ"],
    ),
]
CartTokenCookie = Annotated[
    str | None,
    Cookie(
        alias=CART_COOKIE,
        max_length=300,
        description="The same for browsers; `Cart-Token` counts for more",
        examples=["crt_01M7WKP496E7KTHRJXJG7DJ13N.ArMB8CjziTBBMUfQczQ7ZVKZ"],
    ),
]


class Till:
    """Who stands before the cart, and the answer's headers that let them come back to it."""

    def __init__(
        self,
        response: Response,
        customer: MaybeCustomer,
        secret: TokenSecret,
        settings: CartSettings,
        header: CartTokenHeader = None,
        cookie: CartTokenCookie = None,
    ) -> None:
        token = header or cookie
        # A token that is not ours opens nothing; a shopper with an old one gets a new cart instead of an error.
        self.shopper = Shopper(
            customer_id=customer.subject if customer is not None else None,
            token_cart_id=cart_of(secret, token) if token is not None else None,
        )
        self._response, self._secret, self._settings = response, secret, settings
        response.headers["Cache-Control"] = "no-store"

    def hand_out(self, cart_id: str) -> None:
        """The cart's token, as a header for programs and as a cookie for browsers. Renewed by use."""
        token = token_of(self._secret, cart_id)
        self._response.headers["Cart-Token"] = token
        self._response.set_cookie(
            CART_COOKIE,
            token,
            max_age=self._settings.cart_days * 86_400,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._settings.site_url.startswith("https:"),
        )


AtTill = Annotated[Till, Depends()]
SkuInPath = Annotated[Sku, Path(description="Whose line: a cart has one for each SKU")]


# --- shoppers ---------------------------------------------------------------------------------------


@public.post(
    "",
    status_code=201,
    responses=problems(Unauthenticated, UnknownProduct, NoLongerSold, CartFull, QuantityLimit, KeyReused),
)
async def add_line(
    wish: AddLine, room: CartRoom, till: AtTill, response: Response, raw: RawBody, key: IdempotencyKey = None
) -> AddedView:
    """Puts something into the cart, which is made if there is none. The answer's `Cart-Token` (or cookie) leads back
    to it. With an Idempotency-Key, a repeat adds nothing."""
    cart_id, added, words = await room.add(
        till.shopper,
        wish.sku,
        wish.quantity,
        idempotency=(key, idempotency.fingerprint(raw).hex()) if key is not None else None,
    )
    till.hand_out(cart_id)
    response.headers["Location"] = "/cart"
    if added.outcome == "replayed":
        response.headers["Idempotency-Replayed"] = "true"
    return AddedView(
        cart_id=cart_id,
        version=added.version,
        revision=added.revision,
        line=_line(added.line, words, room.fresh_after()) if added.line is not None else None,
        line_count=added.line_count,
        pieces=added.pieces,
    )


@public.get("", responses=problems(Unauthenticated))
async def read_cart(room: CartRoom, till: AtTill, settings: CartSettings) -> CartView:
    """The cart with everything worth knowing about its lines. If the catalog or inventory is down, their last known
    word is shown, marked `stale`."""
    return await _present(room, till, settings)


@public.patch("/lines/{sku}", responses=problems(Unauthenticated, LineNotFound))
async def change_line(
    sku: SkuInPath, wish: ChangeLine, room: CartRoom, till: AtTill, settings: CartSettings
) -> CartView:
    """Sets a line's quantity."""
    await room.set_quantity(till.shopper, sku, wish.quantity)
    return await _present(room, till, settings)


@public.delete("/lines/{sku}", responses=problems(Unauthenticated, LineNotFound))
async def remove_line(sku: SkuInPath, room: CartRoom, till: AtTill, settings: CartSettings) -> CartView:
    """Takes a line out."""
    await room.set_quantity(till.shopper, sku, 0)
    return await _present(room, till, settings)


@public.delete(
    "",
    responses={
        200: but(version=2, lines=[], pieces=0, subtotal={"amount": 0, "currency": "EUR"}),
        **problems(Unauthenticated),
    },
)
async def empty_cart(room: CartRoom, till: AtTill, settings: CartSettings) -> CartView:
    """Takes everything out."""
    await room.clear(till.shopper)
    return await _present(room, till, settings)


@public.post("/merge", responses=problems(Unauthenticated))
async def merge_carts(room: CartRoom, till: AtTill, settings: CartSettings, _: Customer) -> MergeView:
    """After signing in: moves what was in the cart of before into the customer's. Quantities add up, capped. Asking
    twice moves nothing more."""
    lines = await room.merge(till.shopper)
    return MergeView(
        merged=[
            MergedLine(sku=line.sku, quantity=line.quantity, total=line.total, capped=line.capped) for line in lines
        ],
        cart=await _present(room, till, settings),
    )


# --- other services ---------------------------------------------------------------------------------


@internal.get("/{reference}", responses=problems(CartNotFound))
async def read_contents(
    reference: Annotated[str, Path(max_length=300)], room: CartRoom, secret: TokenSecret, _: Caller
) -> CartContents:
    cart_id: str | None = reference
    if "." in reference:
        cart_id = cart_of(secret, reference)
    elif reference.startswith("cus_"):
        cart_id = await room.carts.find_cart_of(reference)
    cart = await room.carts.find_cart(cart_id) if cart_id is not None else None
    if cart is None:
        raise CartNotFound("there is no such cart")
    return CartContents(
        cart_id=cart.id,
        revision=cart.revision,
        lines=[CartLine(sku=line.sku, quantity=line.quantity) for line in cart.lines],
        customer_id=cart.customer or None,
    )


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, _: Person, room: CartRoom) -> PersonalData:
    cart_id = await room.carts.find_cart_of(customer_id)
    cart = await room.carts.find_cart(cart_id) if cart_id is not None else None
    lines = [{"sku": line.sku, "quantity": line.quantity} for line in cart.lines] if cart is not None else []
    return PersonalData(data={"cart": lines} if lines else {})


@persons.post("/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, _: Person, room: CartRoom) -> Erasure:
    return Erasure(deleted={"carts": await room.carts.forget_customer(customer_id)})


# --- shapes -----------------------------------------------------------------------------------------


async def _present(room: Room, till: Till, settings: Settings) -> CartView:
    cart = await room.find_cart(till.shopper)
    if cart is None:
        return CartView(
            id=None, version=0, revision=None, lines=[], pieces=0, subtotal=zero(settings.currency), stale=False
        )
    till.hand_out(cart.id)
    return _cart(cart, await room.words_about([line.sku for line in cart.lines]), room.fresh_after(), settings.currency)


def _cart(cart: Cart, words: Words, fresh_after: float, currency: str) -> CartView:
    lines = [_line(line, words, fresh_after) for line in cart.lines]
    return CartView(
        id=cart.id,
        version=cart.version,
        revision=cart.revision,
        lines=lines,
        pieces=cart.pieces,
        subtotal=Price(amount=sum(line.line_total.amount for line in lines if line.line_total), currency=currency),
        stale=any(line.stale for line in lines),
    )


def _line(line: Line, words: Words, fresh_after: float) -> LineView:
    product = words.products[line.sku].told if line.sku in words.products else None
    stock = words.stock[line.sku].told if line.sku in words.stock else None
    price = product.price if product is not None and product.sold else None
    as_of = words.as_of(line.sku)
    return LineView(
        sku=line.sku,
        quantity=line.quantity,
        product_id=product.product_id if product is not None else None,
        slug=product.slug if product is not None else None,
        title=product.title or None if product is not None else None,
        options=product.options if product is not None else {},
        image=product.image if product is not None else None,
        unit_price=price,
        line_total=price * line.quantity if price is not None else None,
        in_stock=stock.in_stock if stock is not None else None,
        available=available_for(line, stock),
        warnings=[
            LineWarning(code=one.code, message=one.message, was=one.was, now=one.now, left=one.left)
            for one in warnings_about(line, product, stock)
        ],
        as_of=datetime.fromtimestamp(as_of, UTC) if as_of is not None else None,
        stale=words.stale(line.sku, since=fresh_after),
    )
