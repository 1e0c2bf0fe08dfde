"""Histories of products that share SKUs: what the catalog holds, and its events as Kafka may bring them.

A history is a list of steps that hypothesis draws. Each product's events come in their order, as they have one key, but
what has come may come again from any earlier one on, and the products' streams come in any order to each other. No two
products count their versions alike, so that whoever compares those of two is found out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from bodega.contracts.catalog import PricedSku, Product, ProductArchived
from bodega.contracts.ids import new_id

PRODUCTS = 3
SHARED = 2
"""SKUs that change hands. Each product has one of its own beside them, as none may be without."""

Step = tuple[str, int, int]
Told = Product | ProductArchived

_PRODUCT = st.integers(0, PRODUCTS - 1)


def steps(*more: st.SearchStrategy[Step], most: int = 30) -> st.SearchStrategy[list[Step]]:
    """`more`: steps that the reader of the events knows, and the world passes over."""
    return st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.integers(0, SHARED - 1), st.integers(0, PRODUCTS)),  # the last: to nobody
            st.tuples(st.sampled_from(["edit", "archive", "publish"]), _PRODUCT, st.just(0)),
            st.tuples(st.just("deliver"), _PRODUCT, st.integers(1, 4)),
            st.tuples(st.just("again"), _PRODUCT, st.integers(1, 5)),
            *more,
        ),
        max_size=most,
    )


@dataclass
class _State:
    id: str
    version: int
    skus: list[str]
    status: str
    told: list[Told] = field(default_factory=list)
    read: int = 0
    """How many of its events have come."""


class World:
    """`receive` is what a service does about an event."""

    def __init__(self, receive: Callable[[Told], Awaitable[None]]) -> None:
        self._receive = receive
        prefix = new_id("prd")[-10:]
        self.shared = [f"S{number}-{prefix}" for number in range(SHARED)]
        self._products = [
            _State(new_id("prd"), version=[5_000, 10, 700_000][number], skus=[f"OWN{number}-{prefix}"], status=status)
            for number, status in enumerate(["published", "published", "draft"])
        ]
        for product in self._products:
            self._tell(product)

    @property
    def ids(self) -> list[str]:
        return [product.id for product in self._products]

    @property
    def skus(self) -> list[str]:
        return [*self.shared, *(product.skus[0] for product in self._products)]

    async def step(self, step: Step) -> None:
        match step:
            case "move", sku, to:
                self._move(self.shared[sku], self._products[to] if to < PRODUCTS else None)
            case "edit", number, _:
                self._tell(self._products[number])
            case ("archive" | "publish") as verb, number, _:
                product = self._products[number]
                if verb == "publish" or product.status == "published":
                    product.status = {"archive": "archived", "publish": "published"}[verb]
                    self._tell(product)
            case "deliver", number, count:
                for _ in range(count):
                    await self._deliver(self._products[number])
            case "again", number, count:
                product = self._products[number]
                product.read = max(0, product.read - count)

    async def end(self) -> None:
        """All that is left comes."""
        for product in self._products:
            while product.read < len(product.told):
                await self._deliver(product)

    def priced(self, sku: str) -> PricedSku:
        """As the catalog answers now."""
        owner = self.owner(sku)
        if owner is None or owner.status != "published":
            return PricedSku(sku=sku, sold=False)
        product = self._product(owner)
        return PricedSku.of(product, next(one for one in product.variants if one.sku == sku))

    def owner(self, sku: str) -> _State | None:
        return next((product for product in self._products if sku in product.skus), None)

    def known_owner(self, sku: str) -> str | None:
        """The id of the product that has it, if that has ever been published."""
        owner = self.owner(sku)
        return owner.id if owner is not None and owner.told else None

    def _move(self, sku: str, to: _State | None) -> None:
        owner = self.owner(sku)
        if owner is to:
            return
        if owner is not None:
            owner.skus.remove(sku)
            self._tell(owner)
        if to is not None:
            to.skus.append(sku)
            self._tell(to)

    def _tell(self, product: _State) -> None:
        product.version += 1
        if product.status == "published":
            product.told.append(self._product(product))
        elif product.told:
            product.told.append(
                ProductArchived(product_id=product.id, slug="mug", skus=list(product.skus), version=product.version)
            )

    def _product(self, product: _State) -> Product:
        variants = [{"sku": sku, "price": {"amount": product.version, "currency": "EUR"}} for sku in product.skus]
        return Product.model_validate(
            {"id": product.id, "slug": "mug", "title": "Mug", "version": product.version, "variants": variants,
             "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z"}
        )  # fmt: skip

    async def _deliver(self, product: _State) -> None:
        if product.read < len(product.told):
            product.read += 1
            await self._receive(product.told[product.read - 1])
