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
    for words in (label["tracking_number"], "Zoë Łukasz", "Torstraße 9", "10119 Berlin", "1200 g"):
        assert words in printed.text


# What is given beside line1 -> what must be on the label, as that country writes it.
WRITTEN: list[tuple[dict[str, str], list[str]]] = [
    ({"company": "Example Widgets LLC", "city": "San Francisco", "region": "California", "postal_code": "94105",
      "country": "US"}, ["Example Widgets LLC", "San Francisco, CA 94105", "UNITED STATES"]),
    ({"city": "Toronto", "region": "ON", "postal_code": "M5V 2T6", "country": "CA"}, ["Toronto ON M5V 2T6", "CANADA"]),
    ({"city": "Sydney", "region": "NSW", "postal_code": "2000", "country": "AU"}, ["Sydney NSW 2000", "AUSTRALIA"]),
    ({"city": "London", "postal_code": "SW1A 1AA", "country": "GB"}, ["London", "SW1A 1AA", "UNITED KINGDOM"]),
    ({"city": "Berlin", "line2": "3. Etage", "postal_code": "10119", "country": "DE"}, ["10119 Berlin", "3. Etage"]),
    ({"name": "Ελένη Δοκιμή", "city": "Αθήνα", "postal_code": "105 63", "country": "GR"},
     ["Ελένη Δοκιμή", "Αθήνα", "105 63"]),
    ({"name": "Иван Иванов", "city": "София", "postal_code": "1000", "country": "BG"}, ["Иван Иванов", "1000 София"]),
    ({"name": "Łukasz Żółć", "city": "Łódź", "postal_code": "90-001", "country": "PL"}, ["Łukasz Żółć", "90-001 Łódź"]),
    ({"name": "Nguyễn Văn Ấn", "city": "Hà Nội", "postal_code": "100000", "country": "VN"}, ["Nguyễn Văn Ấn"]),
    ({"name": "Gemeinschaftsschulstrasse-" * 3, "city": "Berlin", "postal_code": "10119", "country": "DE"},
     ["Gemeinschaftsschulstrasse"]),
    ({"city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 2, "postal_code": "LL61 5UJ",
      "country": "GB"}, ["LL61 5UJ"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "shown"), WRITTEN)
async def test_an_address_is_on_the_label_as_its_country_writes_it_and_within_the_frame(
    ask: Any, given: dict[str, str], shown: list[str]
) -> None:
    to = {"name": "Kim Muster", "line1": "Musterweg 1", **given}
    status, label = await ask("POST", "/carrier/labels", {**PARCEL, "to": to}, **KEY)
    assert status == 201, label
    printed = read((await ask("GET", f"/carrier/labels/{label['label_id']}.pdf", **KEY))[1])
    for words in (*shown, "Musterweg 1"):
        assert words in printed.text
    assert "?" not in printed.text
    assert printed.barcodes == [label["tracking_number"]]
    left, right = printed.spread
    assert left > 4
    assert right < 96, "the frame is 4 mm from each side"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "山田太郎"}, "no letters for"),
        ({"line1": "شارع الملك 1"}, "no letters for"),
        ({"name": "Kim 🎁"}, "no letters for"),
        ({"city": "ถนนสุขุมวิท"}, "no letters for"),
        ({"name": "W" * 200, "company": "W" * 200, "line1": "W" * 200, "line2": "W" * 200}, "too long"),
    ],
)
async def test_what_a_label_cannot_show_is_refused_in_words_and_no_label_is_sold(
    ask: Any, given: dict[str, str], reason: str
) -> None:
    to = {"name": "Kim Muster", "line1": "Weg 1", "postal_code": "10119", "city": "Berlin", "country": "DE", **given}
    order = {**PARCEL, "reference": f"shp_{sorted(given)}{reason}", "to": to}
    status, refused = await ask("POST", "/carrier/labels", order, **KEY)
    assert (status, refused["error"]["code"]) == (422, "address_not_printable")
    assert reason in refused["error"]["message"]
    _, found = await ask("GET", f"/sandbox/parcels?reference={order['reference']}", **KEY)
    assert found["items"] == []


async def test_nobody_guesses_a_tracking_number_and_its_page_says_nothing_of_the_person(ask: Any) -> None:
    numbers = {(await ask("POST", "/carrier/labels", PARCEL, **KEY))[1]["tracking_number"] for _ in range(3)}
    assert len(numbers) == 3
    for number in numbers:
        assert len(number) == 19, "two letters and 17 of 32: 85 bits"
        _, page = await ask("GET", f"/parcels/{number}")
        text = page.decode() if isinstance(page, bytes) else str(page)
        assert number in text
        for secret in (*(str(value) for key, value in PARCEL["to"].items() if key != "country"), PARCEL["reference"]):
            assert secret not in text


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
