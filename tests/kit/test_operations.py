"""What a room says of itself to those who operate it."""

import pytest

from bodega.kit.app import create_service
from bodega.kit.settings import ServiceSettings
from bodega.kit.testing import Answered, Caller, serving

pytestmark = pytest.mark.unit


async def asked(store: Exception | None = None, *, broker: bool = True) -> Answered:
    """What a room answers to `/readyz` whose store fails like this, and whose broker is there or not."""

    async def works() -> None:
        if store:
            raise store

    app = create_service(
        "counter", ServiceSettings(), (), titles={}, description="", state={}, ready={"postgres": works},
        degraded={"kafka": lambda: broker},
    )  # fmt: skip
    async with serving(app) as caller:
        assert (await caller.get("/livez")).status == 200
        return await caller.get("/readyz")


async def test_who_has_all_that_it_needs_is_ready() -> None:
    answer = await asked()
    assert (answer.status, answer.json) == (200, {"status": "ok", "parts": {"postgres": "ok", "kafka": "ok"}})


async def test_without_its_own_store_a_room_is_not_ready_and_says_what_is_wrong() -> None:
    answer = await asked(ConnectionRefusedError("nobody listens"))
    assert answer.status == 503
    assert answer.json["status"] == "unready"
    assert answer.json["parts"] == {"postgres": "ConnectionRefusedError: nobody listens", "kafka": "ok"}


async def test_a_broker_that_is_away_makes_it_degraded_and_not_unready() -> None:
    answer = await asked(broker=False)
    assert (answer.status, answer.json["status"], answer.json["parts"]["kafka"]) == (200, "degraded", "degraded")


async def test_requests_are_counted_by_route_and_status() -> None:
    app = create_service("counted", ServiceSettings(), (), titles={}, description="", state={}, ready={})
    async with serving(app) as caller:
        assert (await caller.get("/nothing-here")).status == 404
        assert await seconds_counted(caller, service="counted", status="404")


async def seconds_counted(caller: Caller, **labels: str) -> bool:
    lines = (await caller.get("/metrics")).body.decode().splitlines()
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return any(
        line.startswith("http_request_seconds_count{") and all(label in line for label in wanted) for line in lines
    )
