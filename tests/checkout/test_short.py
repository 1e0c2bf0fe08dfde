"""What cannot be had is said before anything is typed for nothing: by title, with how many there are and what can be
done. One's own unfinished try is never in the way."""

import pytest

from bodega.contracts.cart import CartLine
from bodega.contracts.ids import new_id
from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials
from tests.checkout.making import ADDRESS, becomes, buy, for_people, id_of, key, wish
from tests.checkout.test_another_wish import STATES, opened
from tests.checkout.world import Basket, World

pytestmark = pytest.mark.service


async def quote(shop: Caller, basket: Basket) -> Answered:
    return await shop.being(basket.headers).post("/checkout/quote", {"shipping_address": ADDRESS})


@pytest.mark.parametrize(
    ("wanted", "left", "says"),
    [
        (3, 2, "Only 2 of “Mug” (Sand) are left; you asked for 3. Take fewer, or remove it from your cart, to go on."),
        (3, 1, "Only 1 of “Mug” (Sand) is left; you asked for 3. Take fewer, or remove it from your cart, to go on."),
        (
            60,
            50,
            "Only 50 of “Mug” (Sand) are left; you asked for 60. Take fewer, or remove it from your cart, to go on.",
        ),
        (1, 0, "“Mug” (Sand) is sold out. Remove it from your cart to go on."),
    ],
)
async def test_a_quote_and_an_order_say_the_same_of_what_is_short(
    shop: Caller, world: World, wanted: int, left: int, says: str
) -> None:
    basket = world.basket(quantity=wanted, left=left)
    for answer in (await quote(shop, basket), await buy(shop, basket, quantity=wanted)):
        assert (answer.status, answer.code) == (409, "out_of_stock")
        assert answer.json["lines"] == [
            {"sku": basket.sku, "title": "Mug", "options": {"Colour": "Sand"}, "requested": wanted, "available": left}
        ]
        assert answer.json["detail"] == says
        for_people(answer.json["detail"], basket.sku)


async def test_several_short_lines_are_each_named(shop: Caller, world: World) -> None:
    basket, cup, jug = world.basket(left=1), world.basket(left=0, title="Cup"), world.basket(title="Jug", options={})
    basket.lines += [CartLine(sku=cup.sku, quantity=1), CartLine(sku=jug.sku, quantity=1)]
    answer = await quote(shop, basket)
    assert answer.json["detail"] == (
        "Only 1 of “Mug” (Sand) is left; you asked for 2. “Cup” (Sand) is sold out. "
        "Take fewer, or remove them from your cart, to go on."
    )
    assert {line["sku"] for line in answer.json["lines"]} == {basket.sku, cup.sku}


@pytest.mark.parametrize("state", STATES)
async def test_what_an_unfinished_try_holds_counts_as_the_shoppers_own(shop: Caller, world: World, state: str) -> None:
    basket = world.basket(left=2)
    first = await opened(shop, world, basket, STATES[state])
    assert world.left(basket) == 0
    assert (await quote(shop, basket)).status == 200
    stranger = world.basket()
    stranger.lines = basket.lines
    assert (await quote(shop, stranger)).json["lines"][0]["available"] == 0
    basket.lines, basket.revision = [CartLine(sku=basket.sku, quantity=3)], new_id("r")
    assert (await quote(shop, basket)).json["lines"][0]["available"] == 2
    assert world.order_of(first) is not None, "a quote ends nothing"
    assert world.state_of_order(first) == "created"


async def test_a_customers_own_pieces_count_on_every_device(
    shop: Caller, world: World, credentials: Credentials
) -> None:
    customer = new_id("cus")
    basket, other = world.basket(left=2), world.basket()
    other.lines = basket.lines
    me = shop.being(credentials.customer(customer))
    device, another = me.being(basket.headers), me.being(other.headers)
    bought = await device.post("/checkout", {**wish("pm_declined"), "cart_token": basket.token}, headers=key())
    assert bought.status == 402
    asked = {"shipping_address": ADDRESS, "cart_token": other.token}
    assert (await another.post("/checkout/quote", asked)).status == 200
    assert (await shop.being(other.headers).post("/checkout/quote", asked)).code == "out_of_stock"
    assert world.left(basket) == 0


