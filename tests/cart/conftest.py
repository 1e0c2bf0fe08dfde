"""Cart, running on the real engines; catalog and inventory are played by small real servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bodega.kit.testing import Caller, Credentials, Topics, serving
from bodega.services.cart.app import create_app
from bodega.services.cart.settings import Settings
from tests.cart.making import Shop
from tests.conftest import RUN, engine, topics_for

topics = topics_for("cart")

FRESH_SECONDS = 1.5


@pytest.fixture(scope="package")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cart") / "cart.secret"
    file.write_text(bytes(range(32)).hex())
    return file


@pytest.fixture(scope="package")
async def shop(credentials: Credentials) -> Shop:
    return Shop()


@pytest.fixture(autouse=True)
def _up_again(shop: Shop) -> None:
    shop.down = False
    shop.asked.clear()


@pytest.fixture(scope="package")
async def cart_settings(
    shop: Shop, topics: Topics, credentials: Credentials, secret_file: Path
) -> AsyncIterator[Settings]:
    await topics.make("cart.parked")
    async with (
        serving(shop.app("catalog", credentials)) as catalog,
        serving(shop.app("inventory", credentials)) as inventory,
    ):
        yield Settings(
            redis_url=engine("BODEGA_CART_REDIS_URL"),
            key_prefix=f"t{RUN}:",
            kafka=topics.bootstrap,
            topic_prefix=topics.prefix,
            internal_jwks_file=credentials.jwks_file,
            internal_key_file=credentials.key_file("cart"),
            allowed_callers=["checkout", "users"],
            secret_file=secret_file,
            service_urls={"catalog": catalog.base, "inventory": inventory.base},
            snapshot_fresh_seconds=FRESH_SECONDS,
            retry_first_seconds=0.1,
        )


@pytest.fixture(scope="package")
async def cart(cart_settings: Settings, credentials: Credentials) -> AsyncIterator[Caller]:
    app = create_app(cart_settings)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        yield caller


@pytest.fixture
def checkout(cart: Caller, credentials: Credentials) -> Caller:
    return cart.being(credentials.service("checkout", "cart"))


async def filled(cart: Caller, *lines: tuple[str, int]) -> Caller:
    """A guest with these lines in a new cart."""
    guest = cart
    for sku, quantity in lines:
        answer = await guest.post("/cart", {"sku": sku, "quantity": quantity})
        assert answer.status == 201, answer.body
        guest = cart.being({"Cart-Token": answer.headers["cart-token"]})
    return guest
