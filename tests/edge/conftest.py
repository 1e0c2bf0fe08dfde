"""Two edges: one as it is, and one without its rules, to show what they are for."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import topics_for
from tests.edge.stage import Edge, edge_in

topics = topics_for("edge")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with edge_in(tmp_path_factory.mktemp("edge")) as started:
        yield started


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bare_edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """Without the guard against late refills, and without telling a page's data from the page."""

    def without_rules(vcl: str) -> str:
        for rule, instead in (
            ("std.real(var.global_get(beresp.http.X-Bucket), 0.0) >=", "0.0 - 1.0 >="),
            ('if (req.http.X-Kind != "rsc") {', 'if (req.http.X-Kind == "never") {'),
            ('elsif (req.http.RSC == "1") {', 'elsif (req.http.RSC == "never") {'),
        ):
            assert vcl.count(rule) == 1, rule
            vcl = vcl.replace(rule, instead)
        return vcl

    async with edge_in(tmp_path_factory.mktemp("bare-edge"), without_rules) as started:
        yield started
