"""What the storefront says of its pages to the cache in front of it and to the browser that shows them."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping

import pytest
from yarl import URL

from tests.storefront.conftest import SITE, Storefront, product

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]
MUG = "product:prd_01M862Q5N3E2TBV7W1GKEP0HMD"


async def test_a_page_bears_the_keys_and_the_version_of_the_answers_it_is_made_of(storefront: Storefront) -> None:
    page = await storefront.get("/products/mug")
    assert page.status == 200
    assert set(page.headers["xkey"].split()) == {"categories", "pages", MUG}
    assert page.headers["X-Data-Version"] == "7"
    assert page.headers["Cache-Control"] == "public, max-age=0, s-maxage=3600"
    assert "Vary" not in page.headers


async def test_two_pages_at_once_do_not_mix_their_keys(storefront: Storefront) -> None:
    storefront.api.products["bowl"] = product("bowl", id="prd_01M862Q5N3E2TBV7W1GKEP0HME", categories=[])
    pages = [await storefront.get(f"/products/{slug}") for slug in ("mug", "bowl") * 5]
    for page, own in zip(pages, ("D", "E") * 5, strict=True):
        assert [key[-1] for key in page.headers["xkey"].split() if key.startswith("product:")] == [own]


async def test_the_data_of_a_page_bears_what_the_page_bears(storefront: Storefront) -> None:
    data = await storefront.get("/products/mug", RSC="1")
    assert data.headers["Content-Type"].startswith("text/x-component")
    assert MUG in data.headers["xkey"].split()
    assert data.status == 200, "Next's redirect for requests without `_rsc` would be kept for everybody"


@pytest.mark.parametrize("path", ["/checkout", "/account", "/account/sign-in", "/orders/BDG-TNDA-FC5E"])
async def test_scripts_begin_at_once_where_they_are_what_fills_the_page(storefront: Storefront, path: str) -> None:
    document = await (await storefront.get(path)).text()
    assert len(re.findall(r'<script\b[^>]*\ssrc="/_next/static/[^>]*\sasync=""', document)) > 5
    assert "requestAnimationFrame" not in document


@pytest.mark.parametrize("path", ["/", "/products/mug", "/search?q=mug", "/cart", "/withdraw", "/none"])
async def test_scripts_begin_only_when_the_page_has_been_painted(storefront: Storefront, path: str) -> None:
    storefront.api.products["mug"] = product()
    document = await (await storefront.get(path)).text()
    at_once = [tag for tag in re.findall(r"<script\b[^>]*\ssrc=[^>]*>", document) if "noModule" not in tag]
    assert at_once == []
    begin, later = re.findall(r"<script>(\(function.*?\))(\(\[[^<]*\]\))</script></body>", document)[0]
    assert "requestAnimationFrame" in begin
    sources = json.loads(later[1:-1])
    assert len(sources) > 5
    for source in sources:
        assert (await storefront.get(source)).status == 200, source


async def test_every_inline_script_is_allowed_by_its_hash_and_nothing_else_is(storefront: Storefront) -> None:
    page = await storefront.get("/products/mug")
    policy = dict(rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; "))
    allowed = set(policy["script-src"].split())
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    inline = [
        text
        for attributes, text in re.findall(r"<script\b([^>]*)>([\s\S]*?)</script>", await page.text())
        if "src=" not in attributes and "ld+json" not in attributes
    ]
    assert inline
    assert allowed == {"'self'"} | {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline
    }
    assert policy["style-src"] == "'self'"
    assert policy["frame-src"] == "'none'"


async def test_a_script_that_next_has_not_written_is_not_allowed_wherever_it_came_from(storefront: Storefront) -> None:
    text = "window.pwned=1"
    storefront.api.products["mug"] = product(description_html=f"<p>Tea.</p><script>{text}</script>")
    page = await storefront.get("/products/mug")
    assert f"<script>{text}</script>" in await page.text(), "the page was made with it"
    policy = page.headers["Content-Security-Policy"]
    assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() not in policy
    assert policy.count("'sha256-") >= 1


async def test_the_mark_of_what_next_has_written_never_leaves_the_server(storefront: Storefront) -> None:
    for rsc in ({}, {"RSC": "1"}):
        page = await storefront.get("/products/mug", **rsc)
        assert not re.search(r"nonce[^a-z]{1,6}[0-9a-f]{8}", await page.text() + str(page.headers))


def lasting(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without what differs from one rendering to the next: where Next cuts a page into inline scripts."""
    same = {name: value for name, value in headers.items() if name not in ("Date", "Content-Length")}
    if "Content-Security-Policy" in same:
        same["Content-Security-Policy"] = re.sub(r" 'sha256-[^']+'", "", same["Content-Security-Policy"])
    return same


