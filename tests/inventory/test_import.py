"""Counts of many SKUs by file."""

import json
from typing import Any

import pytest

from bodega.kit.db import Database
from bodega.kit.testing import Answered, Caller, Credentials
from tests.inventory.making import reserve, standing, stocked

pytestmark = pytest.mark.service


async def imported(merchant: Caller, *rows: dict[str, Any] | bytes, query: str = "") -> Answered:
    content = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    return await merchant.post(
        f"/admin/inventory/import{query}", raw=content, headers={"Content-Type": "application/x-ndjson"}
    )


async def test_a_file_of_counts_sets_what_is_on_hand_and_the_ledger_says_why(
    merchant: Caller, database: Database
) -> None:
    few, many, same = await stocked(database, 3), await stocked(database, 0), await stocked(database, 7)
    rows = ({"sku": few, "on_hand": 1}, b"", {"sku": many, "on_hand": 500}, {"sku": same, "on_hand": 7})
    answer = await imported(merchant, *rows, query="?reason=Stocktaking")
    assert answer.status == 200, answer.body
    assert answer.json == {"updated": 2, "unchanged": 1, "failed": 0, "errors": []}
    assert [await standing(database, sku) for sku in (few, many, same)] == [(1, 0), (500, 0), (7, 0)]
    newest = (await merchant.get(f"/admin/inventory/{few}/ledger?limit=1")).json["items"][0]
    assert (newest["movement"], newest["delta"], newest["reason"]) == ("adjusted", -2, "Stocktaking")
    assert (await imported(merchant, *rows)).json["unchanged"] == 3


async def test_a_row_at_fault_keeps_all_from_being_written_unless_partial(
    merchant: Caller, checkout: Caller, database: Database
) -> None:
    good, held = await stocked(database, 5), await stocked(database, 5)
    await reserve(checkout, (held, 4))
    rows: list[dict[str, Any] | bytes] = [
        {"sku": good, "on_hand": 9},
        {"sku": "NEVER-SEEN", "on_hand": 1},
        {"sku": held, "on_hand": 3},
        {"sku": good, "on_hand": 8},
        {"sku": good, "on_hand": -1},
        {"sku": good, "on_hand": 1, "colour": "red"},
        b"no json",
        b"[]",
    ]
    refused = await imported(merchant, *rows)
    assert (refused.status, refused.code, refused.json["failed"]) == (422, "invalid_request", 7)
    assert await standing(database, good) == (5, 0)
    partly = await imported(merchant, *rows, query="?partial=true")
    assert (partly.status, partly.json["updated"], partly.json["failed"]) == (200, 1, 7)
    assert [(one["line"], one["sku"], one["code"]) for one in partly.json["errors"]] == [
        (2, "NEVER-SEEN", "not_found"),
        (3, held, "below_reserved"),
        (4, good, "invalid_request"),
        (5, None, "invalid_request"),
        (6, None, "invalid_request"),
        (7, None, "invalid_request"),
        (8, None, "invalid_request"),
    ]
    assert partly.json["errors"][3]["message"].startswith("/on_hand: ")
    assert (await standing(database, good), await standing(database, held)) == ((9, 0), (5, 4))


async def test_a_row_may_be_for_one_version_of_the_stock_alone(
    merchant: Caller, checkout: Caller, database: Database
) -> None:
    sku = await stocked(database, 5)
    version = (await merchant.get(f"/admin/inventory/{sku}")).json["version"]
    await reserve(checkout, (sku, 1))
    late = await imported(merchant, {"sku": sku, "on_hand": 50, "version": version}, query="?partial=true")
    assert [(one["sku"], one["code"]) for one in late.json["errors"]] == [(sku, "stale_version")]
    now = await imported(merchant, {"sku": sku, "on_hand": 50, "version": version + 1})
    assert now.json["updated"] == 1
    assert await standing(database, sku) == (50, 1)


async def test_a_file_of_more_rows_than_one_transaction_takes_is_counted_whole(
    merchant: Caller, database: Database
) -> None:
    first, last = await stocked(database, 1), await stocked(database, 1)
    strangers = [{"sku": f"NEVER-{number}", "on_hand": 1} for number in range(1_050)]
    rows = [{"sku": first, "on_hand": 2}, *strangers, {"sku": last, "on_hand": 2}]
    answer = await imported(merchant, *rows, query="?partial=true")
    assert (answer.json["updated"], answer.json["failed"], len(answer.json["errors"])) == (2, 1_050, 1_000)
    assert (await standing(database, first), await standing(database, last)) == ((2, 0), (2, 0))


async def sheet(merchant: Caller, content: str, encoding: str = "utf-8", query: str = "") -> Answered:
    return await merchant.post(
        f"/admin/inventory/import{query}", raw=content.encode(encoding), headers={"Content-Type": "text/csv"}
    )


async def test_a_sheet_of_counts_is_read_as_a_spreadsheet_program_saves_it(
    merchant: Caller, database: Database
) -> None:
    few, many, last = await stocked(database, 3), await stocked(database, 0), await stocked(database, 0)
    answer = await sheet(merchant, f"SKU;On hand;\r\n{few};1;\r\n;;\r\n{many};500,0;\r\n", "utf-16")
    assert answer.status == 200, answer.body
    assert answer.json == {"updated": 2, "unchanged": 0, "failed": 0, "errors": []}
    assert [await standing(database, sku) for sku in (few, many)] == [(1, 0), (500, 0)]
    wrong = f"on_hand,sku,Version\n2,{few},1\n,{few},\n\n4.5,{many},\n7,{many},,x\n8,{last},\n8,{last},\n"
    partly = await sheet(merchant, wrong, query="?partial=true")
    assert (partly.status, partly.json["updated"]) == (200, 1), partly.body
    told = [(one["line"], one["code"]) for one in partly.json["errors"]]
    assert told == [(2, "stale_version"), *((line, "invalid_request") for line in (3, 5, 6, 8))]


@pytest.mark.parametrize("content", ["", "sku\nA\n", "sku,on_hand,colour\nA,1,red\n", 'sku,on_hand\n"A,1\n'])
async def test_a_sheet_that_makes_no_sense_is_answered_cleanly(merchant: Caller, content: str) -> None:
    answer = await sheet(merchant, content)
    assert (answer.status, answer.code, answer.json["failed"]) == (422, "invalid_request", 1)


async def test_only_merchants_import_and_only_json_lines_and_sheets(
    inventory: Caller, merchant: Caller, credentials: Credentials
) -> None:
    kind = {"Content-Type": "application/x-ndjson"}
    path = "/admin/inventory/import"
    assert (await inventory.post(path, raw=b"", headers=kind)).status == 401
    customer = inventory.being(credentials.customer("cus_shopper"))
    assert (await customer.post(path, raw=b"", headers=kind)).status == 403
    assert (await merchant.post(path, raw=b"", headers={"Content-Type": "text/html"})).code == "unsupported_media_type"
    endless = await imported(merchant, b"{" + b" " * 20_000)
    assert endless.json["errors"][0]["message"].startswith("The line is longer")
