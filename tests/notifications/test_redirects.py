"""Nobody outside leads us elsewhere: what we send, and the key that we send it with, go where we were told to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from bodega.services.notifications.clients import Twilio
from bodega.services.notifications.errors import Delayed
from bodega.services.notifications.settings import Settings

pytestmark = pytest.mark.unit


@pytest.fixture(params=[301, 302, 303, 307, 308])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a gateway that leads everybody elsewhere, and the paths that it was asked for."""
    paths: list[str] = []

    async def answer(asking: web.Request) -> web.Response:
        paths.append(asking.path)
        if asking.path == "/elsewhere":
            return web.json_response({"messages": []})
        return web.Response(status=request.param, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", paths
    await runner.cleanup()


async def test_a_gateway_for_texts_that_leads_elsewhere_is_not_followed(
    asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, paths = asked
    token = tmp_path / "token"
    token.write_text("secret")
    texts = Twilio(Settings(sms_url=url, sms_account="AC1", sms_token_file=token))
    with pytest.raises(Delayed):
        await texts.send("Your parcel is there.", "+491701234567", since=datetime.now(UTC))
    assert len(paths) == 1
    assert "/elsewhere" not in paths