async def test_head_has_the_headers_of_get(storefront: Storefront) -> None:
    for path in ("/", "/products/mug", "/products/nothing", "/products/old-mug", "/cart", "/checkout", "/livez"):
        of_get = await storefront.get(path)
        async with storefront.session.head(f"{storefront.url}{path}", allow_redirects=False) as of_head:
            assert of_head.status == of_get.status, path
            assert await of_head.read() == b""
            assert lasting(of_head.headers) == lasting(of_get.headers), path


@pytest.mark.parametrize("refused", ["constructor", "__proto__", "toString", "out_of_stock", "nothing"])
async def test_a_page_survives_any_word_in_its_address(storefront: Storefront, refused: str) -> None:
    assert (await storefront.get(f"/cart?refused={refused}")).status == 200


async def test_a_path_with_dot_segments_is_refused(storefront: Storefront) -> None:
    url = URL(f"{storefront.url}/_next/static/%2e%2e/%2e%2e/account", encoded=True)
    async with storefront.session.get(url) as answer:
        assert answer.status == 400


async def test_no_tag_bears_a_style_of_its_own_since_the_policy_would_refuse_it(storefront: Storefront) -> None:
    for path in ("/products/mug", "/cart", "/checkout", "/account", "/nowhere"):
        text = re.sub(r"<script[\s\S]*?</script>", "", await (await storefront.get(path)).text())
        assert not re.search(r"<[^>]*\sstyle=|<style", text), path


async def test_what_a_merchant_writes_into_a_title_stays_text(storefront: Storefront) -> None:
    text = await (await storefront.get("/products/mug")).text()
    assert "<script>alert(1)" not in text


async def test_the_checkout_alone_may_frame_the_card_processor(storefront: Storefront) -> None:
    page = await storefront.get("/checkout")
    assert "frame-src http://cards.test;" in page.headers["Content-Security-Policy"]
    assert "frame-src 'none'" in (await storefront.get("/cart")).headers["Content-Security-Policy"]


async def test_a_missing_page_is_kept_for_a_second_and_a_moved_one_leads_on(storefront: Storefront) -> None:
    missing = await storefront.get("/products/nothing")
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "public, max-age=0, s-maxage=1")
    moved = await storefront.get("/products/old-mug")
    assert (moved.status, moved.headers["Location"]) == (308, "/products/mug")
    assert moved.headers["Cache-Control"] == "public, max-age=0, s-maxage=1"
    assert MUG in moved.headers["xkey"].split()


async def test_a_storefront_that_starts_has_the_edge_ask_for_every_page_anew(storefront: Storefront) -> None:
    """Those of an earlier build name script files that are gone; one refused is told again until it has taken it."""
    asked = [(headers["x-purge"], headers["x-soft"], headers["x-purge-secret"]) for headers in storefront.api.purges]
    assert asked == [("pages", "1", "of-the-purger")] * 2


async def test_a_page_that_cannot_be_made_is_an_error_that_nobody_keeps(storefront: Storefront) -> None:
    storefront.api.fails = True
    broken = await storefront.get("/products/mug")
    assert (broken.status, broken.headers["Cache-Control"]) == (500, "no-store")
    assert (await storefront.get("/readyz")).status == 503
    assert (await storefront.get("/livez")).status == 200


