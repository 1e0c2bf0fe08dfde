"""While two releases run side by side, an old process passes over what only the new one has a handler for."""

import json
from pathlib import Path

import pytest

from bodega.platform.system import System

pytestmark = pytest.mark.unit

Subscription = tuple[str, str, str]
"""Who, topic, type of event."""


def _numbers(file: Path) -> list[int]:
    return [int(number) for number in file.stem.split(".")]


BEFORE = max((Path(__file__).parent / "subscriptions").glob("*.json"), key=_numbers)
"""Of the release before: written from its platform.toml when it is made."""
CATCHES_UP: dict[Subscription, str] = {}
"""A subscription of this release's own, and how what an old process passed over is made up for: `not published yet`
(the producer begins a release later), or the command, loop or comparison that reads it again."""


def subscriptions(described: dict[str, dict[str, list[str]]]) -> set[Subscription]:
    return {
        (who, topic, kind) for who, topics in described.items() for topic, kinds in topics.items() for kind in kinds
    }


def of_this_release() -> set[Subscription]:
    system = System.load(local=False)
    parts = {**system.services, **system.engines}
    return subscriptions({name: {t: list(kinds) for t, kinds in part.hears.items()} for name, part in parts.items()})


def test_what_a_service_newly_subscribes_to_is_not_lost_to_the_processes_of_the_release_before() -> None:
    begun = of_this_release() - subscriptions(json.loads(BEFORE.read_text()))
    assert begun == CATCHES_UP.keys(), "say in CATCHES_UP how it learns of them (docs/adr/0015)"


def test_the_subscriptions_of_the_release_before_are_known() -> None:
    assert ("orders", "payments", "PaymentAuthorized") in subscriptions(json.loads(BEFORE.read_text()))