# --- a refusal that nobody has foreseen -------------------------------------------------------------------


@pytest.mark.parametrize("call", ["prices", "rates", "reserve", "order", "pay"])
@pytest.mark.parametrize("replaces", [False, True], ids=["first try", "another wish"])
async def test_an_unexpected_refusal_ends_the_checkout_and_gives_everything_back(
    shop: Caller, world: World, database: Database, call: str, replaces: bool
) -> None:
    basket = world.basket(left=2)
    first = await opened(shop, world, basket, "pm_declined") if replaces else None
    world.plans[call, basket.sku] += ["refused"] * 50
    answer = await buy(shop, basket, email="grace@example.com")
    assert (answer.status, answer.code) == (409, "shipping_unavailable" if call == "rates" else "checkout_failed")
    for_people(answer.json["detail"], basket.sku)
    assert (await becomes(shop, basket, id_of(answer), "failed"))["problem"]["code"] == answer.code
    assert world.left(basket) == 2
    assert all(order.state == "cancelled" for order in world.orders_of(basket))
    assert not [
        one for one in world.attempts.values() if one.status == "authorized" and one.wanted.checkout_id == id_of(answer)
    ]
    if first is not None:
        await becomes(shop, basket, first, "cancelled")
    world.plans[call, basket.sku].clear()
    assert (await buy(shop, basket)).status == 201, "the same cart can be bought as soon as it is mended"


async def test_an_address_that_shipping_refuses_is_said_in_the_quote(shop: Caller, world: World) -> None:
    basket = world.basket()
    world.plan("rates", basket, "refused")
    answer = await quote(shop, basket)
    assert (answer.status, answer.code) == (409, "shipping_unavailable")
    assert "address" in answer.json["detail"]
    for_people(answer.json["detail"])


# --- every other refusal ------------------------------------------------------------------------------------


async def test_every_refusal_speaks_to_shoppers(shop: Caller, world: World) -> None:
    gone, empty, nowhere = world.basket(sold=False), world.basket(quantity=0), {**ADDRESS, "country": "AQ"}
    declined, done = world.basket(), world.basket()
    declined_id = id_of(await buy(shop, declined, "pm_declined"))
    done_id = id_of(await buy(shop, done))
    cancelled = world.basket()
    cancelled_id = id_of(await buy(shop, cancelled, "pm_challenge"))
    await shop.being(cancelled.headers).post(f"/checkout/{cancelled_id}/cancel")

    async def another_card(basket: Basket, checkout_id: str, card: str = "pm_good") -> Answered:
        return await shop.being(basket.headers).post(f"/checkout/{checkout_id}/payments", {"payment_method": card})

    answers = {
        "no_longer_sold": await buy(shop, gone),
        "cart_empty": await buy(shop, empty),
        "shipping_unavailable": await buy(shop, world.basket(), shipping_address=nowhere),
        "shipping_option_unknown": await buy(shop, world.basket(), shipping_option="pigeon"),
        "total_changed": await buy(shop, world.basket(), total=1),
        "already_bought": await buy(shop, done, email="grace@example.com"),
        "checkout_ended": await another_card(cancelled, cancelled_id),
        "not_found": await shop.being(world.basket().headers).get(f"/checkout/{done_id}"),
        "invalid_request": await shop.being({"Cart-Token": f"{new_id('crt')}.forged"}).post(
            "/checkout", wish(), headers=key()
        ),
    }
    answers["card_declined"] = await another_card(declined, declined_id, "pm_declined")
    await another_card(declined, declined_id, "pm_declined")
    answers["too_many_attempts"] = await another_card(declined, declined_id)
    for code, answer in answers.items():
        assert answer.code == code, answer.json
        for_people(answer.json["detail"], gone.sku, empty.sku, declined.sku, done.sku)
    assert answers["no_longer_sold"].json["detail"] == "“Mug” is no longer sold. Remove it from your cart to go on."
    assert answers["shipping_unavailable"].json["detail"].startswith("We do not deliver to Antarctica.")
    assert "Standard, Express" in answers["shipping_option_unknown"].json["detail"]
