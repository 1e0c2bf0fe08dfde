"""What prices say that they include: nothing that is not so."""

import html
import re
from typing import Any

import pytest

from tests.storefront.conftest import EUR_16, Storefront

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

LINE = {
    "sku": "MUG-S", "quantity": 1, "title": "A mug", "slug": "mug", "options": {"Size": "S"}, "image": None,
    "unit_price": EUR_16, "line_total": EUR_16, "available": None, "in_stock": True, "warnings": [],
}  # fmt: skip


async def note(storefront: Storefront, path: str) -> str:
    """Of a page as it is without scripts. It leads to the page about shipping."""
    page = re.sub(r"<script[\s\S]*?</script>|<!--.*?-->", "", await (await storefront.get(path)).text())
    found = re.findall(r'<p[^>]*>([^<]*)<a[^>]*href="/shipping">shipping</a></p>', page)
    assert len(found) == 1, path
    return f"{html.unescape(found[0])}shipping"


@pytest.mark.parametrize("path", ["/products/mug", "/cart"])
@pytest.mark.parametrize(
    ("tax", "said"),
    [
        ({}, "Incl. VAT, plus shipping"),
        ({"prices_include_tax": False}, "Plus tax and shipping"),
        ({"rate": None}, "Plus shipping"),  # a merchant who owes no tax must not name any
        ({"rate": None, "prices_include_tax": False}, "Plus shipping"),
    ],
)
async def test_a_price_says_what_it_includes_and_what_comes_on_top(
    storefront: Storefront, path: str, tax: dict[str, Any], said: str
) -> None:
    storefront.api.tax, storefront.api.cart = tax, [LINE]
    assert await note(storefront, path) == said


@pytest.mark.parametrize("path", ["/products/mug", "/cart"])
async def test_a_page_that_cannot_ask_about_tax_claims_nothing_and_is_not_kept(
    storefront: Storefront, path: str
) -> None:
    storefront.api.failing, storefront.api.cart = {"/tax/DE"}, [LINE]
    assert await note(storefront, path) == "Plus shipping"
    assert "no-store" in (await storefront.get(path)).headers["Cache-Control"]
