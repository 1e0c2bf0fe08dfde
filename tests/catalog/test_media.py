"""Pictures, from their announcement to the shop's files, with real object storage."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from bodega.kit.testing import Answered, Credentials, eventually, serving
from bodega.services.catalog.app import create_app
from bodega.services.catalog.domain.pictures import File
from bodega.services.catalog.flows import Tidying
from bodega.services.catalog.settings import Settings
from bodega.services.catalog.store import Store
from tests.catalog.conftest import Room, in_database
from tests.catalog.making import mug, picture
from tests.conftest import RUN

pytestmark = pytest.mark.service


async def product(room: Room) -> dict[str, Any]:
    answer = await room.merchant.post("/admin/products", mug())
    assert answer.status == 201
    made: dict[str, Any] = answer.json
    return made


async def announced(room: Room, product_id: str, content: bytes, **other: Any) -> dict[str, Any]:
    wish = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": len(content), "alt": "A mug", **other}
    answer = await room.merchant.post(f"/admin/products/{product_id}/media", wish)
    assert answer.status == 201, answer.body
    place: dict[str, Any] = answer.json
    return place


async def uploaded(room: Room, place: dict[str, Any], content: bytes, **headers: str) -> int:
    upload = place["upload"]
    async with room.shop.session.request(
        upload["method"], upload["url"], data=content, headers={**upload["headers"], **headers}
    ) as answer:
        return answer.status


async def completed(room: Room, product_id: str, place: dict[str, Any]) -> Answered:
    return await room.merchant.post(f"/admin/products/{product_id}/media/{place['media_id']}/complete")


async def added(room: Room, product_id: str, content: bytes, **other: Any) -> Answered:
    place = await announced(room, product_id, content, **other)
    assert await uploaded(room, place, content) == 200
    return await completed(room, product_id, place)


async def shown(room: Room, path: str) -> tuple[Image.Image, dict[str, str]]:
    async with room.shop.session.get(f"{room.settings.s3_url}/{room.settings.s3_bucket}/{path}") as answer:
        assert answer.status == 200
        return Image.open(io.BytesIO(await answer.read())), dict(answer.headers)


async def test_a_picture_becomes_nine_files_that_everybody_may_read_for_ever(room: Room) -> None:
    made = await product(room)
    answer = await added(room, made["id"], picture(1600, 1200), variant_skus=[made["variants"][0]["sku"]])
    assert answer.status == 200, answer.body
    (media,) = answer.json["media"]
    assert (media["alt"], media["width"], media["height"]) == ("A mug", 1600, 1200)
    assert media["variant_skus"] == [made["variants"][0]["sku"]]
    assert set(media["renditions"]) == {f"w{w}.{f}" for w in (320, 640, 1200) for f in ("avif", "webp", "jpg")}
    for form, name in (("AVIF", "w320.avif"), ("WEBP", "w640.webp"), ("JPEG", "w1200.jpg")):
        file, headers = await shown(room, media["renditions"][name])
        assert file.format == form
        assert file.width == int(name[1:].partition(".")[0])
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Type"] == f"image/{form.lower()}"
    assert answer.json["version"] > made["version"]
    assert (await room.shop.get(f"/products/{made['id']}")).json["media"] == [media]
    listed = (await room.shop.get(f"/products?ids={made['id']}")).json["items"][0]
    small = {name: path for name, path in media["renditions"].items() if "1200" not in name}
    assert listed["image"] == {"alt": "A mug", "renditions": small}, "what a card is wide enough for"


async def test_prices_name_a_picture_of_the_variant(room: Room) -> None:
    made = await product(room)
    sand, slate = (variant["sku"] for variant in made["variants"])
    await added(room, made["id"], picture(400, 300))
    answer = await added(room, made["id"], picture(300, 400), variant_skus=[slate])
    first, second = answer.json["media"]
    items = (await room.cart.post("/internal/prices", {"skus": [sand, slate]})).json["items"]
    assert items[0]["image"] == first["renditions"]["w320.jpg"]
    assert items[1]["image"] == second["renditions"]["w320.jpg"]


async def test_completing_twice_and_at_once_adds_one_picture(room: Room) -> None:
    made, content = await product(room), picture()
    place = await announced(room, made["id"], content)
    assert await uploaded(room, place, content) == 200
    answers = await asyncio.gather(*(completed(room, made["id"], place) for _ in range(3)))
    # Who comes between the last steps of another may find the upload gone; nothing else may happen.
    assert {one.status for one in answers} <= {200, 404, 409}
    again = await completed(room, made["id"], place)
    assert again.status == 200
    assert len(again.json["media"]) == 1


async def test_the_same_key_announces_the_same_picture(room: Room) -> None:
    made = await product(room)
    wish = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": 100}
    path, headers = f"/admin/products/{made['id']}/media", {"Idempotency-Key": "picture-0001"}
    first = await room.merchant.post(path, wish, headers=headers)
    again = await room.merchant.post(path, wish, headers=headers)
    assert first.json["media_id"] == again.json["media_id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = await room.merchant.post(path, {**wish, "size_bytes": 101}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_a_picture_that_has_not_arrived_is_said_to_be_missing(room: Room) -> None:
    made = await product(room)
    answer = await completed(room, made["id"], await announced(room, made["id"], b"1234"))
    assert (answer.status, answer.code) == (409, "media_not_uploaded")


def bomb() -> bytes:
    return picture(3000, 3000, "JPEG", quality=5)


@pytest.mark.parametrize(
    ("content", "announced_as"),
    [
        (picture(form="PNG"), "image/jpeg"),
        (b"<html>not a picture</html>", "image/jpeg"),
        (picture()[:2000], "image/jpeg"),
        (b"", "image/png"),
        (bomb(), "image/jpeg"),
        (picture(20_000, 10, "PNG"), "image/png"),
        (b"GIF89a" + bytes(50), "image/webp"),
    ],
    ids=["another form", "no picture", "cut off", "empty", "too many pixels", "too wide", "no form of ours"],
)
async def test_a_file_that_is_not_what_was_announced_is_refused(room: Room, content: bytes, announced_as: str) -> None:
    made = await product(room)
    place = await announced(room, made["id"], content or b"x", content_type=announced_as)
    assert await uploaded(room, place, content) in (200, 403)
    answer = await completed(room, made["id"], place)
    assert answer.status in (409, 422), answer.body
    assert answer.code in ("media_unreadable", "media_not_uploaded")
    assert (await room.merchant.get(f"/admin/products/{made['id']}")).json == made


async def test_a_file_that_was_exchanged_after_the_announcement_is_refused(room: Room) -> None:
    made, content = await product(room), picture()
    place = await announced(room, made["id"], content)
    larger = picture(1000, 1000)
    status = await uploaded(room, place, larger)
    answer = await completed(room, made["id"], place)
    assert (answer.status, answer.code) == ((422, "media_unreadable") if status == 200 else (409, "media_not_uploaded"))


async def test_the_address_takes_no_other_type_and_shows_nothing(room: Room) -> None:
    made, content = await product(room), picture()
    place = await announced(room, made["id"], content)
    assert await uploaded(room, place, content, **{"Content-Type": "text/html"}) == 403
    assert await uploaded(room, place, content) == 200
    async with room.shop.session.get(place["upload"]["url"].partition("?")[0]) as answer:
        assert answer.status == 403


async def test_a_picture_belongs_to_the_product_it_was_announced_for(room: Room) -> None:
    made, other, content = await product(room), await product(room), picture()
    place = await announced(room, made["id"], content)
    assert await uploaded(room, place, content) == 200
    assert (await completed(room, other["id"], place)).status == 404


@pytest.mark.parametrize(
    "change",
    [{"content_type": "image/svg+xml"}, {"size_bytes": 0}, {"size_bytes": 20_000_001}, {"variant_skus": ["NONE"]},
     {"size_bytes": True}, {"alt": "x" * 501}, {"extra": 1}],
)  # fmt: skip
async def test_an_announcement_that_makes_no_sense_is_refused(room: Room, change: dict[str, Any]) -> None:
    made = await product(room)
    wish = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": 100, **change}
    answer = await room.merchant.post(f"/admin/products/{made['id']}/media", wish)
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_pictures_are_shown_upright_and_tell_nothing_of_where_they_were_taken(room: Room) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Some Camera"
    made = await product(room)
    answer = await added(room, made["id"], picture(800, 400, exif=exif))
    (media,) = answer.json["media"]
    assert (media["width"], media["height"]) == (400, 800)
    for name in ("w320.jpg", "w320.webp", "w320.avif"):
        file, _ = await shown(room, media["renditions"][name])
        assert file.height == 2 * file.width
        assert not dict(file.getexif())


async def test_transparent_pictures_stay_so_where_the_form_allows_it(room: Room) -> None:
    into = io.BytesIO()
    Image.new("RGBA", (400, 400), (255, 0, 0, 0)).save(into, "PNG")
    made = await product(room)
    answer = await added(room, made["id"], into.getvalue(), content_type="image/png")
    (media,) = answer.json["media"]
    webp, _ = await shown(room, media["renditions"]["w320.webp"])
    assert webp.mode == "RGBA"
    jpeg, _ = await shown(room, media["renditions"]["w320.jpg"])
    red, green, blue = jpeg.getpixel((10, 10))  # type: ignore[misc]
    assert min(red, green, blue) > 250


async def test_pictures_are_put_in_order_described_and_taken_away(room: Room) -> None:
    made = await product(room)
    await added(room, made["id"], picture(400, 300))
    answer = await added(room, made["id"], picture(300, 400))
    first, second = (media["id"] for media in answer.json["media"])
    path = f"/admin/products/{made['id']}"
    changed = await room.merchant.patch(
        path, {"media": [{"id": second, "alt": "The other side"}, {"id": first}]},
        headers={"If-Match": answer.headers["etag"]},
    )  # fmt: skip
    assert [(one["id"], one["alt"]) for one in changed.json["media"]] == [(second, "The other side"), (first, "")]
    assert changed.json["media"][0]["renditions"] == answer.json["media"][1]["renditions"]
    deleted = await room.merchant.delete(f"{path}/media/{second}")
    assert [one["id"] for one in deleted.json["media"]] == [first]
    assert (await room.merchant.delete(f"{path}/media/{second}")).status == 404


async def test_a_put_without_pictures_leaves_them(room: Room) -> None:
    content = mug()
    made = await room.merchant.post("/admin/products", content)
    answer = await added(room, made.json["id"], picture(400, 300))
    changed = await room.merchant.put(
        f"/admin/products/{made.json['id']}",
        {**content, "title": "Other"},
        headers={"If-Match": answer.headers["etag"]},
    )
    assert changed.json["media"] == answer.json["media"]


async def test_files_of_pictures_that_nothing_shows_any_more_are_swept_up(
    settings: Settings, credentials: Credentials
) -> None:
    own = settings.model_copy(update={"s3_bucket": f"t{RUN}-media"})
    app = create_app(own)
    app.state.access_tokens = credentials.access_tokens()
    async with serving(app) as caller:
        storage, store = app.state.storage, app.state.store
        await storage._client.create_bucket(Bucket=own.s3_bucket)
        merchant = caller.being(credentials.customer("cus_merchant", "merchant"))
        room = Room(app=app, settings=own, shop=caller, merchant=merchant, cart=caller)
        made = await product(room)
        await added(room, made["id"], picture(711, 307))
        both = (await added(room, made["id"], picture(733, 404))).json["media"]
        kept, gone = (set(media["renditions"].values()) for media in both)
        small = both[1]["renditions"]["w320.jpg"]
        await room.merchant.delete(f"/admin/products/{made['id']}/media/{both[1]['id']}")
        await storage.show("products/of-a-process-that-died.jpg", File("w320.jpg", "image/jpeg", b"a picture"))

        async def left() -> set[str]:
            return {path async for path in storage.shown_before(later)}

        tidying, later = Tidying(store, storage, own), datetime.now(UTC) + timedelta(seconds=5)
        assert await tidying.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert await left() == kept | gone | {"products/of-a-process-that-died.jpg"}
        empty = Store(in_database(own.mongo_url, f"t_catalog_{RUN}_empty"), timeout_seconds=5, pool_size=1)
        assert await Tidying(empty, storage, own).sweep(later) == 0, "more likely the wrong store"
        await empty.close()
        # Orders of the product keep its small picture; of a process that died, nobody has one.
        assert await tidying.sweep(later) == len(gone - {small}) + 1
        assert await left() == kept | {small}
        assert await tidying.sweep(later) == 0
        for path in await left():
            await storage.take_down(path, before=later)
        await storage._client.delete_bucket(Bucket=own.s3_bucket)


async def test_uploads_that_nobody_completed_are_thrown_away(room: Room) -> None:
    made, content = await product(room), picture()
    place = await announced(room, made["id"], content)
    assert await uploaded(room, place, content) == 200
    tidying = Tidying(room.app.state.store, room.app.state.storage, room.settings)
    assert await tidying.tidy(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await tidying.tidy(datetime.now(UTC) + timedelta(seconds=1)) >= 1

    async def gone() -> None:
        assert (await completed(room, made["id"], place)).status == 404

    await eventually(gone)
