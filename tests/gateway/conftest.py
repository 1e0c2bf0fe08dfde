"""One Envoy for all the gateway's tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.stage import Stage, stage


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("gateway")) as set_up:
        yield set_up
