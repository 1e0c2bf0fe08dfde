"""The stage of the gateway's tests: the real Envoy, in front of small servers that play the services.

Each server answers what it was asked (`Seen`), so that a test reads what the service would have read. A query steers
it: `answer=503` that status, `sleep=5` so many seconds, `drop=1` closes the connection without a word,
`size=5000` so many bytes of JSON, `etag=1` with an ETag.
"""

import asyncio
import json
import os
import socket
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from aiohttp import ClientError, ClientSession, web
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.types import ASGIApp, Message

from bodega.gateway import docs
from bodega.gateway.render import envoy_config
from bodega.kit.testing import PATIENCE_SECONDS
from bodega.platform.engines.envoy import binary
from bodega.platform.system import ROOT, Instance, System

EDGE_SECRET = "edge-secret-of-the-tests"
REQUEST_SECONDS = 1.0
UNLIMITED = "127.1.0.0/16"
"""Whose addresses a stage of the instance `bench` does not limit."""
KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
STRANGERS_KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})


def described() -> dict[str, Any]:
    """platform.toml as it stands, with every port a free one and a short time-out."""
    system = tomllib.loads((ROOT / "platform.toml").read_text())
    system["instances"] = {"bench": {"times": "standard", "unlimited": [UNLIMITED]}}
    system["times"]["standard"]["request_timeout_seconds"] = REQUEST_SECONDS
    wanted = [*system["services"].values(), *(e["ports"] for e in system["engines"].values())]
    free = iter(_free_ports(sum(1 if "port" in w else len(w) for w in wanted)))
    for name, service in system["services"].items():
        service |= {"name": name, "port": next(free)}
    for engine in system["engines"].values():
        engine["ports"] = {purpose: next(free) for purpose in engine["ports"]}
    return system


def token(
    *, sub: str = "cus_1", roles: tuple[str, ...] | str | None = ("customer",), key: ECKey = KEY, **claims: Any
) -> str:
    """An access token as auth gives it; `claims` replace its own, None leaves one out."""
    now = int(time.time())
    given = {"iss": "bodega", "aud": "bodega", "sub": sub, "sid": "ses_1", "iat": now, "exp": now + 600}
    given |= {"roles": list(roles) if isinstance(roles, tuple) else roles, **claims}
    header = {"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
    return jwt.encode(header, {k: v for k, v in given.items() if v is not None}, key, algorithms=["ES256"])


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(**claims)}"}


def description(service: str) -> dict[str, Any]:
    """A service's own OpenAPI document, in small."""
    line = {"type": "object", "properties": {f"{service}_id": {"type": ["string", "null"]}}}
    listed = {"description": "All", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Line"}}}}
    operation = {"operationId": "list", "responses": {"200": listed}}
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": "1", "description": f"The {service} room."},
        "paths": {f"/{service}": {"get": operation}, "/internal/x": {"get": operation}, "/readyz": {"get": operation}},
        "components": {"schemas": {"Line": line}},
    }


@dataclass
class Seen:
    """A request as a service got it."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]
    size: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Answer:
    """What the client got. Header names are in lower case; a repeated header's values are joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def seen(self) -> Seen:
        """What the service got, told by it."""
        assert self.status == 200, (self.status, self.body)
        return Seen(**self.json)


