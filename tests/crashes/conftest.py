"""Two worlds, in which the stories are told side by side; `--points` names who is killed, if not everybody."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bodega.proof.audit.finding import Finding
from tests.conftest import MakeDatabase
from tests.crashes.judging import audit_of
from tests.crashes.stories import STORIES
from tests.crashes.telling import Told, Whole, a_teller, tell_all
from tests.crashes.world import a_world

_log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
WORLDS = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--points", default="", help="of the crash points, only those whose names fit this regular expression"
    )


@pytest.fixture(scope="session")
async def whole(
    request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> AsyncIterator[Whole]:
    """The stories of the tests that are to be run, told without faults and with them; then the audit of each world."""
    wanted = {item.callspec.params["story"] for item in request.session.items if _is_of_a_story(item)}
    everything = any(not _is_of_a_story(item) and item.path.parent == _HERE for item in request.session.items)
    stories = [one for one in STORIES if everything or one.name in wanted]
    words = request.config.getoption("--points", default="")  # not known, where this folder is not named
    async with AsyncExitStack() as stack:
        folders = [tmp_path_factory.mktemp("world") for _ in range(min(WORLDS, len(stories)))]
        worlds = [await stack.enter_async_context(a_world(make_database, folder, root)) for folder in folders]
        tellers = list(await asyncio.gather(*(stack.enter_async_context(a_teller(world)) for world in worlds)))
        told = await tell_all(tellers, [Told(one) for one in stories], words)
        findings: list[Finding] = []
        for world in worlds:
            findings += await audit_of(world)
        defined = {name for world in worlds for name in world.lives.defined}
        whole = Whole({one.story.name: one for one in told}, defined, findings)
        seconds = sum(world.lives.cpu_seconds for world in worlds)
        _log.info("killed at %d of %d points; %.0f CPU seconds", len(whole.killed), len(whole.points), seconds)
        yield whole


def _is_of_a_story(item: pytest.Item) -> bool:
    return "story" in getattr(getattr(item, "callspec", None), "params", {})
