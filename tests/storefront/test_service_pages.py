"""The legal and service pages: what they say with the merchant's data, and without."""

import html
import re

import pytest

from tests.storefront.conftest import MERCHANT, Storefront

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

PAGES = ("shipping", "returns", "contact", "terms", "privacy", "withdrawal", "imprint")


async def words(storefront: Storefront, path: str) -> str:
    answer = await storefront.get(path)
    assert answer.status == 200, path
    main = (await answer.text()).partition("<main")[2].partition("</main>")[0]
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", main.replace("<!-- -->", ""))
    return html.unescape(re.sub(r"\s+", " ", text))


@pytest.mark.parametrize("page", PAGES)
async def test_a_service_page_is_for_everybody_and_kept(storefront: Storefront, page: str) -> None:
    answer = await storefront.get(f"/{page}")
    assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=3600"
    assert f'rel="canonical" href="http://shop.test/{page}"' in await answer.text()


@pytest.mark.parametrize("page", PAGES)
async def test_a_service_page_without_the_merchants_data_says_nothing_in_its_place(bare: Storefront, page: str) -> None:
    """`bare`: a storefront whose merchant has filled in nothing."""
    said = await words(bare, f"/{page}")
    for nonsense in ("undefined", "null", "TODO", "[", "NaN", "@", ": .", ", ,", "( )", "E-mail:", "Phone:"):
        assert nonsense not in said, nonsense
    for label in ("Represented by", "Register", "VAT identification"):
        assert label not in said
    assert MERCHANT["name"] not in said


async def test_every_page_leads_to_the_service_pages_and_the_imprint_says_who_sells(storefront: Storefront) -> None:
    for path in ("/", "/products/mug", "/cart", "/checkout", "/nowhere"):
        footer = (await (await storefront.get(path)).text()).partition("<footer")[2]
        assert {f"/{page}" for page in PAGES} <= set(re.findall(r'href="([^"]*)"', footer)), path
    imprint = await words(storefront, "/imprint")
    for name, value in MERCHANT.items():
        if name != "return_days":
            assert str(value) in imprint, name


async def test_the_pages_say_how_long_goods_can_be_sent_back_and_what_delivery_costs(storefront: Storefront) -> None:
    for page in ("returns", "withdrawal", "terms"):
        assert f"within {MERCHANT['return_days']} days" in await words(storefront, f"/{page}")
    shipping = await words(storefront, "/shipping")
    assert "Standard (Parcel): €4.90, free for orders of €50.00 or more" in shipping
    assert "1 to 2 working days" in shipping


async def test_the_withdrawal_form_is_addressed_to_the_merchant(storefront: Storefront) -> None:
    told = ", ".join(
        (MERCHANT["name"], MERCHANT["street"], f"{MERCHANT['postal_code']} {MERCHANT['city']}", MERCHANT["email"])
    )
    assert f"To {told}:" in await words(storefront, "/withdrawal")


@pytest.mark.parametrize("path", ["/imprints", "/__proto__", "/constructor", "/toString", "/Imprint"])
async def test_a_page_that_the_shop_does_not_have_is_not_found(storefront: Storefront, path: str) -> None:
    assert (await storefront.get(path)).status == 404
