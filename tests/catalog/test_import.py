"""Many products by file."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Answered, eventually
from bodega.services.catalog import domain
from bodega.services.catalog import service as catalog
from bodega.services.catalog.domain import Product
from bodega.services.catalog.domain.imports import Row, csv_rows, json_rows
from bodega.services.catalog.errors import SkuTaken, SlugTaken
from bodega.services.catalog.schemas import ProductWrite
from tests.catalog.conftest import Room
from tests.catalog.making import euro, mug

service = pytest.mark.service
unit = pytest.mark.unit


def lines(*contents: Any) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in contents)


async def imported(room: Room, content: bytes, query: str = "", kind: str = "application/x-ndjson") -> Answered:
    return await room.merchant.post(f"/admin/products/import{query}", raw=content, headers={"Content-Type": kind})


async def versions(room: Room, *contents: dict[str, Any]) -> list[int | None]:
    answers = [await room.merchant.get(f"/admin/products/{one['slug']}") for one in contents]
    return [one.json["version"] if one.status == 200 else None for one in answers]


@service
async def test_a_file_makes_products_and_changes_those_that_are_known(room: Room) -> None:
    first, second = mug(), mug()
    answer = await imported(room, lines(first, b"", second))
    assert answer.status == 200, answer.body
    report = answer.json
    assert (report["created"], report["updated"], report["unchanged"], report["failed"]) == (2, 0, 0, 0)
    again = await imported(room, lines({"slug": first["slug"], "title": "New"}, second))
    assert (again.json["updated"], again.json["unchanged"]) == (1, 1)
    assert again.json["changes"] == [
        {"line": 1, "slug": first["slug"], "action": "update", "fields": ["title"]}
    ]  # fmt: skip
    changed = (await room.shop.get(f"/products/{first['slug']}")).json
    assert changed["title"] == "New"
    assert [one["sku"] for one in changed["variants"]] == [one["sku"] for one in first["variants"]]


@service
async def test_a_dry_run_says_what_would_be_done_and_does_nothing(room: Room) -> None:
    wanted = mug()
    answer = await imported(room, lines(wanted, {"slug": "broken"}), "?dry_run=true")
    assert answer.status == 200
    report = answer.json
    assert (report["dry_run"], report["created"], report["failed"]) == (True, 1, 1)
    assert report["changes"][0]["fields"][:2] == ["title", "slug"]
    assert {one["pointer"] for one in report["errors"]} == {"/title", "/variants"}
    assert await versions(room, wanted) == [None]


@service
async def test_one_row_at_fault_keeps_all_from_being_written_unless_partial(room: Room) -> None:
    good, clash, bad = mug(), mug(), mug(categories=["nowhere"])
    clash["variants"][0]["sku"] = good["variants"][0]["sku"]
    content = lines(good, clash, bad, b"{", b"[]", {"slug": 7})
    answer = await imported(room, content)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert {one["line"] for one in answer.json["errors"]} == {2, 3, 4, 5, 6}
    assert answer.json["failed"] == 5
    assert await versions(room, good, clash, bad) == [None, None, None]
    partial = await imported(room, content, "?partial=true")
    assert (partial.status, partial.json["created"], partial.json["failed"]) == (200, 1, 5)
    good_version, *others = await versions(room, good, clash, bad)
    assert good_version is not None
    assert others == [None, None]


@service
async def test_a_sku_of_another_product_is_found_before_anything_is_written(room: Room) -> None:
    sold = mug()
    assert (await room.merchant.post("/admin/products", sold)).status == 201
    good, thief = mug(), mug()
    thief["variants"][1]["sku"] = sold["variants"][0]["sku"]
    answer = await imported(room, lines(good, thief))
    assert answer.status == 422
    assert sold["slug"] in answer.json["errors"][0]["message"]
    assert await versions(room, good) == [None]


@service
async def test_a_spreadsheet_has_a_line_for_each_variant(room: Room) -> None:
    sheet = (
        "\ufeffslug,title,status,sku,price,compare_at_price,option:Color,seo_title\r\n"
        'sheet-mug,"Mug, of\u00a0a sheet",published,SHEET-1,19.90,24,Sand,Hello\r\n'
        "sheet-mug,,,SHEET-2,21,,Slate,\r\n"
        "sheet-bowl,Bowl,draft,SHEET-3,7.5,,Sand,\r\n"
    )
    answer = await imported(room, sheet.encode(), kind="text/csv; charset=utf-8")
    assert answer.status == 200, answer.body
    assert answer.json["created"] == 2
    shown = (await room.shop.get("/products/sheet-mug")).json
    assert [(one["sku"], one["price"], one["options"]) for one in shown["variants"]] == [
        ("SHEET-1", euro(1990), {"Color": "Sand"}), ("SHEET-2", euro(2100), {"Color": "Slate"}),
    ]  # fmt: skip
    assert shown["variants"][0]["compare_at_price"] == euro(2400)
    assert shown["seo"]["title"] == "Hello"
    again = await imported(room, b"slug,brand\nsheet-mug,Oriel\n", kind="text/csv")
    assert again.json["changes"][0]["fields"] == ["brand"]


@service
async def test_a_list_of_prices_changes_prices_and_nothing_else(room: Room) -> None:
    sheet = (
        "slug,title,sku,price,compare_at_price,weight_grams,barcode,option:Color\n"
        "priced-mug,Mug,PRICED-1,19.90,24,390,123,Sand\npriced-mug,,PRICED-2,21,,400,,Slate\n"
    )
    assert (await imported(room, sheet.encode(), kind="text/csv")).json["created"] == 1
    before = (await room.merchant.get("/admin/products/priced-mug")).json
    prices = await imported(room, b"slug,sku,price\npriced-mug,PRICED-2,18\n", kind="text/csv")
    assert prices.json["changes"][0]["fields"] == ["variants"]
    after = (await room.merchant.get("/admin/products/priced-mug")).json
    first, second = before["variants"]
    assert (after["options"], after["variants"]) == (before["options"], [first, {**second, "price": euro(1800)}])
    same = await imported(room, b"slug,sku,price\npriced-mug,PRICED-2,18\npriced-mug,PRICED-1,19.90\n", kind="text/csv")
    assert same.json["unchanged"] == 1


@service
async def test_a_line_of_a_known_product_adds_a_variant_and_an_empty_cell_empties(room: Room) -> None:
    sheet = (
        "slug,title,sku,price,compare_at_price,option:Color\n"
        "grown-mug,Mug,GROWN-1,19,24,Sand\ngrown-mug,,GROWN-2,19,24,Slate\n"
    )
    assert (await imported(room, sheet.encode(), kind="text/csv")).json["created"] == 1
    more = b"slug,sku,price,compare_at_price,option:Color\ngrown-mug,GROWN-3,20,,Ash\ngrown-mug,GROWN-1,19,,Chalk\n"
    assert (await imported(room, more, kind="text/csv")).json["updated"] == 1
    grown = (await room.merchant.get("/admin/products/grown-mug")).json
    assert [(one["sku"], one["options"]["Color"], one["compare_at_price"]) for one in grown["variants"]] == [
        ("GROWN-1", "Chalk", None), ("GROWN-2", "Slate", euro(2400)), ("GROWN-3", "Ash", None),
    ]  # fmt: skip
    assert grown["options"] == [{"name": "Color", "values": ["Slate", "Chalk", "Ash"]}]


@service
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/x-ndjson", 200), (b"", "text/csv", 422), (b"{}", "application/json", 415),
        (b"\xff\xfe", "text/csv", 422), (b"\xff", "application/x-ndjson", 422),
        (b"slug,colour\na,b\n", "text/csv", 422), (b"slug,title\na\n", "text/csv", 422),
        (b"slug,price\na,1\n", "text/csv", 422), (b"sku;price\na;1\n", "text/csv", 422),
        (b"slug,title\na,b,c\n", "text/csv", 422), (b'slug,title\na,"b\n', "text/csv", 422),
        (b"slug,title\na," + b"x" * 200_000, "text/csv", 422), (b"[" * 100_000, "application/x-ndjson", 422),
        (b"x" * 1_000_001, "application/x-ndjson", 422), (b'{"slug":"\\ud800"}', "application/x-ndjson", 422),
        (b'{"slug":"a\\u0000"}', "application/x-ndjson", 422), (b"slug,sku,price\na,A,-1\n", "text/csv", 422),
    ],
)  # fmt: skip
async def test_files_that_make_no_sense_are_answered_cleanly(
    room: Room, content: bytes, kind: str, status: int
) -> None:
    answer = await imported(room, content, kind=kind)
    assert answer.status == status, answer.body


@service
async def test_only_merchants_import(room: Room) -> None:
    answer = await room.shop.post("/admin/products/import", raw=b"", headers={"Content-Type": "text/csv"})
    assert answer.status == 401


def price(text: str, currency: str) -> Any:
    """In minor units; or why it cannot be told."""
    (row,) = csv_rows(io.BytesIO(f'slug,sku,price\na,A,"{text}"\n'.encode()), currency)
    return row.fault or row.content["variants"][0]["price"]["amount"]


@unit
@pytest.mark.parametrize(
    ("currency", "text", "amount"),
    [
        ("EUR", "19.90", 1990), ("EUR", "19.9", 1990), ("EUR", "19", 1900), ("EUR", "0.05", 5), ("JPY", "1990", 1990),
        ("EUR", "27,50", 2750), ("EUR", "27,5", 2750), ("EUR", "1.234,50", 123450), ("EUR", "1,234.50", 123450),
        ("EUR", "1 234,50", 123450), ("EUR", "1\u202f234,50", 123450), ("CHF", "1'234.50", 123450),
        ("CHF", "1’234", 123400), ("EUR", "1.234.567", 123456700), ("EUR", "1234,5", 123450),
        ("EUR", "€19.90", 1990), ("EUR", "19,90 €", 1990), ("EUR", "EUR 19.90", 1990), ("USD", "$1,234.50", 123450),
        ("JPY", "1,990", 1990), ("JPY", "1.990", 1990), ("KWD", "1.990", 1990), ("KWD", "1234,567", 1234567),
    ],
)  # fmt: skip
def test_prices_are_read_in_the_currency_of_the_shop(currency: str, text: str, amount: int) -> None:
    assert price(text, currency) == amount


@unit
@pytest.mark.parametrize(
    ("currency", "text", "example"),
    [
        ("EUR", text, "19.90")
        for text in (
            "1.999",
            "1,999",
            "-1",
            "1e3",
            "19.999",
            "1,2,3",
            "1.23.456",
            "12,34.5",
            "19.90 $",
            "abc",
            "1,2.3,4",
        )
    ]
    + [("JPY", "19.90", "1990"), ("KWD", "1,990", "1.990")],
)
def test_what_is_no_price_or_may_be_two_is_refused(currency: str, text: str, example: str) -> None:
    assert price(text, currency) == f"price: '{text}' is not an amount in {currency}; write it as {example}."


@unit
def test_a_sku_that_stands_twice_in_a_product_is_a_fault_of_the_second_line() -> None:
    (row,) = csv_rows(io.BytesIO(b"slug,sku,price\na,A,1\n,,\na,A,2\n"), "EUR")
    assert (row.line, row.fault) == (4, "The SKU A appears in an earlier line of this product.")


@service
@pytest.mark.parametrize("kind", ["text/csv", "text/tab-separated-values", "text/csv; charset=utf-16"])
async def test_a_sheet_is_read_as_a_spreadsheet_program_saves_it(room: Room, kind: str) -> None:
    """Semicolons or tabs, UTF-16, capitals in headings, empty rows and columns, line ends in cells, decimal commas."""
    own = new_id("prd")[-8:].lower()
    rows = [
        ["Slug", "Title", "Description", "SKU", "Price", "Compare at price", "Weight-Grams", "Option: Color", ""],
        [f"own-{own}", "Mug", '"One line.\r\nAnother."', f"A-{own}", "1.019,90", "1.024", "390.0", "Sand", ""],
        [""] * 9,
        [f"own-{own}", "", "", f"B-{own}", "21,5", "", "", "Slate", ""],
        [f"bad-{own}", "Bowl", "", f"C-{own}", "much", "", "", "Sand", ""],
    ]
    separator = ";" if kind == "text/csv" else "\t"
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    answer = await imported(room, text.encode("utf-16" if "16" in kind else "utf-8-sig"), "?partial=true", kind)
    assert answer.status == 200, answer.body
    assert [(one["line"], one["slug"]) for one in answer.json["errors"]] == [(2, f"own-{own}"), (6, f"bad-{own}")]
    assert "1.024" in answer.json["errors"][0]["message"]
    text = text.replace("1.024", "1024")
    answer = await imported(room, text.encode("utf-16" if "16" in kind else "utf-8-sig"), "?partial=true", kind)
    assert (answer.json["created"], [one["line"] for one in answer.json["errors"]]) == (1, [6])
    made = (await room.merchant.get(f"/admin/products/own-{own}")).json
    assert made["description"].splitlines() == ["One line.", "Another."]
    assert [(one["price"], one["weight_grams"], one["options"]) for one in made["variants"]] == [
        (euro(101990), 390, {"Color": "Sand"}), (euro(2150), 0, {"Color": "Slate"}),
    ]  # fmt: skip


@service
async def test_json_lines_may_begin_with_a_byte_order_mark(room: Room) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        answer = await imported(room, lines(mug()).decode().encode(encoding), "?dry_run=true")
        assert (answer.status, answer.json["created"], answer.json["errors"]) == (200, 1, [])


@service
async def test_a_file_of_another_kind_is_told_what_is_taken(room: Room) -> None:
    answer = await imported(
        room, b"PK\x03\x04", kind="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert "application/json" not in answer.json["title"] + answer.json["detail"]
    assert "text/csv" in answer.json["detail"]
    workbook = await imported(room, b"PK\x03\x04 a workbook", kind="text/csv")
    assert (workbook.status, "workbook" in workbook.json["errors"][0]["message"]) == (422, True)


@unit
def test_json_lines_are_counted_as_people_count_them() -> None:
    assert list(json_rows(io.BytesIO(b'{"a": 1}\n\n{"b": 2}'))) == [Row(1, {"a": 1}), Row(3, {"b": 2})]


@service
async def test_of_many_new_products_those_that_clash_are_named_and_the_others_made_and_told(room: Room) -> None:
    """What happens to a row whose slug or SKU somebody else takes between the two readings."""
    store = room.app.state.store
    there = mug()
    assert (await imported(room, lines(there))).json["created"] == 1

    def new(content: dict[str, Any]) -> Product:
        wish = ProductWrite.model_validate(content)
        return domain.create(
            wish, product_id=new_id("prd"), key=None, body="", now=datetime.now(UTC), currency="EUR"
        )  # fmt: skip

    good, last = new(mug()), new(mug())
    same_slug, same_sku = new({**mug(), "slug": there["slug"]}), new({**mug(), "variants": there["variants"]})
    refused = await store.insert_products([good, same_slug, same_sku, last])
    assert {one: type(problem) for one, problem in refused.items()} == {same_slug.id: SlugTaken, same_sku.id: SkuTaken}
    assert [one.id for one in await store.products_by_id([good.id, same_slug.id, same_sku.id, last.id])] == [
        good.id,
        last.id,
    ]

    async def nothing_pending() -> None:
        assert await store.pending_after(None, 10) == []

    await eventually(nothing_pending)


@service
async def test_a_file_of_more_rows_than_are_written_at_once_is_written_whole(room: Room) -> None:
    wanted = [mug() for _ in range(60)]
    assert (await imported(room, lines(*wanted[:30]))).json["created"] == 30
    answer = await imported(room, lines(*wanted, {"slug": "broken"}, wanted[0]), "?partial=true")
    report = answer.json
    assert (report["created"], report["unchanged"], report["failed"]) == (30, 30, 2)
    assert {one["line"] for one in report["errors"]} == {61, 62}
    assert [one["line"] for one in report["changes"]] == [*range(31, 61)]
    assert None not in await versions(room, *wanted)


@service
async def test_what_the_check_of_a_file_has_made_is_written_and_not_made_once_more(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, created = domain.create, []

    def creating(wish: ProductWrite, **given: Any) -> Product:
        created.append(wish.slug)
        return create(wish, **given)

    monkeypatch.setattr(domain, "create", creating)
    monkeypatch.setattr(catalog, "KEPT_FROM_CHECK", 3)
    known, *new = (mug() for _ in range(6))
    assert (await imported(room, lines(known))).json["created"] == 1
    created.clear()
    answer = await imported(room, lines(new[0], known, {"slug": "broken"}, *new[1:]), "?partial=true")
    assert (answer.json["created"], answer.json["unchanged"], answer.json["failed"]) == (5, 1, 1)
    slugs = [one["slug"] for one in new]
    assert created == [*slugs, *slugs[3:]]
    assert None not in await versions(room, *new)
