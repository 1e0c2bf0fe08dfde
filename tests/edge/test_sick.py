"""The edge when nothing behind it answers."""

from pathlib import Path

from bodega.kit.testing import eventually
from tests.edge.stage import Edge, Said, edge_in


async def test_old_answers_are_given_while_the_backend_is_sick_and_only_then(edge: Edge) -> None:
    edge.origin.says("/sick", "what was", xkey="product:prd_1KK")
    await edge.get("/sick")
    await edge.cache.expire("told")
    edge.origin.says("/sick", "what is", xkey="product:prd_1KK")
    assert (await edge.get("/sick")).body == b"what is"
    await edge.cache.expire("told")
    edge.origin.answers["/sick"] = Said("broken", 500)
    answer = await edge.get("/sick")
    assert (answer.status, answer.headers["x-cache"], answer.body) == (200, "STALE", b"what is")


async def test_pages_are_served_while_every_backend_is_down(tmp_path: Path) -> None:
    async with edge_in(tmp_path) as edge:
        edge.origin.says("/page", "a page", xkey="listing")
        edge.origin.says("/old-page", "an old page", xkey="search")
        await edge.get("/page")
        await edge.get("/old-page")
        await edge.cache.expire("search")
        await edge.stop_origin()
        edge.beating.clear()
        assert await edge.state("/old-page") == "STALE"
        assert await edge.state("/page") == "HIT"

        refused = await edge.get("/api/products")
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "unavailable", "5")
        page = await edge.get("/never-seen")
        assert page.status == 503
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert b"Back in a moment" in page.body

        async def is_still_served() -> None:
            assert await edge.state("/page") == "HIT"

        await eventually(is_still_served)


async def test_the_edge_is_ready_while_all_that_is_behind_it_answers(tmp_path: Path) -> None:
    async with edge_in(tmp_path) as edge:

        async def readiness_is(status: int) -> None:
            assert (await edge.get("/readyz")).status == status

        await eventually(lambda: readiness_is(200))
        await edge.stop_origin()
        await eventually(lambda: readiness_is(503))
