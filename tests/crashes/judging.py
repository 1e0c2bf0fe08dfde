"""The audit of a world: independent of the services, and of what the stories compare."""

from bodega.proof.audit import Places, compare, look
from bodega.proof.audit.events import Hearers
from bodega.proof.audit.finding import Finding
from bodega.proof.audit.time import Limits
from bodega.proof.audit.topics import Topics
from tests.crashes.world import SYSTEM, World

_INBOX_DAYS = 14
_LONG = 10_000.0
"""Seconds. How long anything has waited says nothing here: that nothing waits at all has been seen before."""


async def audit_of(world: World) -> list[Finding]:
    """What is wrong in a world that is at rest."""
    services = SYSTEM.services.values()
    heard = {one.name: {topic: frozenset(types) for topic, types in one.hears.items()} for one in services if one.hears}
    places = Places(
        databases=dict(world.databases),
        hearers=Hearers.of(SYSTEM, _INBOX_DAYS),
        heard=heard,
        limits=Limits(*([_LONG] * len(Limits.__dataclass_fields__))),
        topics=Topics(
            world.topics.bootstrap, world.prefix, [one.publishes for one in services if one.publishes], heard,
            [one.parked_topic for one in services if one.parked_topic],
        ),
        sandbox=world.sandbox.url,
        processor=world.sandbox.url,
    )  # fmt: skip
    return list(compare(await look(places), places))
