"""Where there is a collector, the gateway has its part in every trace, and begins those that nobody has begun."""

from pathlib import Path

import pytest

from bodega.kit.testing import eventually
from tests.gateway.stage import stage
from tests.kit.collector import collecting

pytestmark = pytest.mark.service

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_the_gateway_takes_up_a_trace_tells_its_part_and_passes_it_on(tmp_path: Path) -> None:
    async with collecting() as collector, stage(tmp_path, otlp_url=collector.url) as gateway:
        parent = {"Traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        continued = (await gateway.ask("GET", "/cart", parent)).seen.headers["traceparent"].split("-")
        begun = (await gateway.ask("GET", "/cart")).seen.headers["traceparent"].split("-")

        async def told() -> None:
            assert collector.traces.get("gateway", set()) >= {TRACE, begun[1]}

        await eventually(told)  # it tells every five seconds
    assert continued[1] == TRACE
    assert continued[2] != "b7ad6b7169203331", "the service's part is below the gateway's"
    assert begun[1] != TRACE
    assert (continued[3], begun[3]) == ("01", "01"), "the services are told to tell theirs, too"
