"""An order's history says of each change what caused it and who did it."""

import pytest

from bodega.contracts.ids import new_id
from bodega.contracts.payments import PaymentAuthorized
from bodega.kit.testing import Caller, Credentials, Topics, eventually
from tests.orders.conftest import place
from tests.orders.making import wanted
from tests.orders.test_events import payment

pytestmark = pytest.mark.service


async def test_the_history_names_the_event_and_the_caller_that_changed_the_order(
    orders: Caller, checkout: Caller, topics: Topics, credentials: Credentials
) -> None:
    kept, ended = wanted(), wanted()
    for order in (kept, ended):
        await place(checkout, order)
    await checkout.post(f"/internal/orders/{ended.order_id}/cancel", {"reason": "checkout_expired"})
    paid, late = (payment(PaymentAuthorized, order, new_id("pay")) for order in (kept, ended))
    await topics.publish(paid, late)
    merchant = orders.being(credentials.customer(new_id("cus"), "merchant"))

    expected = {
        kept.order_id: [("created", kept.checkout_id), ("payment_accepted", paid.id)],
        ended.order_id: [
            ("created", ended.checkout_id),
            ("cancelled: checkout_expired", "request"),
            ("payment_after_cancellation", late.id),
        ],
    }

    async def is_told() -> None:
        for order_id, entries in expected.items():
            history = (await merchant.get(f"/admin/orders/{order_id}")).json["history"]
            assert [(entry["note"], entry["cause"]) for entry in history] == entries
            assert (history[0]["from_state"], history[0]["actor"]) == (None, "checkout")

    await eventually(is_told)