@dataclass
class Stage:
    """The gateway and everything around it."""

    system: System
    instance: Instance
    log: Path
    seen: list[Seen] = field(default_factory=list)
    completes: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by a test: then the second of a checkout's two events is told."""

    @property
    def public(self) -> int:
        return self.instance.port("envoy", "public")

    @property
    def edge(self) -> int:
        return self.instance.port("envoy", "edge")

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        port: int | None = None,
        address: str = "127.0.0.1",
        chunked: bool = False,
    ) -> Answer:
        """One request on its own connection, its target sent byte for byte as given, from a loopback `address`."""
        sent = {"Host": "shop.test", "Connection": "close", **(headers or {})}
        payload = body or b""
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
            payload = b"%x\r\n%s\r\n0\r\n\r\n" % (len(payload), payload)
        elif body is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items()), "", ""]
        return await self.say(
            "\r\n".join(lines).encode() + payload, port=port, address=address, bodiless=method == "HEAD"
        )

    async def say(
        self, data: bytes, *, port: int | None = None, address: str = "127.0.0.1", bodiless: bool = False
    ) -> Answer:
        """Raw bytes to the gateway, and its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.public, local_addr=(address, 0))
        try:
            writer.write(data)
            return await asyncio.wait_for(_read(reader, bodiless), PATIENCE_SECONDS)
        finally:
            writer.close()

    @asynccontextmanager
    async def come_up(self, service: str) -> AsyncIterator[None]:
        """A service that was down is there, for as long as the block lasts."""
        runner = await _serve(self, service, self.instance.service_port(service))
        try:
            yield
        finally:
            await runner.cleanup()

    async def until_answered(self, target: str) -> None:
        """Asks with a token until that is answered by 200; fails after half a minute."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        url = f"http://127.0.0.1:{self.public}{target}"
        async with ClientSession() as session:
            while time.monotonic() < deadline:
                try:
                    async with session.get(url, headers=bearer()) as answer:
                        if answer.status == 200:
                            return
                except ClientError:
                    pass  # not listening yet
                await asyncio.sleep(0.05)
        raise AssertionError(f"{target} was never answered:\n{self.log.read_text()[-4000:]}")

    def count(self, target: str) -> int:
        """How often the services were asked for that."""
        return sum(seen.target == target for seen in self.seen)

    async def logged(self, fragment: str) -> dict[str, Any]:
        """The line of the access log that has `fragment`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if fragment in line and line.startswith("{"):
                    logged: dict[str, Any] = json.loads(line)
                    return logged
            await asyncio.sleep(0.05)
        raise AssertionError(f"the access log has no {fragment}")


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    without: tuple[str, ...] = ("notifications",),
    otlp_url: str | None = None,
    name: str = "shop",
    change: Callable[[dict[str, Any]], None] | None = None,
) -> AsyncIterator[Stage]:
    """Servers first, then Envoy; gives the stage when a token is accepted, so its keys have arrived.

    The services in `without` are down. Without auth there are no keys: then it is given when the gateway lives.
    `otlp_url`: a collector of traces, to which every request is told and not one in a hundred. `name`: of the instance.
    `change`: of a cluster of the services, as it is rendered.
    """
    system = System.model_validate(described())
    instance = system.instance(name, home=folder)
    set_up = Stage(system, instance, folder / "envoy.log")
    ports = {name: instance.service_port(name) for name in system.services if name not in without}
    runners = [await _serve(set_up, name, port) for name, port in ports.items()]
    page = await _serve_page(instance)
    config = folder / "envoy.json"
    configuration = envoy_config(system, instance, edge_secret=EDGE_SECRET, otlp_url=otlp_url)
    for cluster in configuration["static_resources"]["clusters"]:
        if change is not None and cluster["name"] in system.services:
            change(cluster)
    rendered = json.dumps(configuration)
    config.write_text(rendered.replace('"random_sampling": {"value": 1.0}', '"random_sampling": {"value": 100.0}'))
    with set_up.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(binary()),
            *("-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"),
            *("--file-flush-interval-msec", "100"),
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"]},
            cwd=folder,
        )
    try:
        await set_up.until_answered("/healthz" if "auth" in without else "/users/me")
        yield set_up
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        for runner in runners:
            await runner.cleanup()
        page.should_exit = True
        await page.wait_until_over()


class _Page(uvicorn.Server):
    """The process of the API's description, inside the test's own."""

    async def start(self) -> None:
        self.running = asyncio.create_task(self.serve())
        while not self.started:
            assert not self.running.done()
            await asyncio.sleep(0.01)

    async def wait_until_over(self) -> None:
        await self.running

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are the test runner's


async def _serve_page(instance: Instance) -> _Page:
    port = instance.port("docs", "http")
    urls = {name: instance.service_url(name) for name in ("orders", "cart", "notifications")}
    app = docs.create_app(docs.Settings(port=port, service_urls=urls))
    page = _Page(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1))
    await page.start()
    return page


async def _serve(set_up: Stage, name: str, port: int) -> web.AppRunner:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/.well-known/jwks.json":
            return web.json_response({"keys": [KEY.as_dict(private=False)]})
        if request.path == "/openapi.json":
            return web.json_response(description(name))
        if request.path.endswith("/events"):
            return await _tell_events(request, set_up.completes)
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        seen = Seen(name, request.method, request.raw_path, {k.lower(): v for k, v in request.headers.items()}, size)
        set_up.seen.append(seen)
        query = request.query
        if "sleep" in query:
            await asyncio.sleep(float(query["sleep"]))
        if "drop" in query and request.transport is not None:
            request.transport.abort()
        document = vars(seen) | ({"padding": "bodega " * int(query["size"])} if "size" in query else {})
        headers = {"Server": "a-service/1.0", **({"ETag": '"1"'} if "etag" in query else {})}
        return web.json_response(document, status=int(query.get("answer", 200)), headers=headers)

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, max_field_size=2**16)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def _tell_events(request: web.Request, completes: asyncio.Event) -> web.StreamResponse:
    """Two events, the second when the test lets it come."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: reserved\n\n")
    await completes.wait()
    await response.write(b"data: completed\n\n")
    return response


async def _read(reader: asyncio.StreamReader, bodiless: bool) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers: dict[str, str] = {}
    for line in lines[1:-1]:
        key, _, value = line.partition(":")
        key = key.lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    body = b""
    if bodiless:
        pass
    elif headers.get("transfer-encoding") == "chunked":
        while length := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(length + 2))[:-2]
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(lines[0].split(" ")[1]), headers, body)


async def visit(app: ASGIApp, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """What an application answers, asked without a network."""
    given = [(key.lower().encode(), value.encode()) for key, value in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": given}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
