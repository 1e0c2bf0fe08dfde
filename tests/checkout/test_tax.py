"""The table of tax rates: what it begins with, who changes it, and what a checkout makes of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bodega.contracts.fields import Address
from bodega.kit.db import Database
from bodega.kit.testing import Caller, Credentials
from bodega.services.checkout import store
from tests.checkout.making import ADDRESS, buy, id_of
from tests.checkout.world import SENDING, UNIT, Basket, World, euro

pytestmark = pytest.mark.service


@pytest.fixture
def merchant(shop: Caller, credentials: Credentials) -> Caller:
    return shop.being(credentials.customer("cus_merchant", "merchant"))


async def quoted(shop: Caller, basket: Basket, **address: str) -> dict[str, Any]:
    body = {"shipping_address": {**ADDRESS, **address}}
    answer = await shop.being(basket.headers).post("/checkout/quote", body)
    assert answer.status == 200, answer.body
    totals: dict[str, Any] = answer.json["totals"]
    return totals


CALIFORNIA = {"country": "US", "region": "California", "city": "San Francisco", "postal_code": "94105"}


@pytest.mark.parametrize(
    ("address", "category", "tax", "included"),
    [
        ({}, "standard", 383 + 78, True),
        ({}, "books", 157 + 32, True),
        ({"country": "DK", "postal_code": "1050", "city": "Kobenhavn"}, "books", 480 + 98, True),
        ({"country": "GB", "postal_code": "SW1A 1AA", "city": "London"}, "books", 0, True),
        ({"country": "CH", "postal_code": "8001", "city": "Zurich"}, "standard", 180 + 37, True),
        ({"country": "JP", "region": "Tokyo", "postal_code": "100-0001"}, "standard", 0, True),
        (CALIFORNIA, "standard", 174, False),
        ({"country": "DE", "postal_code": "27498", "city": "Helgoland"}, "standard", 0, True),
        ({"country": "ES", "region": "Las Palmas", "postal_code": "35001", "city": "Las Palmas"}, "standard", 0, True),
        ({"country": "PT", "postal_code": "9000-013", "city": "Funchal"}, "standard", 433 + 88, True),
        ({"country": "MC", "postal_code": "98000", "city": "Monaco"}, "standard", 400 + 82, True),
    ],
)
async def test_tax_is_by_country_region_and_category_and_net_where_that_is_usual(
    shop: Caller, world: World, address: dict[str, str], category: str, tax: int, included: bool
) -> None:
    totals = await quoted(shop, world.basket(tax_category=category), **address)
    assert (totals["tax"]["amount"], totals["tax_included"]) == (tax, included)
    assert totals["total"]["amount"] == 2 * UNIT + SENDING + (0 if included else tax)


@pytest.mark.parametrize(
    ("address", "category", "rates"),
    [
        ({}, "standard", ["0.19"]),
        ({}, "books", ["0.07"]),
        ({"country": "GB", "postal_code": "SW1A 1AA", "city": "London"}, "books", []),  # by a rate of nothing
        ({"country": "JP", "region": "Tokyo", "postal_code": "100-0001"}, "standard", []),
        (CALIFORNIA, "standard", ["0.0725"]),
    ],
)
async def test_a_quote_names_the_rates_by_which_it_is_taxed_and_none_where_no_tax_is_due(
    shop: Caller, world: World, address: dict[str, str], category: str, rates: list[str]
) -> None:
    body = {"shipping_address": {**ADDRESS, **address}}
    answer = await shop.being(world.basket(tax_category=category).headers).post("/checkout/quote", body)
    assert answer.json["tax_rates"] == rates


@pytest.mark.parametrize(
    ("country", "included", "rate"),
    [("DE", True, "0.19"), ("CH", True, "0.081"), ("US", False, None), ("JP", True, None), ("AQ", True, None)],
)
async def test_anybody_may_ask_whether_prices_include_tax(
    shop: Caller, country: str, included: bool, rate: str | None
) -> None:
    answer = await shop.get(f"/tax/{country}")
    assert answer.status == 200
    assert answer.json == {"country": country, "prices_include_tax": included, "rate": rate}
    assert answer.headers["cache-control"].startswith("public")


async def test_what_was_quoted_is_what_is_bought_where_tax_comes_on_top(
    shop: Caller, world: World, database: Database
) -> None:
    basket = world.basket()
    total = (await quoted(shop, basket, **CALIFORNIA))["total"]["amount"]
    answer = await buy(shop, basket, total=total, shipping_address={**ADDRESS, **CALIFORNIA})
    assert answer.status == 201
    async with database.transaction() as tx:
        kept = await tx.fetchval("SELECT tax_decision FROM checkout WHERE id = $1", id_of(answer))
    assert (kept["country"], kept["region"], kept["prices_include_tax"]) == ("US", "California", False)
    assert kept["lines"] == [{"sku": basket.sku, "category": "standard", "rate": "0.0725"}]
    assert kept["shipping"] == {"rule": "own rate", "rate": "0"}
    assert kept["table"] == {"day": datetime.now(UTC).date().isoformat(), "version": 1}


@pytest.mark.parametrize(
    ("day", "rate"), [("2025-07-31", "0.19"), ("2025-08-01", "0.21"), ("2030-01-01", "0.21"), ("2024-12-31", None)]
)
async def test_a_rate_holds_from_its_first_day_on(shop: Caller, database: Database, day: str, rate: str | None) -> None:
    romania = Address.model_validate({**ADDRESS, "country": "RO"})
    async with database.transaction() as tx:
        table = await store.rate_table(tx, "RO", date.fromisoformat(day))
    assert table.rate(romania, "standard") == (Decimal(rate) if rate else None)


async def test_a_merchant_replaces_the_rates_of_a_country_and_the_next_quote_has_them(
    shop: Caller, world: World, merchant: Caller
) -> None:
    basket = world.basket()
    today = datetime.now(UTC).date()
    canada = {"country": "CA", "region": "ON", "city": "Toronto", "postal_code": "M5V 2T6"}
    assert (await quoted(shop, basket, **canada))["tax"] == euro(0).model_dump()
    rate = {"region": "Ontario", "category": "standard", "valid_from": "2025-01-01", "rate": "0.13"}
    later = {**rate, "valid_from": (today + timedelta(days=1)).isoformat(), "rate": "0.5"}
    wanted = {"prices_include_tax": False, "rates": [rate, later]}
    made = await merchant.put("/admin/tax-rates/CA", wanted)
    assert (made.status, made.json["version"], made.headers["etag"]) == (200, 1, '"1"')
    assert made.json["rates"] == [{**rate, "region": "ON"}, {**later, "region": "ON"}]
    read = await merchant.get("/admin/tax-rates/CA")
    assert (read.json, read.headers["etag"]) == (made.json, '"1"')
    assert (await merchant.get("/admin/tax-rates/AQ")).code == "not_found"
    assert (await quoted(shop, basket, **canada))["tax"] == euro(312 + 64).model_dump()

    assert (await merchant.put("/admin/tax-rates/CA", wanted)).code == "precondition_required"
    stale = await merchant.put("/admin/tax-rates/CA", wanted, headers={"If-Match": '"7"'})
    assert (stale.status, stale.code, stale.json["current_version"]) == (412, "stale_version", 1)
    none = {"prices_include_tax": True, "rates": []}
    assert (await merchant.put("/admin/tax-rates/CA", none, headers={"If-Match": '"1"'})).json["version"] == 2
    assert (await quoted(shop, basket, **canada))["tax"] == euro(0).model_dump()


async def test_the_countries_are_listed_page_by_page(merchant: Caller) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await merchant.get(f"/admin/tax-rates?limit=9{cursor}")).json
        seen += [one["country"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen)
    assert {"DE", "CH", "GB", "NO", "US"} <= set(seen)


RATE = {"category": "standard", "valid_from": "2025-01-01", "rate": "0.1"}


@pytest.mark.parametrize(
    ("rates", "pointer"),
    [
        ([{**RATE, "rate": "1"}], "/rates/0/rate"),
        ([{**RATE, "rate": 0.19}], "/rates/0/rate"),
        ([{**RATE, "rate": "-0.1"}], "/rates/0/rate"),
        ([{**RATE, "region": "Bavaria"}], "/rates/0/region"),
        ([{**RATE, "region": "Madeira"}], "/rates/0/region"),
        ([{**RATE, "valid_from": "soon"}], "/rates/0/valid_from"),
        ([{**RATE, "colour": "red"}], "/rates/0/colour"),
        ([RATE, RATE], "/rates/1"),
    ],
)
async def test_rates_that_make_no_sense_are_refused_by_name(
    merchant: Caller, rates: list[dict[str, Any]], pointer: str
) -> None:
    answer = await merchant.put("/admin/tax-rates/US", {"prices_include_tax": False, "rates": rates})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer)


async def test_only_merchants_see_and_change_rates(shop: Caller, credentials: Credentials) -> None:
    customer = shop.being(credentials.customer("cus_1"))
    nothing = {"prices_include_tax": True, "rates": []}
    for who, code in ((shop, "unauthenticated"), (customer, "forbidden")):
        assert (await who.get("/admin/tax-rates")).code == code
        assert (await who.put("/admin/tax-rates/DE", nothing)).code == code
