"""The shop as those see it who use it: shoppers, a merchant, and whoever looks at the processor and the mailbox.

Speaks HTTP and Kafka like anyone else; imports no service.
"""

import base64
import io
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

from PIL import Image

from bodega.kit.testing import PATIENCE_SECONDS, Answered, Caller, eventually

ADDRESS = {"name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:10]}"


RENEWED_BEFORE_SECONDS = 120
"""How long before its end an access token is renewed: longer than any single request takes."""


@dataclass
class SignedIn(Caller):
    """A client with a session, which signs in again before its access token ends.

    A stage of tests may take longer than a token lives, so no test may keep one token. A 401 is never hidden.
    """

    credentials: dict[str, str] = field(default_factory=dict)
    ends_at: float = 0

    async def request(self, method: str, path: str, body: Any = None, **options: Any) -> Answered:
        if time.time() > self.ends_at - RENEWED_BEFORE_SECONDS:
            await self.sign_in()
        return await super().request(method, path, body, **options)

    async def sign_in(self) -> None:
        answer = await Caller(self.base, self.session).post("/auth/login", self.credentials)
        assert answer.status == 200, answer.body
        token = answer.json["access_token"]
        self.ends_at = claims(token)["exp"]
        self.headers["Authorization"] = f"Bearer {token}"

    def being(self, headers: dict[str, str]) -> Self:
        return type(self)(self.base, self.session, {**self.headers, **headers}, self.credentials, self.ends_at)


async def signed_in(api: Caller, email: str, password: str) -> SignedIn:
    """The API as this account uses it."""
    caller = SignedIn(api.base, api.session, dict(api.headers), {"email": email, "password": password})
    await caller.sign_in()
    return caller


@dataclass
class Shopper:
    """Somebody with a cart, signed in or not."""

    api: Caller
    email: str = field(default_factory=lambda: f"{unique('guest')}@example.com")

    async def add(self, sku: str, quantity: int = 1) -> Answered:
        answer = await self.api.post("/cart", {"sku": sku, "quantity": quantity})
        if token := answer.headers.get("cart-token"):
            self.api = self.api.being({"Cart-Token": token})
        return answer

    async def cart(self) -> Any:
        return (await self.api.get("/cart")).json

    async def quote(self) -> Any:
        answer = await self.api.post("/checkout/quote", {"shipping_address": ADDRESS})
        assert answer.status == 200, answer.body
        return answer.json

    async def wish(self, payment_method: str = "pm_card_visa", **other: Any) -> dict[str, Any]:
        """A checkout's body, with the total that the shopper is shown now."""
        quote = await self.quote()
        return {
            "email": self.email,
            "shipping_address": ADDRESS,
            "shipping_option": quote["shipping_option"],
            "payment_method": payment_method,
            "expected_total": quote["totals"]["total"],
            **other,
        }

    async def check_out(
        self, payment_method: str = "pm_card_visa", *, key: str | None = None, body: dict[str, Any] | None = None
    ) -> Answered:
        wish = body or await self.wish(payment_method)
        return await self.api.post("/checkout", wish, headers={"Idempotency-Key": key or unique("key")})

    async def buys(self, sku: str, quantity: int = 1) -> "Order":
        """All the way to the order."""
        added = await self.add(sku, quantity)
        assert added.status in (200, 201), added.body
        answer = await self.check_out()
        assert answer.status == 201, answer.body
        return Order(self.api, answer.json["order"]["id"], answer.json["order"]["token"], answer.json)


@dataclass
class Order:
    """An order, read with its link as a guest does."""

    api: Caller
    id: str
    token: str
    checkout: dict[str, Any]

    async def read(self) -> Any:
        answer = await self.api.get(f"/orders/{self.id}", headers={"Order-Token": self.token})
        assert answer.status == 200, answer.body
        return answer.json

    async def becomes(self, *states: str, within_seconds: float = PATIENCE_SECONDS) -> Any:
        async def check() -> Any:
            seen = await self.read()
            assert seen["state"] in states, seen["state"]
            return seen

        return await eventually(check, within_seconds=within_seconds)

    async def is_packed(self, within_seconds: float = PATIENCE_SECONDS) -> Any:
        """Once it has a label. It is still in the house: the carrier has not seen it."""

        async def check() -> Any:
            seen = await self.read()
            assert seen["tracking"] is not None, seen["state"]
            return seen

        return await eventually(check, within_seconds=within_seconds)

    async def is_sent(self, outside: "Outside") -> Any:
        """Once the carrier has scanned it, which it does now."""
        await outside.picks_up((await self.is_packed())["tracking"]["number"])
        return await self.becomes("shipped")

    async def cancel(self) -> Answered:
        return await self.api.post(f"/orders/{self.id}/cancel", headers={"Order-Token": self.token})


@dataclass
class Merchant:
    """The shop's staff."""

    api: Caller
    storage: Caller

    async def makes(self, *, price: int = 1000, stock: int = 10, **other: Any) -> dict[str, Any]:
        """A published product, of one variant if nothing else is said; its first has stock. With its SKU and ETag."""
        title = unique("Zirkel")
        variants = [{"sku": unique("SKU"), "options": {}, "price": euro(price), "weight_grams": 500}]
        answer = await self.api.post(
            "/admin/products",
            {
                "title": title,
                "slug": title.lower(),
                "brand": "Journey",
                "description": "Made by a *test*.",
                "categories": [],
                "options": [],
                "variants": variants,
                "status": "published",
                **other,
            },
            headers={"Idempotency-Key": unique("key")},
        )
        assert answer.status == 201, answer.body
        sku = answer.json["variants"][0]["sku"]
        await self.stocks(sku, stock)
        return {**answer.json, "sku": sku, "etag": answer.headers["etag"]}

    async def stocks(self, sku: str, on_hand: int) -> None:
        async def known() -> None:  # inventory learns of a new SKU from Kafka
            answer = await self.api.put(f"/admin/inventory/{sku}", {"on_hand": on_hand})
            assert answer.status == 200, answer.body

        await eventually(known)

    async def stock(self, sku: str) -> Any:
        return (await self.api.get(f"/admin/inventory/{sku}")).json

    async def reprices(self, product: dict[str, Any], price: int) -> None:
        """Writes the new ETag into the product, so that it can be repriced again."""
        answer = await self.api.patch(
            f"/admin/products/{product['id']}",
            {"variants": [{"sku": product["sku"], "options": {}, "price": euro(price), "weight_grams": 500}]},
            headers={"If-Match": product["etag"]},
        )
        assert answer.status == 200, answer.body
        product["etag"] = answer.headers["etag"]

    async def pictures(self, product: dict[str, Any], **said: Any) -> dict[str, Any]:
        """Uploads a picture straight to object storage, as the API asks. `said`: of the picture, to the API."""
        picture = io.BytesIO()
        Image.new("RGB", (800, 800), "#3a7").save(picture, "PNG")
        content = picture.getvalue()
        made = await self.api.post(
            f"/admin/products/{product['id']}/media",
            {
                "filename": "p.png", "content_type": "image/png", "size_bytes": len(content), "alt": "A green square",
                **said,
            },
        )  # fmt: skip
        assert made.status == 201, made.body
        upload = made.json["upload"]
        stored = await Caller("", self.storage.session).request(
            upload["method"], upload["url"], raw=content, headers=upload["headers"]
        )
        assert stored.status < 300, stored.body
        done = await self.api.post(f"/admin/products/{product['id']}/media/{made.json['media_id']}/complete")
        assert done.status == 200, done.body
        return dict(done.json)

    async def order(self, order_id: str) -> Any:
        return (await self.api.get(f"/admin/orders/{order_id}")).json

    async def shipment_of(self, number: str) -> Any:
        answer = await self.api.get(f"/admin/shipments?q={number}")
        assert answer.status == 200, answer.body
        return answer.json["items"]


@dataclass
class Outside:
    """The world outside, as it sees itself: the processor's ledger, the mailbox, the carrier."""

    sandbox: Caller

    async def money_of(self, payment_id: str) -> Any:
        ledger = (await self.sandbox.get(f"/sandbox/ledger?payment_id={payment_id}")).json
        assert ledger["balanced"]
        return ledger["payments"].get(payment_id)

    async def mails_to(self, email: str) -> list[dict[str, Any]]:
        answer = await self.sandbox.get(f"/sandbox/mails?to={email}")
        return list(answer.json["items"] if isinstance(answer.json, dict) else answer.json)

    async def has_mails(self, email: str, *subjects: str) -> list[dict[str, Any]]:
        """Once there is a mail for each of the words."""

        async def check() -> list[dict[str, Any]]:
            mails = await self.mails_to(email)
            found = " | ".join(mail["subject"] for mail in mails)
            assert all(word.lower() in found.lower() for word in subjects), found
            return mails

        return await eventually(check)

    async def picks_up(self, tracking: str) -> None:
        answer = await self.sandbox.post(f"/sandbox/parcels/{tracking}/advance", {"to": "picked_up"})
        assert answer.status == 200, answer.body

    async def breaks(self, target: str, kind: str, **how: Any) -> None:
        answer = await self.sandbox.post("/sandbox/faults", {"target": target, "kind": kind, **how})
        assert answer.status < 300, answer.body

    async def works(self) -> None:
        await self.sandbox.delete("/sandbox/faults")


def claims(token: str) -> dict[str, Any]:
    """What an access token says, unverified."""
    import json

    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
