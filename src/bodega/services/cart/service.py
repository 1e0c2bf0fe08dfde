"""What the cart does. Each change is one script in the store."""

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bodega.contracts.catalog import PricedSku, Product, ProductArchived
from bodega.contracts.ids import new_id
from bodega.contracts.inventory import Availability
from bodega.kit.auth import RENEW
from bodega.kit.errors import AccessExpired
from bodega.kit.idempotency import KeyReused
from bodega.services.cart.clients import Services
from bodega.services.cart.domain import MOST_LINES, MOST_OF_ONE, Cart, ProductWord, StockWord, Words
from bodega.services.cart.errors import CartFull, LineNotFound, NoLongerSold, QuantityLimit, UnknownProduct
from bodega.services.cart.store import Added, Carts, Merged


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who stands before the cart. A customer's cart is the customer's; a guest's is whoever has its token."""

    customer_id: str | None
    token_cart_id: str | None
    """The cart whose valid token was shown."""

    @property
    def owner(self) -> str:
        return self.customer_id or ""


@dataclass(frozen=True, slots=True)
class Room:
    """What the use cases work with."""

    carts: Carts
    services: Services
    fresh_seconds: float

    # --- reading ------------------------------------------------------------------------------------

    async def find_cart(self, shopper: Shopper) -> Cart | None:
        """The shopper's, if there is one.

        Raises AccessExpired for a customer's cart whose token comes without the customer: its owner's access token has
        run out, or they have signed out on this device. An empty cart would tell the first that everything is lost.
        """
        cart_id = shopper.token_cart_id
        if shopper.customer_id is not None:
            cart_id = await self.carts.find_cart_of(shopper.customer_id)
        cart = await self.carts.find_cart(cart_id) if cart_id is not None else None
        if cart is not None and cart.customer != shopper.owner:
            raise AccessExpired(RENEW)
        return cart

    async def words_about(self, skus: Sequence[str]) -> Words:
        """What is known of them; asked for anew, in one call each, where it is missing or old."""
        known = await self.carts.find_words(skus)
        since = self.fresh_after()
        products, stock = await asyncio.gather(
            self.services.products(
                [sku for sku in skus if sku not in known.products or known.products[sku].at < since], known.products
            ),
            self.services.stock([sku for sku in skus if sku not in known.stock or known.stock[sku].at < since]),
        )
        if not products and not stock:
            return known
        await asyncio.gather(self.carts.keep_answers(products, known.standing), self.carts.keep_stock(stock))
        # Events may have brought newer words while we asked: what the store has kept is shown, never what we hold.
        return await self.carts.find_words(skus)

    def fresh_after(self) -> float:
        """What was said before then is old (seconds since the epoch)."""
        return time.time() - self.fresh_seconds

    # --- changing -----------------------------------------------------------------------------------

    async def add(
        self, shopper: Shopper, sku: str, quantity: int, *, idempotency: tuple[str, str] | None
    ) -> tuple[str, Added, Words]:
        """Puts units into the shopper's cart, which is made if there is none. The cart's id comes first.

        Raises: AccessExpired, UnknownProduct, NoLongerSold, CartFull, QuantityLimit, KeyReused.
        """
        words = await self.words_about([sku])
        amount = _price_now(words, sku)
        cart_id = await self._cart_to_write(shopper)
        done = await self.carts.add_line(
            cart_id, _revision(), shopper.owner, sku, quantity, amount, idempotency=idempotency
        )
        match done.outcome:
            case "foreign":
                raise AccessExpired(RENEW)
            case "full":
                raise CartFull(f"a cart holds at most {MOST_LINES} different products", limit=MOST_LINES)
            case "too_many":
                raise QuantityLimit(f"a cart holds at most {MOST_OF_ONE} of one product", limit=MOST_OF_ONE)
            case "reused":
                raise KeyReused("this key was used for a request with another body")
        return cart_id, done, words

    async def _cart_to_write(self, shopper: Shopper) -> str:
        if shopper.customer_id is not None:
            return await self.carts.bind_cart(shopper.customer_id, new_id("crt"))
        return shopper.token_cart_id or new_id("crt")

    async def set_quantity(self, shopper: Shopper, sku: str, quantity: int) -> None:
        """Changes a line; 0 takes it out. What the shopper has now seen is its present price.

        Raises LineNotFound.
        """
        cart = await self.find_cart(shopper)
        if cart is None:
            raise LineNotFound("the cart is empty")
        product = (await self.carts.find_words([sku])).products.get(sku)
        price = product.told.price if product is not None and product.told is not None else None
        outcome = await self.carts.set_quantity(
            cart.id, _revision(), shopper.owner, sku, quantity, price.amount if price is not None else None
        )
        if outcome != "done":
            raise LineNotFound("this is not in the cart")

    async def clear(self, shopper: Shopper) -> None:
        """Takes everything out. An empty cart may be emptied again."""
        cart = await self.find_cart(shopper)
        if cart is not None:
            await self.carts.clear(cart.id, _revision(), shopper.owner)

    async def merge(self, shopper: Shopper) -> list[Merged]:
        """Moves what was put into a cart before signing in to the customer's. Asked twice, it moves nothing more."""
        assert shopper.customer_id is not None
        cart_id = await self.carts.bind_cart(shopper.customer_id, new_id("crt"))
        if shopper.token_cart_id is None:
            return []
        return await self.carts.merge(shopper.token_cart_id, cart_id, _revision(), shopper.owner)

    # --- hearing ------------------------------------------------------------------------------------

    async def product_changed(self, product: Product, at: float) -> None:
        """Renews what is kept of its SKUs; those that it no longer has are no longer sold, unless another has them."""
        await self.carts.heard_of(product.id, product.version)
        sold = {variant.sku: PricedSku.of(product, variant) for variant in product.variants}
        gone = await self.carts.kept_skus_of(product.id) - sold.keys()
        words = {
            sku: ProductWord(owner=product.id, version=product.version, at=at, told=told) for sku, told in sold.items()
        }
        await self.carts.keep_claims(words)
        await self.carts.keep_losses(await self._no_longer_sold(gone, product.id, product.version, at))

    async def product_archived(self, archived: ProductArchived, at: float) -> None:
        product_id, version = archived.product_id, archived.version
        await self.carts.heard_of(product_id, version)
        gone = await self.carts.kept_skus_of(product_id) - set(archived.skus)
        await self.carts.keep_claims(await self._no_longer_sold(archived.skus, product_id, version, at))
        await self.carts.keep_losses(await self._no_longer_sold(gone, product_id, version, at))

    async def _no_longer_sold(
        self, skus: Iterable[str], product_id: str, version: int, at: float
    ) -> dict[str, ProductWord]:
        """What is said of them, with the title and picture that shoppers know."""
        gone = sorted(skus)
        known = (await self.carts.find_words(gone)).products
        words = {}
        for sku in gone:
            before = known[sku].told if sku in known else None
            told = (before or PricedSku(sku=sku, sold=False)).model_copy(update={"sold": False})
            words[sku] = ProductWord(owner=product_id, version=version, at=at, told=told)
        return words

    async def stock_changed(self, told: Sequence[tuple[Availability, float]]) -> None:
        """In any order: of a SKU the latest counts."""
        latest = sorted(told, key=lambda one: one[0].version)
        words = {stock.sku: StockWord(version=stock.version, at=at, told=stock) for stock, at in latest}
        await self.carts.keep_stock(words, heard=True)

    async def order_paid(self, order_id: str, cart_id: str, purchased: Sequence[tuple[str, int]]) -> None:
        """What was bought leaves the cart, once; what was added since stays."""
        await self.carts.remove_purchased(cart_id, _revision(), order_id, purchased)


def _price_now(words: Words, sku: str) -> int | None:
    """The price that the shopper sees when adding; None, if nobody can tell now: the line is taken all the same.

    Raises: UnknownProduct, NoLongerSold.
    """
    word = words.products.get(sku)
    if word is None or word.told is None:
        return None
    if not word.told.sold:
        raise (
            NoLongerSold(f"{word.told.title} is no longer sold")
            if word.told.title
            else UnknownProduct("no product has this SKU")
        )
    return word.told.price.amount if word.told.price is not None else None


def _revision() -> str:
    """Unguessable and never twice: one revision of a cart becomes at most one order."""
    return secrets.token_urlsafe(12)
