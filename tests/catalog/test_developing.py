"""Pictures are developed a few at a time, each once, however often and by whom it is asked for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bodega.kit.errors import Unavailable
from bodega.services.catalog.flows import Darkroom
from bodega.services.catalog.settings import Settings
from tests.catalog.making import picture

pytestmark = pytest.mark.unit


@pytest.fixture
async def darkroom() -> AsyncIterator[Darkroom]:
    room = Darkroom(Settings(picture_workers=1, picture_queue=2))
    await room.open()
    yield room
    await room.close()


async def test_a_picture_asked_for_many_times_at_once_takes_one_place_in_the_queue(darkroom: Darkroom) -> None:
    content = picture()
    answers = await asyncio.gather(*(darkroom.develop("med_1", content, "image/jpeg") for _ in range(10)))
    assert all(answer is answers[0] for answer in answers)


async def test_who_stops_waiting_and_asks_again_gets_what_was_begun(darkroom: Darkroom) -> None:
    content = picture()
    impatient = [asyncio.create_task(darkroom.develop("med_1", content, "image/jpeg")) for _ in range(10)]
    await asyncio.sleep(0)  # all have asked
    last = asyncio.create_task(darkroom.develop("med_1", content, "image/jpeg"))
    for one in impatient[1:]:
        one.cancel()
    assert await impatient[0] is await last


async def test_a_full_queue_refuses_and_takes_again_when_there_is_room(darkroom: Darkroom) -> None:
    content = picture()
    begun = [asyncio.create_task(darkroom.develop(name, content, "image/jpeg")) for name in ("med_1", "med_2")]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await darkroom.develop("med_3", content, "image/jpeg")
    await asyncio.gather(*begun)
    assert (await darkroom.develop("med_3", content, "image/jpeg")).files
