"""Catalog through its HTTP door, on the real engines."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from bodega.contracts.ids import new_id
from bodega.kit.testing import Answered, Caller
from tests.catalog.conftest import Room
from tests.catalog.making import euro, mug

pytestmark = pytest.mark.service


async def made(room: Room, **other: Any) -> Answered:
    answer = await room.merchant.post("/admin/products", mug(**other))
    assert answer.status == 201, answer.body
    return answer


async def category(room: Room, slug: str, **other: Any) -> None:
    answer = await room.merchant.post("/admin/categories", {"slug": slug, "title": slug.title(), **other})
    assert answer.status in (201, 409)


# --- shoppers ---------------------------------------------------------------------------------------


async def test_a_published_product_is_read_by_id_and_by_slug(room: Room) -> None:
    product = (await made(room)).json
    by_id = await room.shop.get(f"/products/{product['id']}")
    by_slug = await room.shop.get(f"/products/{product['slug']}")
    assert by_id.status == by_slug.status == 200
    assert by_id.json == by_slug.json
    assert by_id.json["description_html"] == "<p>Thrown by <em>hand</em>.</p>\n"
    assert by_id.json["variants"][0]["price"] == euro(1900)
    assert "status" not in by_id.json


async def test_reads_say_how_long_and_for_what_they_may_be_kept(room: Room) -> None:
    product = (await made(room)).json
    answer = await room.shop.get(f"/products/{product['id']}")
    assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=60"
    assert answer.headers["xkey"] == f"product:{product['id']}"
    assert answer.headers["x-data-version"] == str(product["version"])
    again = await room.shop.get(f"/products/{product['id']}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["xkey"] == f"product:{product['id']}"


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_what_is_not_published_is_not_seen_by_shoppers(room: Room, status: str) -> None:
    product = (await made(room, status=status, brand=f"Hidden {status}")).json
    assert (await room.shop.get(f"/products/{product['id']}")).status == 404
    assert (await room.shop.get(f"/products?ids={product['id']}")).json["items"] == []
    assert (await room.shop.get(f"/products?brand=Hidden%20{status}")).json["items"] == []


async def test_lists_are_filtered_by_category_and_brand(room: Room) -> None:
    await category(room, "lists")
    inside = (await made(room, categories=["lists"], brand="Listed")).json
    await made(room, brand="Listed")
    answer = await room.shop.get("/products?category=lists")
    assert [one["id"] for one in answer.json["items"]] == [inside["id"]]
    assert answer.headers["xkey"].split() == ["category:lists", f"product:{inside['id']}"]
    assert len((await room.shop.get("/products?brand=Listed")).json["items"]) == 2
    assert (await room.shop.get("/products?category=lists&brand=Other")).json["items"] == []


async def test_the_whole_catalog_is_read_page_by_page_under_one_key(room: Room) -> None:
    made_now = {(await made(room)).json["slug"] for _ in range(3)}
    hidden = (await made(room, status="draft")).json["slug"]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await room.shop.get(f"/catalog/products?limit=2{cursor and '&cursor=' + cursor}")
        assert (answer.headers["xkey"], answer.headers["cache-control"]) == (
            "products",
            "public, max-age=0, s-maxage=60",
        )
        assert all(one["variants"] and "description_html" in one for one in answer.json["items"])
        found += [one["slug"] for one in answer.json["items"]]
        cursor = answer.json["next_cursor"]
    assert len(found) == len(set(found))
    assert made_now <= set(found)
    assert hidden not in found
    addresses = await room.shop.get("/catalog/addresses")
    assert addresses.headers["xkey"] == "products"
    assert [one["slug"] for one in addresses.json["items"]] == found
    assert {*addresses.json["items"][0]} == {"slug", "updated_at"}


async def test_the_addresses_of_a_large_catalog_come_in_pages(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(room), await made(room), await made(room)
    whole = [one["slug"] for one in (await room.shop.get("/catalog/addresses")).json["items"]]
    monkeypatch.setattr("bodega.services.catalog.routes.ADDRESSES_A_PAGE", 2)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await room.shop.get(f"/catalog/addresses{cursor and '?cursor=' + cursor}")).json
        assert len(answer["items"]) <= 2
        found += [one["slug"] for one in answer["items"]]
        cursor = answer["next_cursor"]
    assert found == whole
    assert (await room.shop.get("/catalog/addresses?cursor=nonsense")).status == 400


async def test_ids_are_answered_in_the_order_asked(room: Room) -> None:
    ids = [(await made(room)).json["id"] for _ in range(3)]
    wanted = [ids[2], ids[0], ids[1]]
    answer = await room.shop.get("/products?ids=" + ",".join([*wanted, wanted[0], "prd_01K00000000000000000000000"]))
    assert [one["id"] for one in answer.json["items"]] == wanted


@pytest.mark.parametrize("sort", ["newest", "price", "-price"])
async def test_pages_show_each_product_once_in_order(room: Room, sort: str) -> None:
    brand = f"Paged {sort}"
    for price in (300, 100, 200, 100, 300):
        content = mug(brand=brand)
        content["variants"] = [{**content["variants"][0], "price": euro(price), "compare_at_price": None}]
        content["options"][0]["values"] = ["Sand"]
        assert (await room.merchant.post("/admin/products", content)).status == 201
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while True:
        page = (await room.shop.get(f"/products?brand={brand.replace(' ', '%20')}&sort={sort}&limit=2{cursor}")).json
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len({one["id"] for one in seen}) == len(seen) == 5
    if sort == "newest":
        assert [one["id"] for one in seen] == sorted((one["id"] for one in seen), reverse=True)
    else:
        by_price = sorted(
            sorted(seen, key=lambda one: one["id"], reverse=True), key=lambda one: one["price_from"]["amount"]
        )
        assert seen == by_price[:: 1 if sort == "price" else -1], "one index serves both, read from either end"


async def test_an_old_slug_leads_to_the_present_one_and_is_never_free_again(room: Room) -> None:
    answer = await made(room)
    product, old = answer.json, answer.json["slug"]
    changed = await room.merchant.patch(
        f"/admin/products/{product['id']}", {"slug": f"{old}-new"}, headers={"If-Match": answer.headers["etag"]}
    )
    assert changed.json["former_slugs"] == [old]
    redirect = await room.shop.get(f"/products/{old}")
    assert (redirect.status, redirect.headers["location"]) == (301, f"{old}-new")
    assert redirect.headers["xkey"] == f"product:{product['id']}"
    taken = await room.merchant.post("/admin/products", mug(slug=old))
    assert (taken.status, taken.code) == (409, "slug_taken")
    back = await room.merchant.patch(
        f"/admin/products/{product['id']}", {"slug": old}, headers={"If-Match": changed.headers["etag"]}
    )
    assert back.json["former_slugs"] == [f"{old}-new"]
    assert (await room.shop.get(f"/products/{old}")).status == 200


# --- merchants --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/products"), ("POST", "/admin/products"), ("PATCH", "/admin/products/x"),
        ("PUT", "/admin/products/x"), ("DELETE", "/admin/products/x"), ("POST", "/admin/categories"),
        ("POST", "/admin/products/x/media"),
    ],
)  # fmt: skip
async def test_only_merchants_write(room: Room, method: str, path: str, credentials: Any) -> None:
    body: dict[str, Any] | None = {} if method in ("POST", "PUT", "PATCH") else None
    assert (await room.shop.request(method, path, body)).status == 401
    customer = room.shop.being(credentials.customer("cus_somebody"))
    assert (await customer.request(method, path, body)).status == 403


async def test_the_same_key_makes_one_product_however_often_it_comes(room: Room) -> None:
    body = json.dumps(mug()).encode()
    headers = {"Idempotency-Key": "create-mug-0001"}
    answers = await asyncio.gather(
        *(room.merchant.post("/admin/products", raw=body, headers=headers) for _ in range(5))
    )
    assert {one.status for one in answers} == {201}
    assert len({one.json["id"] for one in answers}) == 1
    assert sum("idempotency-replayed" in one.headers for one in answers) == 4
    other = await room.merchant.post("/admin/products", mug(), headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_of_two_merchants_who_edit_at_once_one_is_told_to_read_again(room: Room) -> None:
    answer = await made(room)
    path, etag = f"/admin/products/{answer.json['id']}", answer.headers["etag"]
    both = await asyncio.gather(
        *(room.merchant.patch(path, {"title": f"Mug of {who}"}, headers={"If-Match": etag}) for who in ("Ada", "Bo"))
    )
    assert sorted(one.status for one in both) == [200, 412]
    winner, loser = sorted(both, key=lambda one: one.status)
    assert (loser.code, loser.json["current_version"]) == ("stale_version", winner.json["version"])
    assert (await room.merchant.get(path)).json["title"] == winner.json["title"]


async def test_a_change_says_of_which_version(room: Room) -> None:
    product = (await made(room)).json
    path = f"/admin/products/{product['id']}"
    for answer in (
        await room.merchant.patch(path, {"title": "X"}),
        await room.merchant.put(path, mug()),
        await room.merchant.delete(path),
    ):
        assert (answer.status, answer.code) == (428, "precondition_required")
    weak = await room.merchant.patch(path, {"title": "X"}, headers={"If-Match": f'W/"{product["version"]}"'})
    assert weak.status == 412


async def test_a_change_that_changes_nothing_is_no_new_version(room: Room) -> None:
    answer = await made(room)
    path, headers = f"/admin/products/{answer.json['id']}", {"If-Match": answer.headers["etag"]}
    same = await room.merchant.patch(path, {"title": answer.json["title"]}, headers=headers)
    assert same.json == answer.json


async def test_a_patch_merges_and_null_resets(room: Room) -> None:
    answer = await made(room, seo={"title": "A", "description": "B"})
    changed = await room.merchant.patch(
        f"/admin/products/{answer.json['id']}",
        {"seo": {"description": "C"}, "brand": None},
        headers={"If-Match": answer.headers["etag"], "Content-Type": "application/merge-patch+json"},
    )
    assert changed.status == 200
    assert changed.json["seo"] == {"title": "A", "description": "C"}
    assert changed.json["brand"] == ""
    assert changed.json["variants"] == answer.json["variants"]
    assert changed.json["version"] > answer.json["version"]


async def test_a_deleted_product_is_archived_and_stays_known(room: Room) -> None:
    answer = await made(room)
    path = f"/admin/products/{answer.json['id']}"
    archived = await room.merchant.delete(path, headers={"If-Match": answer.headers["etag"]})
    assert (archived.status, archived.json["status"]) == (200, "archived")
    assert (await room.shop.get(f"/products/{answer.json['slug']}")).status == 404
    assert (await room.merchant.get(path)).json["status"] == "archived"
    listed = await room.merchant.get("/admin/products?status=archived&limit=100")
    assert answer.json["id"] in [one["id"] for one in listed.json["items"]]


async def test_merchants_find_any_product_by_a_part_of_its_title_brand_or_sku_or_by_a_slug(room: Room) -> None:
    draft = (await made(room, title="Quokka (large)", brand="Wombat & Sons", status="draft")).json
    sku = draft["variants"][1]["sku"]
    for words in ("quokka (l", "WOMBAT", sku, sku.lower(), sku[:-1], draft["slug"]):
        listed = (await room.merchant.get(f"/admin/products?status=draft&q={quote(words)}")).json["items"]
        assert [one["id"] for one in listed] == [draft["id"]], words
    for question in ("status=published&q=quokka", "q=quokka.*large", f"q={sku}x"):
        assert (await room.merchant.get(f"/admin/products?{question}")).json["items"] == [], question


async def test_a_sku_belongs_to_one_product(room: Room) -> None:
    first = (await made(room)).json
    clash = mug()
    clash["variants"][0]["sku"] = first["variants"][1]["sku"]
    answer = await room.merchant.post("/admin/products", clash)
    assert (answer.status, answer.code) == (409, "sku_taken")
    assert answer.json["skus"] == [first["variants"][1]["sku"]]
    other = await made(room)
    variants = [{**other.json["variants"][0], "sku": first["variants"][0]["sku"]}, other.json["variants"][1]]
    edited = await room.merchant.patch(
        f"/admin/products/{other.json['id']}", {"variants": variants}, headers={"If-Match": other.headers["etag"]}
    )
    assert (edited.status, edited.code) == (409, "sku_taken")
    assert (await room.merchant.get(f"/admin/products/{other.json['id']}")).json == other.json


async def test_of_ten_products_that_want_one_sku_at_once_one_gets_it(room: Room) -> None:
    contents = [mug() for _ in range(10)]
    for content in contents:
        content["variants"][0]["sku"] = contents[0]["variants"][0]["sku"]
    answers = await asyncio.gather(*(room.merchant.post("/admin/products", one) for one in contents))
    assert sorted(one.status for one in answers) == [201] + [409] * 9


def wrong(**change: Any) -> dict[str, Any]:
    content = mug()
    for path, value in change.items():
        target: Any = content
        *way, last = path.split("__")
        for step in way:
            target = target[int(step) if step.isdigit() else step]
        target[last] = value
    return content


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (wrong(titel="Typo"), "/titel"),
        (wrong(title=""), "/title"),
        (wrong(title="A\nB"), "/title"),
        (wrong(title="A\u0007B"), "/title"),
        (wrong(title="x" * 201), "/title"),
        (wrong(slug="Not A Slug"), "/slug"),
        (wrong(title="!? …", slug=None), "/slug"),
        (wrong(description="x" * 20_001), "/description"),
        (wrong(categories=["nowhere"]), "/categories/0"),
        (wrong(variants=[]), "/variants"),
        (wrong(variants__0__sku="A B"), "/variants/0/sku"),
        (wrong(variants__0__price=euro(-1)), "/variants/0/price/amount"),
        (wrong(variants__0__price=euro(10**30)), "/variants/0/price/amount"),
        (wrong(variants__0__price={"amount": 10.5, "currency": "EUR"}), "/variants/0/price/amount"),
        (wrong(variants__0__price={"amount": 10, "currency": "USD"}), "/variants/0/price/currency"),
        (wrong(variants__0__compare_at_price=euro(1900)), "/variants/0/compare_at_price"),
        (wrong(variants__0__options={}), "/variants/0/options"),
        (wrong(variants__0__options={"Color": "Pink"}), "/variants/0/options"),
        (wrong(variants__1__options={"Color": "Sand"}), "/variants/1/options"),
        (wrong(variants__0__options={"Color": "Sand", "Size": "L"}), "/variants/0/options"),
        (wrong(variants__0__weight_grams=-1), "/variants/0/weight_grams"),
        (wrong(media=[{"id": "med_06F2Q8Z4V1W5T7X9Y3A2B4C6D8"}]), "/media/0/id"),
        (wrong(status="sold"), "/status"),
    ],
)
async def test_a_product_that_cannot_be_is_refused_with_a_pointer(
    room: Room, content: dict[str, Any], pointer: str
) -> None:
    answer = await room.merchant.post("/admin/products", content)
    assert (answer.status, answer.code) == (422, "invalid_request"), answer.body
    assert pointer in [one["pointer"] for one in answer.json["errors"]]


async def test_a_price_that_is_a_number_is_told_what_it_should_be(room: Room) -> None:
    content = mug()
    content["variants"][0]["price"] = 12.5
    answer = await room.merchant.post("/admin/products", content)
    assert answer.json["errors"] == [{"pointer": "/variants/0/price", "message": "This must be an object."}]


async def test_sku_twice_in_one_product_is_refused(room: Room) -> None:
    content = mug()
    content["variants"][1]["sku"] = content["variants"][0]["sku"]
    answer = await room.merchant.post("/admin/products", content)
    assert [one["pointer"] for one in answer.json["errors"]] == ["/variants/1"]


@pytest.mark.parametrize(
    "patch", [{"title": None}, {"variants": None}, {"variants": []}, {"nothing": 1}, {"slug": "É"}]
)
async def test_a_patch_that_breaks_the_product_is_refused(room: Room, patch: dict[str, Any]) -> None:
    answer = await made(room)
    refused = await room.merchant.patch(
        f"/admin/products/{answer.json['id']}", patch, headers={"If-Match": answer.headers["etag"]}
    )
    assert refused.status == 422
    assert (await room.merchant.get(f"/admin/products/{answer.json['id']}")).json == answer.json


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/products?limit=0", 422), ("/products?limit=101", 422), ("/products?sort=random", 422),
        ("/products?category=NOT", 422), ("/products?cursor=%21%21", 400), ("/products?cursor=W10", 400),
        ("/products?cursor=WyJcdWQ4MDAiXQ", 400), ("/products?sort=price&cursor=WyJhIl0", 400),
        ("/products?sort=price&cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAsInAiXQ", 400),
        ("/products?ids=abc", 422), ("/products?ids=" + ",".join(["prd_01K00000000000000000000000"] * 101), 422),
        ("/products?brand=%00", 400), ("/products/%FF%FE", 404), ("/products/prd_x", 404), ("/products/none", 404),
        ("/products/" + "x" * 3000, 404),
    ],
)  # fmt: skip
async def test_questions_that_make_no_sense_are_answered_cleanly(room: Room, path: str, status: int) -> None:
    answer = await room.shop.get(path)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"


async def test_option_names_may_hold_any_character(room: Room) -> None:
    name = "$Size (cm.)"
    content = mug(options=[{"name": name, "values": ["1.5", "$2"]}])
    content["variants"][0]["options"] = {name: "1.5"}
    content["variants"][1]["options"] = {name: "$2"}
    answer = await room.merchant.post("/admin/products", content)
    assert answer.status == 201
    shown = (await room.shop.get(f"/products/{answer.json['id']}")).json
    assert [one["options"] for one in shown["variants"]] == [{name: "1.5"}, {name: "$2"}]


async def test_markdown_cannot_smuggle_script_into_pages(room: Room) -> None:
    text = "<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://spy/p.png) <b onclick=x>b</b> **ok**"
    html = (await made(room, description=text)).json["description_html"]
    assert "<strong>ok</strong>" in html
    for evil in ("<script", 'javascript:alert(1)"', "<img", "<b "):
        assert evil not in html


# --- categories -------------------------------------------------------------------------------------


async def test_categories_are_listed_by_position(room: Room) -> None:
    await category(room, "second", position=902)
    await category(room, "first", position=901)
    answer = await room.shop.get("/categories")
    slugs = [one["slug"] for one in answer.json["items"]]
    assert slugs.index("first") < slugs.index("second")
    changed = await room.merchant.patch("/admin/categories/first", {"position": 903, "title": "Now Last"})
    assert (changed.status, changed.json["title"]) == (200, "Now Last")
    slugs = [one["slug"] for one in (await room.shop.get("/categories")).json["items"]]
    assert slugs.index("first") > slugs.index("second")


async def test_a_category_is_made_once(room: Room) -> None:
    body = {"slug": "once", "title": "Once"}
    headers = {"Idempotency-Key": "category-once"}
    assert (await room.merchant.post("/admin/categories", body, headers=headers)).status == 201
    again = await room.merchant.post("/admin/categories", body, headers=headers)
    assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
    assert (await room.merchant.post("/admin/categories", body)).code == "slug_taken"
    assert (await room.merchant.put("/admin/categories/none", {"slug": "none", "title": "X"})).status == 404
    assert (await room.merchant.put("/admin/categories/once", {"slug": "twice", "title": "X"})).status == 422


# --- other services ---------------------------------------------------------------------------------


async def test_prices_are_told_for_what_is_sold(room: Room) -> None:
    product = (await made(room)).json
    draft = (await made(room, status="draft")).json
    skus = [product["variants"][1]["sku"], draft["variants"][0]["sku"], "UNKNOWN"]
    answer = await room.cart.post("/internal/prices", {"skus": skus})
    first, second, third = answer.json["items"]
    assert (first["sku"], first["sold"], first["price"]) == (skus[0], True, euro(2100))
    assert (first["product_version"], first["options"]) == (product["version"], {"Color": "Slate"})
    assert (second["sold"], third["sold"]) == (False, False)


async def test_published_products_are_read_page_by_page(room: Room) -> None:
    product = (await made(room)).json
    draft = (await made(room, status="draft")).json
    seen: list[str] = []
    after = None
    while True:
        page = (await room.cart.post("/internal/products", {"after": after, "limit": 7})).json
        seen += [one["id"] for one in page["items"]]
        after = page["next_after"]
        if after is None:
            break
    assert seen == sorted(set(seen))
    assert product["id"] in seen
    assert draft["id"] not in seen
    chosen = (await room.cart.post("/internal/products", {"ids": [product["id"], draft["id"]]})).json
    assert [one["id"] for one in chosen["items"]] == [product["id"]]
    assert [one["product_id"] for one in chosen["archived"]] == [draft["id"]]


async def test_internal_routes_need_a_service_that_may_call(room: Room, credentials: Any) -> None:
    assert (await room.shop.post("/internal/prices", {"skus": ["A"]})).status == 401
    stranger: Caller = room.shop.being(credentials.service("payments", "catalog"))
    assert (await stranger.post("/internal/prices", {"skus": ["A"]})).status == 403
    assert (await room.merchant.post("/internal/prices", {"skus": ["A"]})).status == 401


async def test_products_of_one_title_each_get_a_slug_of_their_own(room: Room) -> None:
    """Also at once, with long titles, and where a former slug is in the way."""
    for title in (f"Twin {new_id('prd')}", f"Long {new_id('prd')} " + "word " * 30):
        wishes = [mug(title=title, slug=None) for _ in range(4)]
        answers = await asyncio.gather(*(room.merchant.post("/admin/products", wish) for wish in wishes))
        assert [one.status for one in answers] == [201] * 4, [one.body for one in answers]
        slugs = sorted(one.json["slug"] for one in answers)
        first = slugs[0] if len(slugs[0]) < 100 else slugs[0][:98].rstrip("-")
        assert len(set(slugs)) == 4
        assert all(slug.startswith(first[:90]) and len(slug) <= 100 for slug in slugs)
        assert sorted(slug[-2:] for slug in slugs)[:3] == ["-2", "-3", "-4"]
        one = answers[0].json
        moved = await room.merchant.patch(
            f"/admin/products/{one['id']}", {"slug": f"moved-{one['id'][-8:].lower()}"},
            headers={"If-Match": f'"{one["version"]}"'},
        )  # fmt: skip
        assert moved.status == 200
        fifth = (await room.merchant.post("/admin/products", mug(title=title, slug=None))).json["slug"]
        assert fifth.endswith("-5")


async def test_a_slug_that_is_taken_is_refused_with_one_that_is_free(room: Room) -> None:
    there = mug()
    assert (await room.merchant.post("/admin/products", there)).status == 201
    taken = await room.merchant.post("/admin/products", mug(slug=there["slug"]))
    assert (taken.status, taken.code, taken.json["suggested"]) == (409, "slug_taken", f"{there['slug']}-2")
    other = await room.merchant.post("/admin/products", mug(slug=taken.json["suggested"]))
    assert other.status == 201
    headers = {"If-Match": f'"{other.json["version"]}"'}
    edited = await room.merchant.patch(f"/admin/products/{other.json['id']}", {"slug": there["slug"]}, headers=headers)
    assert (edited.status, edited.json["suggested"]) == (409, f"{there['slug']}-3")
    unset = await room.merchant.patch(f"/admin/products/{other.json['id']}", {"slug": None}, headers=headers)
    assert (unset.status, unset.json["slug"]) == (200, taken.json["suggested"])
