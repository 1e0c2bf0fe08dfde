"""What happens in the shop: together these come by every step of every flow, every handler and every relay.

Each is told once without a fault, which is where its crash points come from, and then with faults. So nothing in it may
hang on how long anything takes: what a clock decides is made due (`World.comes_due`), and where one thing must be done
before the next begins, the story waits for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bodega.kit.testing import Answered
from tests.crashes.stage import PASSWORD, Stage
from tests.journeys.shop import ADDRESS, Order, Shopper, euro, unique

AT_ONCE = {"BODEGA_SHIPPING_CANCEL_WINDOW_SECONDS": "0", "BODEGA_ORDERS_CANCEL_WINDOW_SECONDS": "0"}
NEVER = {"BODEGA_SHIPPING_CANCEL_WINDOW_SECONDS": "3600", "BODEGA_ORDERS_CANCEL_WINDOW_SECONDS": "3600"}
"""When an order that is paid may no longer be cancelled, and is packed."""
CHALLENGED = "pm_card_authenticationRequired"
DECLINED = "pm_card_visa_chargeDeclinedInsufficientFunds"


@dataclass(frozen=True)
class Story:
    name: str
    tell: Callable[[Stage], Awaitable[None]]
    settings: Mapping[str, str] = field(default_factory=lambda: AT_ONCE)


STORIES: list[Story] = []


def story(**settings: Any) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[Stage], Awaitable[None]]]:
    def kept(tell: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
        STORIES.append(Story(tell.__name__.replace("_", " "), tell, **settings))
        return tell

    return kept


def ok(answer: Answered, *statuses: int) -> Answered:
    assert answer.status in (statuses or (200, 201, 202, 204)), (answer.status, answer.body)
    return answer


async def checks_out(stage: Stage, shopper: Shopper, sku: str, card: str = "pm_card_visa") -> Answered:
    ok(await shopper.add(sku))
    return await shopper.check_out(card)


async def buys(stage: Stage, shopper: Shopper, sku: str) -> Order:
    answer = ok(await checks_out(stage, shopper, sku))
    await stage.rest()
    seen = ok(await shopper.api.get(f"/checkout/{answer.json['checkout_id']}")).json
    assert seen["status"] == "completed", seen
    return Order(shopper.api, seen["order"]["id"], seen["order"]["token"], seen)


async def is_challenged(stage: Stage, shopper: Shopper, sku: str) -> dict[str, Any]:
    """The checkout, of which the bank asks its question."""
    answer = ok(await checks_out(stage, shopper, sku, CHALLENGED))
    await stage.rest()
    seen: dict[str, Any] = ok(await shopper.api.get(f"/checkout/{answer.json['checkout_id']}")).json
    assert seen["status"] == "action_required", seen
    return seen


async def passes_challenge(stage: Stage, seen: dict[str, Any]) -> None:
    challenge = seen["next_action"]["url"].rstrip("/").rpartition("/")[2].partition("?")[0]
    ok(await stage.outside.sandbox.post(f"/sandbox/challenges/{challenge}", {"outcome": "succeed"}))


async def parcel_goes(stage: Stage, order: Order, to: str) -> None:
    tracking = (await order.read())["tracking"]["number"]
    ok(await stage.outside.sandbox.post(f"/sandbox/parcels/{tracking}/advance", {"to": to}))
    await stage.rest()


async def mailed_secret(stage: Stage, email: str, subject: str) -> str:
    """The token of the link in the latest mail with this word in its subject."""
    await stage.rest()
    mails = [one for one in await stage.outside.mails_to(email) if subject in one["subject"].lower()]
    assert mails, f"no mail about {subject}"
    return str(max(mails, key=lambda one: one["received_at"])["text"].partition("#token=")[2].split()[0])


@story()
async def an_order_is_paid_sent_delivered_and_partly_refunded(stage: Stage) -> None:
    product = await stage.product(stock=1)
    shopper = stage.shopper()
    order = await buys(stage, shopper, product["sku"])
    number = (await order.read())["number"]
    ok(await stage.api.post("/orders/lookup", {"number": number, "email": shopper.email}))
    await parcel_goes(stage, order, "picked_up")
    await parcel_goes(stage, order, "delivered")
    for path, wish in (
        (f"/admin/payments/{order.id}/refunds", {"reason": "Scratched", "amount": euro(100)}),
        ("/orders/withdrawals", {"name": "Ada", "number": number, "email": shopper.email, "goods": "the lid"}),
    ):
        api = stage.merchant.api if path.startswith("/admin") else stage.api
        ok(await api.post(path, wish))
        await stage.rest()


@story()
async def a_declined_card_is_followed_by_another(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    ok(await shopper.add(product["sku"]))
    declined = ok(await shopper.check_out(DECLINED), 202, 402)
    await stage.rest()
    ok(await shopper.api.post(f"/checkout/{declined.json['checkout_id']}/payments", {"payment_method": "pm_card_visa"}))
    await stage.rest()
    await stage.world.comes_due("notifications", "mailing")


@story()
async def a_bank_asks_and_is_answered(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    seen = await is_challenged(stage, shopper, product["sku"])
    await passes_challenge(stage, seen)
    ok(await shopper.api.post(f"/checkout/{seen['checkout_id']}/confirm"))


@story(settings=NEVER)
async def a_paid_order_is_cancelled(stage: Stage) -> None:
    product = await stage.product(stock=1)
    shopper = stage.shopper()
    order = await buys(stage, shopper, product["sku"])
    ok(await order.cancel())
    await stage.rest()
    await stage.world.comes_due("shipping", "fulfilment")


@story()
async def a_checkout_runs_out(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    await is_challenged(stage, shopper, product["sku"])
    await stage.world.comes_due("checkout", "checkout")


@story()
async def a_declined_checkout_runs_out_and_is_mailed(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    ok(await shopper.add(product["sku"]))
    ok(await shopper.check_out(DECLINED), 202, 402)
    await stage.rest()
    await stage.world.comes_due("notifications", "mailing")
    await stage.rest()
    await stage.world.comes_due("checkout", "checkout")


@story()
async def answers_of_the_processor_are_lost(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    await stage.outside.breaks("create", "error_500_after")
    order = await buys(stage, shopper, product["sku"])
    await stage.outside.breaks("refund", "error_500_after")
    ok(await stage.merchant.api.post(f"/admin/payments/{order.id}/refunds", {"reason": "Late", "amount": euro(100)}))


@story(settings={**AT_ONCE, "BODEGA_CHECKOUT_REQUEST_TIMEOUT_SECONDS": "1"})
async def a_checkout_is_given_up_while_the_processor_is_away(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    await stage.outside.breaks("create", "error_500", times=None)
    answer = ok(await checks_out(stage, shopper, product["sku"]), 202)
    checkout_id = answer.json["checkout_id"]

    async def the_processor_was_asked() -> None:
        query = "SELECT 1 FROM payment WHERE checkout_id = $1 AND troubles > 0"
        assert await stage.world.run("payments", query, checkout_id)

    await stage.until(the_processor_was_asked)
    ok(await shopper.api.post(f"/checkout/{checkout_id}/cancel"))
    await stage.rest()
    await stage.outside.works()


@story(settings=NEVER)
async def the_money_of_an_order_cannot_be_taken(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    await stage.outside.breaks("capture", "refuse")
    ok(await checks_out(stage, shopper, product["sku"]), 201, 202, 409)
    await stage.rest()
    await stage.world.comes_due("shipping", "fulfilment")


@story()
async def another_wish_takes_the_place_of_an_open_checkout(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    await is_challenged(stage, shopper, product["sku"])
    other = await shopper.wish(shipping_address={**ADDRESS, "line1": "Torstrasse 2"})
    ok(await shopper.check_out(body=other))


@story()
async def what_was_in_the_cart_is_sold_out(stage: Stage) -> None:
    plenty = await stage.product()
    short = await stage.product(stock=1)
    shopper = stage.shopper()
    ok(await shopper.add(plenty["sku"]))
    ok(await shopper.add(short["sku"]))
    wish = await shopper.wish()
    await stage.stocks(short["sku"], 0)
    ok(await stage.api.post("/notifications/stock-wishes", {"sku": short["sku"], "email": shopper.email}))
    refused = ok(await shopper.check_out(body=wish), 202, 409)
    assert refused.status == 202 or refused.code == "out_of_stock", refused.body
    await stage.rest()
    await stage.stocks(short["sku"], 3)


@story()
async def a_parcel_gets_another_label_and_is_refunded_whole(stage: Stage) -> None:
    product = await stage.product()
    shopper = stage.shopper()
    order = await buys(stage, shopper, product["sku"])
    (shipment,) = await stage.merchant.shipment_of((await order.read())["number"])
    moved = {"address": {**ADDRESS, "line1": "Torstrasse 9"}}
    ok(await stage.merchant.api.post(f"/admin/shipments/{shipment['id']}/relabel", moved))
    await stage.rest()
    ok(await stage.merchant.api.post(f"/admin/payments/{order.id}/refunds", {"reason": "Lost"}))


@story()
async def a_merchant_makes_shows_changes_and_archives_a_product(stage: Stage) -> None:
    slug = unique("category")
    stage.about.categories.append(slug)
    ok(await stage.merchant.api.post("/admin/categories", {"slug": slug, "title": "Drawing"}))
    product = await stage.product()
    await stage.merchant.pictures(product)
    at = f"/admin/products/{product['id']}"
    for change in ({"brand": "Other"}, {"status": "archived"}):
        seen = ok(await stage.merchant.api.get(at))
        changed = await stage.merchant.api.patch(at, change, headers={"If-Match": seen.headers["etag"]})
        ok(changed, 200, 412)  # 412: the answer to the first was lost
        await stage.rest()


@story()
async def a_customer_comes_buys_is_shown_everything_and_forgotten(stage: Stage) -> None:
    product = await stage.product()
    guest = stage.shopper()
    ok(await guest.add(product["sku"]))
    customer = await stage.customer()
    ok(await customer.api.being(guest.api.headers).post("/cart/merge"))
    token = await mailed_secret(stage, customer.email, "confirm your e-mail")
    ok(await customer.api.post("/auth/email/verify", {"token": token}), 204, 409, 410, 422)
    await stage.rest()
    ok(await customer.api.post("/users/me/addresses", {**ADDRESS, "default_shipping": True}))
    texts = {"phone": "+4930123456", "shipped": True, "delivered": False}
    ok(await customer.api.put("/notifications/preferences", {"delivery_mails": True, "text_messages": texts}))
    order = await buys(stage, customer, product["sku"])
    await parcel_goes(stage, order, "delivered")
    ok(await customer.api.post("/users/me/export"))
    await stage.rest()
    await stage.world.comes_due("users", "export")
    ok(await customer.api.request("DELETE", "/users/me", {"password": PASSWORD}), 202, 401)


@story()
async def a_password_is_changed_and_forgotten(stage: Stage) -> None:
    customer = await stage.customer()
    other = "another horse battery"
    changed = await customer.api.post("/auth/password/change", {"current_password": PASSWORD, "password": other})
    ok(changed, 204, 401)  # 401: it has been changed, and the answer was lost
    ok(await stage.api.post("/auth/password/forgot", {"email": customer.email}))
    token = await mailed_secret(stage, customer.email, "password")
    ok(await stage.api.post("/auth/password/reset", {"token": token, "password": PASSWORD}), 204, 409, 410, 422)
    await stage.rest()
    mine = stage.about.customers[0]
    await stage.world.run("auth", "UPDATE account SET proof_due_at = now() WHERE id = $1 AND verified_at IS NULL", mine)

    async def the_mailbox_is_proven() -> None:
        assert await stage.world.run("auth", "SELECT 1 FROM account WHERE id = $1 AND verified_at IS NOT NULL", mine)

    await stage.until(the_mailbox_is_proven)
