"""A customer sees everything that the shop holds of them, and is forgotten by all of it."""

from typing import Any

import pytest

from bodega.kit.testing import Answered, Caller, eventually
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import ADDRESS, Merchant, Outside, Shopper, unique

pytestmark = pytest.mark.journey

ME = "/users/me"


async def ends(customer: Shopper, asked: Answered) -> Any:
    assert asked.status == 202, asked.body

    async def check() -> Any:
        seen = (await customer.api.get(asked.headers["location"])).json
        assert seen["status"] == "done", seen
        return seen

    return await eventually(check)


async def secret_of(outside: Outside, email: str, subject: str) -> str:
    """The token of the link in the mail with this word in its subject."""

    async def check() -> str:
        found = [mail for mail in await outside.mails_to(email) if subject in mail["subject"].lower()]
        assert found
        return str(found[0]["text"].partition("#token=")[2].split()[0])

    return await eventually(check)


async def test_a_customer_is_shown_everything_and_forgotten(customer: Shopper, merchant: Merchant, api: Caller) -> None:
    await customer.api.post(f"{ME}/addresses", {**ADDRESS, "default_shipping": True})
    product = await merchant.makes()
    order = await customer.buys(product["sku"])

    export = await ends(customer, await customer.api.post(f"{ME}/export"))
    document = (await customer.api.get(export["document"])).json["rooms"]
    assert document["auth"]["account"]["email"] == customer.email
    assert document["users"]["addresses"][0]["address"]["line1"] == ADDRESS["line1"]
    assert [one["id"] for one in document["orders"]["orders"]] == [order.id]
    assert [one["order_id"] for one in document["payments"]["payments"]] == [order.id]

    refused = await customer.api.request("DELETE", ME, {"password": PASSWORD})
    assert (refused.status, refused.code) == (409, "orders_open")
    await order.is_packed()
    shipment = (await merchant.shipment_of((await order.read())["number"]))[0]
    assert (await merchant.api.post(f"/admin/shipments/{shipment['id']}/mark-delivered")).status == 200
    await order.becomes("delivered")

    erasing = await customer.api.request("DELETE", ME, {"password": PASSWORD})
    assert erasing.status == 202, erasing.body

    async def is_signed_out() -> None:
        # The last step deletes the login, and with it the session that could be told that all is done.
        seen = await customer.api.get(erasing.headers["location"])
        assert seen.status == 401, seen.body

    await eventually(is_signed_out)
    signed_in = await api.post("/auth/login", {"email": customer.email, "password": PASSWORD})
    assert signed_in.code == "bad_credentials"
    assert (await customer.api.get(ME)).code in ("unauthenticated", "session_ended")
    kept = await merchant.api.get(f"/admin/orders/{order.id}")
    assert kept.json["totals"]["total"]["amount"] > 0
    for personal in (customer.email, ADDRESS["name"], ADDRESS["line1"]):
        assert personal not in kept.body.decode()


async def test_a_guests_orders_are_claimed_by_proving_the_mailbox_alone(
    guest: Shopper, merchant: Merchant, outside: Outside, api: Caller
) -> None:
    product = await merchant.makes()
    order = await guest.buys(product["sku"])
    made = await api.post("/auth/register", {"email": guest.email, "password": PASSWORD, "name": unique("Ada")})
    owner = api.being({"Authorization": f"Bearer {made.json['access_token']}"})
    token = await secret_of(outside, guest.email, "confirm your e-mail")
    assert (await owner.get("/orders")).json["items"] == [], "registering is no proof"
    elsewhere = await api.post("/auth/email/verify", {"token": token})
    assert (elsewhere.status, elsewhere.code) == (403, "confirm_identity"), "the link alone is no proof"
    assert (await owner.post("/auth/email/verify", {"token": token})).status == 204

    async def claimed() -> None:
        assert [one["id"] for one in (await owner.get("/orders")).json["items"]] == [order.id]

    await eventually(claimed)


async def test_an_account_made_with_somebody_elses_e_mail_never_gets_their_orders(
    guest: Shopper, merchant: Merchant, outside: Outside, api: Caller
) -> None:
    """Whoever reads the mail sets a new password with its link; until no token of the other's is taken any more,
    nothing is claimed."""
    product = await merchant.makes()
    order = await guest.buys(product["sku"])
    made = await api.post("/auth/register", {"email": guest.email, "password": PASSWORD, "name": unique("Eve")})
    attacker = api.being({"Authorization": f"Bearer {made.json['access_token']}"})
    token = await secret_of(outside, guest.email, "confirm your e-mail")
    assert (await api.post("/auth/email/verify", {"token": token})).code == "confirm_identity"
    own = "my own long sentence of a password"
    assert (await api.post("/auth/password/reset", {"token": token, "password": own})).status == 204
    entered = await api.post("/auth/login", {"email": guest.email, "password": own})
    owner = api.being({"Authorization": f"Bearer {entered.json['access_token']}"})

    async def claimed() -> None:
        spied = await attacker.get("/orders")
        assert spied.status == 401 or spied.json["items"] == []
        assert [one["id"] for one in (await owner.get("/orders")).json["items"]] == [order.id]

    await eventually(claimed)
    assert (await attacker.get("/orders")).code == "session_ended"
    assert (await attacker.get(f"/orders/{order.id}")).code == "session_ended"
