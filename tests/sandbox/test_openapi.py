"""What the sandbox answers and tells is what Stripe's own description of its API says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.sandbox.openapi import differences
from tests.sandbox.stand import SECRET_KEY, Ear, Sandbox

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]  # the first time, stripe-mock is built

BUY = {
    "amount": "4200", "currency": "eur", "allowed_payment_method_types[0]": "card", "capture_method": "manual",
    "expand[0]": "latest_charge", "metadata[payment_id]": "pay_1", "description": "BDG-0000-0000",
}  # fmt: skip


class Speaker:
    """Speaks the sandbox's API in plain HTTP, and compares each answer with the description."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def post(self, path: str, form: dict[str, str] | None = None, **names: str) -> Any:
        return await self._ask("post", path, names, data=form or {})

    async def get(self, path: str, query: dict[str, str] | None = None, **names: str) -> Any:
        return await self._ask("get", path, names, query=query or {})

    async def pay(self, card: str, **more: str) -> Any:
        """Made and confirmed in two calls, as the shop does it."""
        made = await self.post("/v1/payment_intents", {**BUY, "payment_method": card, **more})
        confirm = {"return_url": "http://shop.test/back", "expand[0]": "latest_charge"}
        return await self.post("/v1/payment_intents/{intent}/confirm", confirm, intent=made["id"])

    async def _ask(
        self, method: str, path: str, names: dict[str, str], *, data: Any = None, query: dict[str, str] | None = None
    ) -> Any:
        async with self._session.request(
            method, f"{self._url}{path.format(**names)}?{urlencode(query or {})}", data=data,
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
        ) as response:  # fmt: skip
            answer = await response.json()
        kind = "200" if response.status == 200 else "default"
        found = differences(answer, "paths", path, method, "responses", kind, "content", "application/json", "schema")
        assert not found, f"{method} {path} answers {response.status}\n" + "\n".join(found)
        return answer


@pytest.fixture
def speak(sandbox: Sandbox, http: aiohttp.ClientSession) -> Speaker:
    return Speaker(sandbox.url, http)


async def test_answers_about_a_payment_that_goes_well(speak: Speaker) -> None:
    method = await speak.post("/v1/payment_methods", {"type": "card", "card[token]": "tok_visa"})
    await speak.get("/v1/payment_methods/{payment_method}", payment_method=method["id"])
    held = await speak.pay(method["id"])
    assert held["status"] == "requires_capture"
    taken = await speak.post("/v1/payment_intents/{intent}/capture", intent=held["id"])
    assert taken["status"] == "succeeded"
    refund = await speak.post("/v1/refunds", {"payment_intent": held["id"], "amount": "1000"})
    await speak.get("/v1/refunds/{refund}", refund=refund["id"])
    await speak.get("/v1/refunds", {"payment_intent": held["id"]})
    await speak.get("/v1/payment_intents/{intent}", {"expand[0]": "latest_charge"}, intent=held["id"])
    await speak.get("/v1/payment_intents", {"expand[0]": "data.latest_charge"})
    await speak.get("/v1/charges/{charge}", charge=taken["latest_charge"])
    await speak.get("/v1/charges", {"payment_intent": held["id"]})
    await speak.get("/v1/balance")


async def test_answers_about_payments_that_go_otherwise(speak: Speaker, ask: Any) -> None:
    declined = await speak.pay("pm_card_chargeDeclinedInsufficientFunds")
    assert declined["error"]["decline_code"] == "insufficient_funds"
    failed = declined["error"]["payment_intent"]["id"]
    await speak.get("/v1/payment_intents/{intent}", {"expand[0]": "latest_charge"}, intent=failed)
    for outcome in ("fail", "succeed"):
        waiting = await speak.pay("pm_card_threeDSecure2Required")
        assert waiting["status"] == "requires_action"
        await ask("POST", f"/sandbox/challenges/{waiting['id']}", {"outcome": outcome})
        await speak.get("/v1/payment_intents/{intent}", {"expand[0]": "latest_charge"}, intent=waiting["id"])
    held = await speak.pay("pm_card_visa")
    given_up = {"cancellation_reason": "abandoned", "expand[0]": "latest_charge"}
    cancelled = await speak.post("/v1/payment_intents/{intent}/cancel", given_up, intent=held["id"])
    assert cancelled["status"] == "canceled"
    await speak.get("/v1/refunds", {"payment_intent": held["id"]})
    for path, form in (
        ("/v1/payment_intents", {**BUY, "amount": "0"}),
        ("/v1/payment_intents", {"nonsense": "1"}),
        ("/v1/refunds", {"payment_intent": "pi_nobody"}),
    ):
        assert "error" in await speak.post(path, form)


async def test_events(speak: Speaker, ear: Ear, ask: Any) -> None:
    held = await speak.pay("pm_card_visa")
    await speak.post("/v1/payment_intents/{intent}/capture", intent=held["id"])
    await speak.post("/v1/refunds", {"payment_intent": held["id"]})
    declined = (await speak.pay("pm_card_chargeDeclined"))["error"]["payment_intent"]
    waiting = await speak.pay("pm_card_threeDSecure2Required")
    await speak.post("/v1/payment_intents/{intent}/cancel", intent=waiting["id"])
    heard = [
        *await ear.wait_for(7, held["id"]), *await ear.wait_for(3, declined["id"]),
        *await ear.wait_for(3, waiting["id"]),
    ]  # fmt: skip
    found = set()
    for event in (json.loads(body) for _, body in heard):
        about = event["data"]["object"]
        found |= {
            f"{event['type']}: {one}"
            for one in (
                *differences(event, "components", "schemas", "event"),
                *differences(about, "components", "schemas", about["object"]),
            )
        }
    assert not found, "\n".join(sorted(found))
    listed = await speak.get("/v1/events", {"limit": "100"})
    assert {one["type"] for one in listed["data"]} >= {json.loads(body)["type"] for _, body in heard}


def test_the_comparison_finds_what_is_wrong() -> None:
    refund = {"id": "re_1", "object": "refund", "amount": "10", "created": 1, "currency": None, "colour": "red"}
    found = "\n".join(differences(refund, "components", "schemas", "refund"))
    for place in ("$.amount", "$.currency", "colour"):
        assert place in found
