"""What cart shows of a customer, and forgets."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Caller, Credentials
from tests.cart.making import Shop

pytestmark = pytest.mark.service


async def test_a_forgotten_customers_cart_is_gone(cart: Caller, shop: Shop, credentials: Credentials) -> None:
    customer = new_id("cus")
    sku = shop.sells()
    mine = cart.being(credentials.customer(customer))
    assert (await mine.post("/cart", {"sku": sku, "quantity": 2})).status == 201
    users = cart.being(credentials.service("users", "cart"))
    path = f"/internal/customers/{customer}"
    assert (await users.post(f"{path}/export", {})).json["data"] == {"cart": [{"sku": sku, "quantity": 2}]}
    done = [(await users.post(f"{path}/erase", {})).json["deleted"] for _ in range(2)]
    assert done == [{"carts": 1}, {"carts": 0}]
    assert (await mine.get("/cart")).json["lines"] == []
    assert (await users.post(f"{path}/export", {})).json["data"] == {}
