"""What payments shows of a person's orders, and forgets."""

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials
from tests.payments.conftest import Checkout, accounts
from tests.payments.making import TOTAL, Buy

pytestmark = pytest.mark.service


async def test_the_books_stay_the_person_goes(
    payments: Caller, checkout: Checkout, credentials: Credentials, buy: Buy, database: Database
) -> None:
    await checkout.pay(buy)
    users = payments.being(credentials.service("users", "payments"))
    path, person = f"/internal/customers/{new_id('cus')}", {"email": "ada@example.com", "order_ids": [buy.order_id]}
    held = (await users.post(f"{path}/export", person)).json["data"]["payments"]
    assert [(one["id"], one["email"], one["amount"]) for one in held] == [(buy.payment_id(), "ada@example.com", TOTAL)]
    assert "client_secret" not in held[0]
    assert (await users.post(f"{path}/export", {})).json["data"] == {}, "it goes by the orders"

    done = [(await users.post(f"{path}/erase", person)).json["pseudonymised"] for _ in range(2)]
    assert done == [{"payments": 1}, {"payments": 0}]
    after = (await users.post(f"{path}/export", person)).json["data"]["payments"][0]
    assert after["email"].endswith("@erased.invalid")
    assert after["intent_id"] == held[0]["intent_id"], "money can still be given back"
    assert await accounts(database, buy) == {"shopper": -TOTAL, "held": TOTAL}
