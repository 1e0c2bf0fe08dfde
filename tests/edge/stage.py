"""A real Varnish on free ports, in front of one small server that plays all that is behind it."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI, Request, Response

from bodega.edge.render import edge_vcl
from bodega.kit.surrogates import SharedCache
from bodega.kit.testing import Answered, Caller, eventually, serving
from bodega.platform import debs
from bodega.platform.engines import varnish
from bodega.platform.system import Instance, InstanceSpec, Limit, System

GATEWAY_SECRET = "gateway-secret-of-the-tests"
PURGE_SECRET = "purge-secret-of-the-tests"
HEARTBEAT_SECONDS = 2.0
PAGES = Limit(requests=50, per_seconds=1, burst=200)
"""Pages that a client may have made; the tests ask faster than shoppers do."""
KEPT = "public, max-age=0, s-maxage=600"


@dataclass
class Said:
    """What the origin answers."""

    body: str = "answer"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Origin:
    """Storefront, gateway and object storage at once: a path's answer, and who asked for it how."""

    answers: dict[str, Said | Callable[[Request], Awaitable[Said | Response]]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    held: dict[str, tuple[asyncio.Event, asyncio.Event]] = field(default_factory=dict)

    def says(self, path: str, body: str = "answer", status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Said(body, status, {"Cache-Control": KEPT, **named})

    def hold(self, path: str) -> tuple[asyncio.Event, asyncio.Event]:
        """The next request for the path: (it has come and read the answer, it may be answered)."""
        self.held[path] = (asyncio.Event(), asyncio.Event())
        return self.held[path]

    def asked_for(self, path: str) -> list[Request]:
        return [one for one in self.asked if one.url.path == path]

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST"])
        async def answer(request: Request) -> Response:
            path = request.url.path
            if path in ("/healthz", "/readyz"):
                return Response("ok")
            self.asked.append(request)
            said = self.answers.get(path, Said("nothing", 404, {"Cache-Control": KEPT}))
            said = await said(request) if callable(said) else said
            if isinstance(said, Response):
                return said
            if path in self.held:
                come, may_go = self.held.pop(path)
                come.set()
                await may_go.wait()
            return Response(said.body, said.status, said.headers, said.headers.get("Content-Type", "text/html"))

        return app


@dataclass
class Edge:
    """Varnish, what is behind it, and the way to purge it."""

    site: Caller
    origin: Origin
    cache: SharedCache
    url: str
    secret_file: Path
    beating: asyncio.Event
    stop_origin: Callable[[], Awaitable[None]]

    async def state(self, path: str, **headers: str) -> str:
        """X-Cache of a GET."""
        return (await self.get(path, **headers)).headers["x-cache"]

    async def get(self, path: str, **headers: str) -> Answered:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.site.get(path, headers={"Accept-Encoding": "identity", **named})


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@asynccontextmanager
async def edge_in(folder: Path, change: Callable[[str], str] = lambda vcl: vcl) -> AsyncIterator[Edge]:
    """The edge as it is rendered, or with a rule of its VCL changed."""
    site, admin, behind = _free_ports(3)
    system = System.load()
    system = system.model_copy(update={"limits": {**system.limits, "pages": PAGES}})
    ports = {
        "varnish": {"http": site, "admin": admin},
        "storefront": {"http": behind},
        "envoy": {"edge": behind},
        "seaweedfs": {"s3": behind},
    }
    usual = system.instance("test")
    await asyncio.to_thread(debs.fetch, usual.home)
    instance = Instance("test", system, InstanceSpec(times="fast", ports=ports), usual.home)
    (folder / "edge.vcl").write_text(
        change(edge_vcl(instance, gateway_secret=GATEWAY_SECRET, purge_secret=PURGE_SECRET,
                        heartbeat_seconds=HEARTBEAT_SECONDS, probe_seconds=0.2))
    )  # fmt: skip
    secret_file = folder / "secret"
    secret_file.write_text(PURGE_SECRET)
    command = varnish.command(
        usual.home, folder / "edge.vcl", folder / "work", site=f"127.0.0.1:{site}", admin=f"127.0.0.1:{admin}",
        admin_secret=secret_file,
    )  # fmt: skip
    origin = Origin()
    url = f"http://127.0.0.1:{site}"
    async with AsyncExitStack() as stack:
        behind_it = await stack.enter_async_context(AsyncExitStack())
        await behind_it.enter_async_context(serving(origin.app(), port=behind))
        log = stack.enter_context((folder / "log").open("w"))
        process = subprocess.Popen(
            command, env={**os.environ, **varnish.environment(usual.home)}, stdout=log, stderr=log
        )
        stack.callback(process.wait)
        stack.callback(process.send_signal, signal.SIGTERM)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        )
        cache = SharedCache(url, secret_file)
        await cache.open()
        stack.push_async_callback(cache.close)

        async def is_up() -> None:
            if process.poll() is not None:
                pytest.fail((folder / "log").read_text())
            try:
                async with session.get(f"{url}/is-it-up"):  # a 404, which is kept for a second: no test's address
                    return
            except aiohttp.ClientError as error:
                raise AssertionError("not yet") from error

        await eventually(is_up, within_seconds=180)  # the very first compiles the compiler itself
        beating = asyncio.Event()
        beating.set()

        async def beat() -> None:
            while True:
                await beating.wait()
                await cache.heartbeat(await cache.hour())
                await asyncio.sleep(HEARTBEAT_SECONDS / 5)

        heart = asyncio.create_task(beat())
        await cache.heartbeat(await cache.hour())
        yield Edge(Caller(url, session), origin, cache, url, secret_file, beating, behind_it.aclose)
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)
