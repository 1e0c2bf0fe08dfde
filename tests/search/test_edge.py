"""Search behind the edge: its answers are kept there, and gone as soon as searches find what is new."""

from pathlib import Path

from fastapi import Request

from bodega.kit.testing import eventually
from tests.edge.stage import Said, edge_in
from tests.search.conftest import OpenStage, Stage
from tests.search.making import product, updated
from tests.search.sources import Shop


async def test_without_an_edge_no_shared_cache_may_keep_an_answer(stage: Stage) -> None:
    answer = await stage.search.get("/search?q=lamp")
    assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=0"


async def test_an_answer_is_gone_from_the_edge_when_searches_find_what_is_new(
    tmp_path: Path, open_stage: OpenStage
) -> None:
    async with (
        edge_in(tmp_path) as edge,
        open_stage("edge", Shop(), edge_url=edge.url, purge_secret_file=edge.secret_file) as stage,
    ):

        async def ask_search(request: Request) -> Said:
            answer = await stage.search.get(f"/search?{request.url.query}")
            return Said(answer.body.decode(), answer.status, answer.headers)

        edge.origin.answers["/search"] = ask_search

        async def is_kept() -> None:
            assert await edge.state("/api/search?q=lamp") == "HIT"

        await eventually(is_kept)
        await stage.topics.publish(updated(product("Harbour lamp")))

        async def is_found() -> None:
            assert (await edge.get("/api/search?q=lamp")).json["total"] == 1

        await eventually(is_found, within_seconds=5)
        await eventually(is_kept)
