"""Whoever does something that lasts is killed just before and just after it, and all ends as without the fault.

The crash points are those that the stories come by (tests.crashes.seams): each commit, publish and call to the outside
of each step, handler, relay, loop and request. A step, handler or relay that no story comes by fails the last test by
its name.
"""

import pytest

from tests.crashes.stories import STORIES
from tests.crashes.telling import Whole

pytestmark = [pytest.mark.service, pytest.mark.timeout(3600)]

NOT_COME_BY = {
    **dict.fromkeys(
        (f"flow checkout step {name}" for name in ("price", "reserve", "order", "hold")),
        "another name of `place`, for flows that an older version has begun",
    ),
    "flow fulfilment step wait": "for flows that an older version has begun",
    "consumer search InventoryCommitted": "writes nothing: what is sold was reserved, and is as sold out as before",
    "consumer search InventoryShort": "writes nothing: what is sold out stays sold out",
}
"""By name: who has crash points, as the services define it, and is in no story; and why."""
MISSED_AT_MOST = 0.1


@pytest.mark.parametrize("story", [one.name for one in STORIES])
async def test_wherever_it_is_killed_a_story_ends_as_without_the_fault(whole: Whole, story: str) -> None:
    told = whole.told[story]
    assert not told.wrong, "\n".join(told.wrong)


async def test_the_audit_finds_nothing_wrong_after_all_stories(whole: Whole) -> None:
    assert not [str(finding) for finding in whole.findings]


async def test_each_step_handler_and_relay_is_killed_in_some_story(whole: Whole) -> None:
    """In a run of everything. What is new, and in no story yet, is named here."""
    killed = {part for point in whole.killed for part in point.partition(": ")[0].split(" > ")}
    assert whole.defined - killed == set(NOT_COME_BY)


async def test_hardly_a_crash_point_is_missed(whole: Whole) -> None:
    """Some are come by only where two things happen at the same time."""
    missed = whole.points - whole.killed
    assert len(missed) <= len(whole.points) * MISSED_AT_MOST, sorted(missed)