async def test_a_page_with_something_of_the_shoppers_own_is_kept_by_nobody(storefront: Storefront) -> None:
    page = await storefront.get("/cart", Cookie="bodega_cart=abc")
    assert page.headers["Cache-Control"] == "private, no-store"
    [headers] = [headers for _, path, headers, _ in storefront.api.asked if path == "/cart"]
    assert headers["cookie"] == "bodega_cart=abc"


async def test_a_page_for_everybody_is_asked_for_without_the_shoppers_cookies(storefront: Storefront) -> None:
    await storefront.get("/products/mug", Cookie="bodega_access=secret", **{"X-Forwarded-For": "203.0.113.7"})
    for _, _, headers, _ in storefront.api.asked:
        assert "cookie" not in headers
        assert headers["x-forwarded-for"] == "203.0.113.7", "limits are the shopper's, not the storefront's"
        assert headers["x-edge-secret"] == "of-the-edge"


async def test_without_scripts_a_form_puts_the_chosen_variant_into_the_cart(storefront: Storefront) -> None:
    form = {"product": "mug", "option.Size": "L", "quantity": "2"}
    answer = await storefront.session.post(
        f"{storefront.url}/cart/add", data=form, headers={"Origin": SITE}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/cart")
    assert answer.headers["Set-Cookie"].startswith("bodega_cart=abc")
    assert ("POST", "/cart", {"sku": "MUG-L", "quantity": 2}) in [
        (method, path, body) for method, path, _, body in storefront.api.asked
    ]


@pytest.mark.parametrize("origin", ["http://elsewhere.test", "null", None])
async def test_a_form_of_somebody_elses_page_changes_nothing(storefront: Storefront, origin: str | None) -> None:
    headers = {"Cookie": "bodega_cart=abc"} | ({"Origin": origin} if origin else {})
    for path in ("/cart/add", "/cart/lines"):
        answer = await storefront.session.post(
            f"{storefront.url}{path}", data={"product": "mug", "sku": "MUG-L"}, headers=headers, allow_redirects=False
        )
        assert answer.status == 403
    assert not [asked for asked in storefront.api.asked if asked[0] != "GET"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [("application/json", "{}", 415), ("multipart/form-data", "{}", 400), ("text/plain", "sku=MUG-L", 415)],
)
async def test_what_is_no_form_is_refused(storefront: Storefront, kind: str, body: str, status: int) -> None:
    for path in ("/cart/add", "/cart/lines"):
        answer = await storefront.session.post(
            f"{storefront.url}{path}", data=body, headers={"Origin": SITE, "Content-Type": kind}, allow_redirects=False
        )
        assert answer.status == status
    assert not storefront.api.asked


async def test_home_shows_what_is_in_stock_and_stands_without_any_picture(storefront: Storefront) -> None:
    page = await storefront.get("/")
    text = await page.text()
    assert page.status == 200
    assert 'href="/products/mug"' in text
    assert "in stock now" not in text
    (asked,) = {query for path, query in storefront.api.queries if path == "/search"}
    assert {"in_stock=true", "sort=newest"} <= set(asked.split("&"))


@pytest.mark.parametrize(
    "path",
    [
        "/", "/products/mug", "/search?q=mug", "/cart", "/checkout", "/find-order", "/withdraw", "/account/sign-in",
        "/account/sign-up", "/account/forgot-password", "/account/reset-password", "/account", "/none",
    ],
)  # fmt: skip
async def test_no_form_sends_by_its_address_what_somebody_types_of_themselves(
    storefront: Storefront, path: str
) -> None:
    storefront.api.products["mug"] = product()
    document = await (await storefront.get(path)).text()
    forms = re.findall(r"<form\b([^>]*)>([\s\S]*?)</form>", document)
    assert forms or path == "/checkout"  # whose form comes with its scripts
    for attributes, fields in forms:
        named = set(re.findall(r'<(?:input|select|textarea)\b[^>]*\sname="([^"]*)"', fields))
        if 'method="post"' not in attributes:
            assert named <= {"q", "sort", "price_min", "price_max"}, (attributes, named)
        elif 'action="' not in attributes:
            button = re.search(r'<button\b[^>]*type="submit"[^>]*>', fields)
            assert button is not None
            assert "disabled" in button[0], "without scripts nobody would answer it"
