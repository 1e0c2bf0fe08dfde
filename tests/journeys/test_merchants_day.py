"""A merchant's day, and one of support, as the guide has it: its commands are run as they stand there."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bodega.kit.testing import Caller, eventually
from tests.journeys.conftest import INSTANCE, PASSWORD
from tests.journeys.shop import Merchant, Outside, Shopper, euro, signed_in, unique

pytestmark = pytest.mark.journey

NAMES = ("writing-desk", "brass-ruler", "felt-pad", "RULER", "PAD-", "scratched", "2099-01-01")
"""What the guide makes. Here it bears other names each time: a SKU or a slug belongs to one product for ever."""


def commands(guide: str, names: dict[str, str], numbers: list[str]) -> str:
    """The guide's commands, with what its reader fills in."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL))
    left = iter(numbers)
    script = re.sub(r"^NUMBER=BDG-…$", lambda _: f"NUMBER={next(left)}", script, flags=re.MULTILINE)
    script = re.sub(r"^(API|EMAIL)=.*\n", "", script, flags=re.MULTILINE)
    assert "…" not in script
    assert next(left, None) is None
    return re.sub("|".join(names), lambda found: names[found[0]], script)


async def bash(script: str, folder: Path, **given: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, cwd=folder, env={**os.environ, **given},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, told.decode()
    return told.decode()


def users(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [root / "bodega", "users", *arguments, "--instance", INSTANCE],
        env={**os.environ, "BODEGA_PASSWORD": PASSWORD}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("jq") is None or shutil.which("curl") is None, reason="the guide needs jq and curl")
async def test_the_commands_of_the_merchants_guide_do_what_it_says(
    root: Path, tmp_path: Path, api: Caller, guest: Shopper, merchant: Merchant, outside: Outside
) -> None:
    email, mark = f"{unique('merchant')}@example.com", unique("x")[-6:]
    users(root, "create-merchant", email)
    names = {name: f"{name}{mark}" for name in NAMES}
    names |= {"RULER": f"RULER-{mark}", "PAD-": f"PAD-{mark}-", "2099-01-01": f"20{50 + int(mark, 16) % 50}-01-01"}
    sku = (await merchant.makes(price=2000, stock=5))["sku"]
    hasty = Shopper(api)
    await hasty.add(sku)
    assert (await hasty.check_out("pm_card_visa_chargeDeclinedInsufficientFunds")).status == 402
    (unpaid,) = (await merchant.api.get(f"/admin/orders?q={hasty.email}")).json["items"]
    sent = await guest.buys(sku)
    number = (await sent.is_packed())["number"]
    label = (await merchant.shipment_of(number))[0]["tracking_number"]
    Image.new("RGB", (800, 800), "#c93").save(tmp_path / "ruler.png")

    script = commands((root / "docs/guides/merchant.md").read_text(), names, [number, unpaid["number"]])
    await bash(script, tmp_path, API=api.base, EMAIL=email, PASSWORD=PASSWORD)

    ruler = (await api.get(f"/products/{names['brass-ruler']}")).json
    assert [(one["price"], one["compare_at_price"], one["weight_grams"]) for one in ruler["variants"]] == [
        (euro(1150), None, 80), (euro(1500), euro(1900), 150),
    ]  # fmt: skip
    assert [one["alt"] for one in ruler["media"]] == ["A brass ruler on oak"]
    assert [(await merchant.stock(one["sku"]))["on_hand"] for one in ruler["variants"]] == [12, 2]
    pad = (await merchant.api.get(f"/admin/products/{names['felt-pad']}")).json
    assert (pad["status"], pad["brand"], len(pad["variants"])) == ("archived", "Haverfold", 2)
    assert (tmp_path / "label.pdf").read_bytes().startswith(b"%PDF")
    assert (await merchant.order(unpaid["id"]))["state"] == "cancelled"
    rates = (await merchant.api.get("/admin/tax-rates/DE")).json["rates"]
    assert names["2099-01-01"] in [one["valid_from"] for one in rates]

    async def refunded_and_on_its_way_with_another_label() -> Any:
        order = await sent.read()
        assert (order["refunded"], order["tracking"]["number"] != label) == (euro(500), True)
        subjects = [mail["subject"] for mail in await outside.mails_to(guest.email)]
        assert subjects.count(f"Your order {number}") == 2

    await eventually(refunded_and_on_its_way_with_another_label)


async def test_support_helps_a_customer_until_the_right_is_taken_away(
    root: Path, api: Caller, guest: Shopper, merchant: Merchant
) -> None:
    email = f"{unique('support')}@example.com"
    users(root, "create-support", email)
    assert email in users(root, "list")
    support = await signed_in(api, email, PASSWORD)
    product = await merchant.makes(stock=5)
    number = (await (await guest.buys(product["sku"])).is_packed())["number"]
    for path in (
        f"/admin/orders?q={number}", f"/admin/orders/{number}", f"/admin/payments?order_id={number}",
        f"/admin/shipments?q={number}", f"/admin/notifications?q={number}",
    ):  # fmt: skip
        assert (await support.get(path)).status == 200, path
    assert (await support.post(f"/admin/orders/{number}/cancel")).code == "too_late_to_cancel"
    refund = await support.post(
        f"/admin/payments/{number}/refunds", {"reason": "None"}, headers={"Idempotency-Key": unique("no")}
    )
    assert refund.code == "forbidden"
    assert (await support.get("/admin/products")).code == "forbidden"
    users(root, "revoke", email)
    assert email not in users(root, "list")
    assert (await (await signed_in(api, email, PASSWORD)).get(f"/admin/orders/{number}")).code == "forbidden"
