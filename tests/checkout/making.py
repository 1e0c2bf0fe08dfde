"""What shoppers send, and what they wait for."""

import re
from typing import Any

from bodega.contracts.ids import new_id
from bodega.kit.testing import PATIENCE_SECONDS, Answered, Caller, eventually
from tests.checkout.world import SENDING, UNIT, Basket, euro

ADDRESS = {"name": "Ada Lovelace", "line1": "Torstrasse 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}


def wish(card: str = "pm_good", *, total: int | None = None, quantity: int = 2, **other: Any) -> dict[str, Any]:
    """The body of POST /checkout for a basket of `quantity` mugs."""
    return {
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_option": "standard",
        "payment_method": card,
        "expected_total": euro(UNIT * quantity + SENDING if total is None else total).model_dump(),
        **other,
    }


def key(value: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": value or new_id("key")}


async def buy(shop: Caller, basket: Basket, card: str = "pm_good", **other: Any) -> Answered:
    return await shop.being(basket.headers).post("/checkout", wish(card, **other), headers=key())


def id_of(answer: Answered) -> str:
    """The checkout's id, whether it went well or not."""
    return answer.headers["location"].rpartition("/")[2]


def for_people(detail: str, *never: str) -> None:
    """What a shopper reads: sentences, without codes, patterns, SKUs or words of machines."""
    assert detail[0].isupper() or detail[0] == "“", detail
    assert detail[-1] == ".", detail
    assert not re.search(r"[_{}^$\\\[\]]|[a-z]-token|Idempotency|[A-Z]+-x_", detail), detail
    assert not [one for one in never if one in detail], detail


async def becomes(
    shop: Caller, basket: Basket, checkout_id: str, status: str, *, within_seconds: float = PATIENCE_SECONDS
) -> Any:
    """The checkout, once it has this status."""

    async def check() -> Any:
        answer = await shop.being(basket.headers).get(f"/checkout/{checkout_id}")
        assert answer.status == 200
        assert answer.json["status"] == status, answer.json
        return answer.json

    return await eventually(check, within_seconds=within_seconds)


def states(view: Any) -> list[str]:
    return [entry["state"] for entry in view["timeline"]]
