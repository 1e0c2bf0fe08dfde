"""The carrier: labels bought once, found again, printed, and on their way."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.sandbox.printed import read
from tests.sandbox.stand import CARRIER_KEY, PARCEL, Ear, Sandbox

pytestmark = pytest.mark.unit

KEY = {"Authorization": f"Bearer {CARRIER_KEY}"}


async def test_a_label_is_bought_once_per_key(ask: Any) -> None:
    order = {**PARCEL, "reference": "shp_once"}
    status, label = await ask("POST", "/carrier/labels", order, **KEY, **{"Idempotency-Key": "once"})
    assert status == 201
    assert label["cost"] == {"amount": 569, "currency": "EUR"}
    status, again = await ask("POST", "/carrier/labels", order, **KEY, **{"Idempotency-Key": "once"})
    assert (status, again) == (200, label)
    other = {**order, "parcels": [{"weight_grams": 5}]}
    assert (await ask("POST", "/carrier/labels", other, **KEY, **{"Idempotency-Key": "once"}))[0] == 409
    _, found = await ask("GET", "/carrier/labels?reference=shp_once", **KEY)
    assert [it["label_id"] for it in found["items"]] == [label["label_id"]]


async def test_a_label_can_be_printed(ask: Any) -> None:
    _, label = await ask("POST", "/carrier/labels", PARCEL, **KEY)
    status, pdf = await ask("GET", f"/carrier/labels/{label['label_id']}.pdf", **KEY)
    assert status == 200
    assert (await ask("GET", f"/carrier/labels/{label['label_id']}.pdf", **KEY))[1] == pdf
    printed = read(pdf)
    assert printed.size == (100, 150)
    assert printed.barcodes == [label["tracking_number"]]
    for words in (label["tracking_number"], "Zoë Lukasz", "Torstraße 9", "10119 Berlin", "1200 g"):
        assert words in printed.text


@pytest.mark.parametrize("kind", ["drop_after", "error_500_after", "timeout_after"])
async def test_a_label_of_unknown_fate_is_found_by_its_reference(ask: Any, kind: str) -> None:
    order = {**PARCEL, "reference": f"shp_{kind}"}
    fault = {"target": "carrier.labels", "kind": kind, "seconds": 0.1, "match": {"reference": f"shp_{kind}"}}
    await ask("POST", "/sandbox/faults", fault)
    if kind == "error_500_after":
        assert (await ask("POST", "/carrier/labels", order, **KEY))[0] == 500
    else:
        with pytest.raises(aiohttp.ClientError):
            await ask("POST", "/carrier/labels", order, **KEY)
    _, found = await ask("GET", f"/carrier/labels?reference=shp_{kind}", **KEY)
    assert len(found["items"]) == 1


async def test_rates_may_be_slow_or_refused(ask: Any) -> None:
    question = {"to": {"country": "DE"}, "parcels": [{"weight_grams": 900}]}
    _, answer = await ask("POST", "/carrier/rates", question, **KEY)
    assert [(it["service"], it["cost"]["amount"]) for it in answer["rates"]] == [("standard", 509), ("express", 1018)]
    await ask("POST", "/sandbox/faults", {"target": "carrier.rates", "kind": "refuse"})
    assert (await ask("POST", "/carrier/rates", question, **KEY))[0] == 422


async def test_pushed_along_its_way(ask: Any) -> None:
    _, label = await ask("POST", "/carrier/labels", PARCEL, **KEY)
    path = f"/sandbox/parcels/{label['tracking_number']}/advance"
    assert (await ask("POST", path))[1]["status"] == "picked_up"
    assert (await ask("POST", f"/carrier/labels/{label['label_id']}/void", **KEY))[0] == 409
    assert (await ask("POST", path, {"to": "delivered"}))[1]["status"] == "delivered"
    _, track = await ask("GET", f"/carrier/track/{label['tracking_number']}", **KEY)
    assert [it["status"] for it in track["events"]] == ["picked_up", "in_transit", "out_for_delivery", "delivered"]


async def test_voided_before_it_is_picked_up(ask: Any) -> None:
    _, label = await ask("POST", "/carrier/labels", PARCEL, **KEY)
    for _ in range(2):
        assert (await ask("POST", f"/carrier/labels/{label['label_id']}/void", **KEY))[1]["status"] == "voided"
    assert (await ask("POST", f"/sandbox/parcels/{label['tracking_number']}/advance"))[0] == 409


async def test_moves_by_itself_on_its_time_line(tmp_path: Any, ear: Ear, http: aiohttp.ClientSession) -> None:
    sandbox = Sandbox(tmp_path, environment={
        "BODEGA_SANDBOX_PARCEL_SECONDS": "[0.05, 0.1, 0.15, 0.2]",
        "BODEGA_SANDBOX_CARRIER_WEBHOOK_URL": f"{ear.url}/shipping",
    })  # fmt: skip
    sandbox.start()
    try:
        async with http.post(f"{sandbox.url}/carrier/labels", json=PARCEL, headers=KEY) as answer:
            label = await answer.json()
        await ear.wait_for(4, label["tracking_number"])
    finally:
        sandbox.stop()


async def test_refuses_strangers_and_nonsense(ask: Any) -> None:
    assert (await ask("POST", "/carrier/labels", PARCEL))[0] == 401
    status, wrong = await ask("POST", "/carrier/labels", {**PARCEL, "parcels": [], "colour": "red"}, **KEY)
    assert status == 422
    assert {it["pointer"] for it in wrong["error"]["errors"]} == {"/parcels", "/colour"}
