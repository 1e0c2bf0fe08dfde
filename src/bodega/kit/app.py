"""A service as a process: its settings, its application, its background loops, its way to serve.

`create_service` gives every room the same front (problem+json, limits, health, metrics, OpenAPI) and runs
its resources and loops for as long as the application lives.
"""

import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from bodega.kit import security, telemetry
from bodega.kit.auth import (
    AccessTokens,
    AskEnded,
    Caller,
    EndedList,
    EndedSessions,
    InternalTokens,
    roles_asked_for,
)
from bodega.kit.bus import AT_ONCE, Consumer, Door, Producer
from bodega.kit.db import Database
from bodega.kit.errors import (
    AccessExpired,
    BadRequest,
    Forbidden,
    NotFound,
    Problem,
    SessionEnded,
    Unauthenticated,
    Unavailable,
    in_words,
    of_fields,
)
from bodega.kit.http import Client, Front, RemoteProblem, problem_body, problem_headers
from bodega.kit.inbox import Hears, Inbox
from bodega.kit.live import Live
from bodega.kit.loops import Loop, Periodic, keep_running
from bodega.kit.outbox import Relay
from bodega.kit.retention import DAY, HOUR, Prune, older_than, tidying
from bodega.kit.settings import ServiceSettings
from bodega.kit.transport import Hatch

_log = telemetry.log()
_OF_OUR_OWN: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""`Front` has one span and one metric for a request; FastAPI's own five spans would cost as much as its routing."""
GRACE_SECONDS = 10
LINGER_SECONDS = 4
"""A connection that has been silent for so long is used by nobody any more: the gateway gives up its own after three
seconds (`gateway.render`), and calls between services are repeated."""
STARTUP_FAILURE = 3
_LOOK_SECONDS = 0.02


class Resource(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...


class ParkedEvents(Protocol):
    async def parked(self, limit: int = 100) -> list[dict[str, Any]]: ...
    async def replay(self, key: str | None = None) -> dict[str, int]: ...


Check = Callable[[], Awaitable[None]]
"""Raises, if the dependency is not there."""


def housekeeping(database: Database, settings: ServiceSettings, *own: Prune) -> Periodic:
    """Tidies the kit's tables and, by `own`, the service's."""
    return tidying(
        database,
        [
            older_than(settings.idempotency_hours * HOUR, "idempotency_key", "created_at"),
            older_than(settings.inbox_days * DAY, "inbox", "received_at"),
            older_than(settings.ended_flow_days * DAY, "flow", "updated_at", only="state = 'ended'"),
            *own,
        ],
    )


class ProblemDocument(BaseModel):
    """RFC 9457. Branch on `code`; `title` and `detail` are for people."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(
        description="The code as an address; it need not lead anywhere",
        examples=["https://bodega.example/problems/not_found"],
    )
    title: str = Field(description="What the code means, the same each time; may be reworded", examples=["Not found"])
    status: int = Field(description="The answer's own, once more", examples=[404])
    code: str = Field(description="Stable: programs branch on it", examples=["not_found"])
    detail: str | None = Field(
        default=None,
        description="What happened this time, and what to do about it",
        examples=["No order has this id or number."],
    )


_EVERYWHERE: Mapping[int, Sequence[str]] = {
    400: ["malformed_request"],
    413: ["request_too_large"],
    415: ["unsupported_media_type"],
    422: ["invalid_request"],
    429: ["too_many_requests"],
    503: ["unavailable", "busy"],
    504: ["timeout"],
}
_MORE: Mapping[int, str] = {
    422: "With `invalid_request`, `errors` lists what is wrong: {pointer, message}.",
    429: "`Retry-After` says when to ask again.",
    503: "`Retry-After` says when to ask again.",
    504: "`Retry-After` says when to ask again.",
}
_WITHOUT_BODY = {"201": "Made.", "202": "Taken; it is done in a moment.", "204": "Done; there is nothing to say."}


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer so: `responses=problems(NotFound, TooLateToCancel)`.

    What each code means is said by the application, which knows their titles.
    """
    codes: dict[int, list[str]] = {}
    if Unauthenticated in kinds:  # whoever takes an access token meets what may be wrong with one
        kinds = (*kinds, AccessExpired, SessionEnded)
    for kind in kinds:
        of_status = codes.setdefault(kind.status, list(_EVERYWHERE.get(kind.status, ())))
        if kind.code not in of_status:
            of_status.append(kind.code)
    return {status: _documented(of_status) for status, of_status in codes.items()}


def but(**members: Any) -> dict[str, Any]:
    """For one of a route's `responses`: its example is that of its form, but for these members."""
    return {"content": {"application/json": {"x-but": members}}}


def _documented(codes: Sequence[str]) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"content": {"application/problem+json": {"schema": reference}}, "x-codes": list(codes)}


def create_service(
    service: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    *,
    titles: Mapping[str, str],
    description: str,
    state: Mapping[str, Any],
    opens: Sequence[Resource] = (),
    loops: Sequence[Loop] = (),
    ready: Mapping[str, Check],
    degraded: Mapping[str, Callable[[], bool]] | None = None,
    parked: ParkedEvents | None = None,
    raw_paths: tuple[str, ...] = (),
    ask_ended: AskEnded | None = None,
) -> FastAPI:
    """The application of a room.

    `opens` are opened in order before the first request and closed in reverse; `loops` run meanwhile, and so does what
    tells other replicas of a commit, for each Database of `opens`.
    `ready`: without these the room cannot work (its own store). `degraded`: it works, but less well.
    `ask_ended`: which sessions have ended lately; by default auth is asked.
    """
    telemetry.setup(service, log_format=settings.log_format, sample_ratio=settings.trace_ratio)
    loops = [*loops, *(one.notices for one in opens if isinstance(one, Database))]

    if ask_ended is None:
        auth = Client(service, "auth", _auth_url(settings), internal_tokens(service, settings), timeout_seconds=2,
                      attempts=1, breaker_threshold=3)  # fmt: skip
        opens = [*opens, auth]

        async def ask_ended(since: float | None) -> EndedList:
            path = "/internal/sessions/ended" + (f"?since={since}" if since is not None else "")
            try:
                return await auth.get(path, EndedList)
            except RemoteProblem as refused:  # an auth of another version, or one that does not know us
                raise Unavailable(f"auth refuses to say which sessions have ended: {refused}") from refused

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for resource in opens:
                stack.push_async_callback(resource.close)
                await resource.open()
            async with _running(service, settings, loops):
                yield

    app = FastAPI(
        title=f"Bodega {service}",
        version="1",
        description=description,
        lifespan=lifespan,
        responses={status: _documented(codes) for status, codes in _EVERYWHERE.items()},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_OF_OUR_OWN,
    )
    app.state.service = service
    app.state.settings = settings
    app.state.streams = [loop for loop in loops if isinstance(loop, Live)]
    app.state.access_tokens = AccessTokens(
        settings.jwks_url,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        ended=EndedSessions(ask_ended),
    )
    app.state.internal_tokens = internal_tokens(service, settings)
    for name, value in state.items():
        setattr(app.state, name, value)
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(ready, degraded or {}))
    if parked is not None:
        app.include_router(_parked_routes(parked))
    _answer_with_problems(app, titles)
    app.openapi = lambda: _openapi(app, routers, titles)  # type: ignore[method-assign]
    app.add_middleware(
        Front,
        service=service,
        titles=titles,
        requests_at_once=settings.requests_at_once,
        raw_paths=raw_paths,
        tls=settings.site_url.startswith("https:"),
    )
    return app


def _auth_url(settings: ServiceSettings) -> str:
    """Where the access tokens come from; its keys are there, too."""
    return settings.service_urls.get("auth") or settings.jwks_url.removesuffix("/.well-known/jwks.json")


def internal_tokens(service: str, settings: ServiceSettings) -> InternalTokens:
    return InternalTokens(
        service, settings.internal_key_file, settings.internal_jwks_file, frozenset(settings.allowed_callers)
    )


def client_for(callee: str, service: str, settings: ServiceSettings, **options: Any) -> Client:
    """A client of another service, as platform.toml allows it.

    Raises: RuntimeError, if this service may not call that one.
    """
    if callee not in settings.service_urls:
        raise RuntimeError(f"{service} may not call {callee}: add it to `calls` in platform.toml")
    return Client(service, callee, settings.service_urls[callee], internal_tokens(service, settings), **options)


def relay_of(service: str, settings: ServiceSettings, database: Database) -> Relay:
    """What takes this room's outbox to Kafka."""
    return Relay(
        database,
        Producer(settings.kafka, client_id=f"{service}-{settings.replica}"),
        service=service,
        topic_prefix=settings.topic_prefix,
        poll_seconds=settings.relay_poll_seconds,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
    )


def ear(
    service: str, settings: ServiceSettings, database: Database, hears: Sequence[Hears], *, topics: Sequence[str]
) -> tuple[Consumer, Inbox]:
    """What brings other rooms' events into this one's inbox."""
    inbox = Inbox(database, service, {one.name: one for one in hears}, settings.skipped_dir)
    return consumer_of(service, settings, inbox, topics=topics), inbox


def consumer_of(
    service: str, settings: ServiceSettings, door: Door, *, topics: Sequence[str], at_once: int = AT_ONCE
) -> Consumer:
    return Consumer(
        settings.kafka,
        group=settings.topic_prefix + service,
        topics=[settings.topic_prefix + topic for topic in topics],
        door=door,
        replica=settings.replica,
        retry_first_seconds=settings.retry_first_seconds,
        retry_most_seconds=settings.retry_most_seconds,
        at_once=at_once,
    )


def secret_from(file: Path | None) -> bytes:
    """A secret that other processes share by its file. Without one, a random secret of this process:
    then what it signs is worthless after a restart."""
    if file is None:
        _log.warning("no secret file is set: what is signed now will not be valid after a restart")
        return secrets.token_bytes(32)
    return bytes.fromhex(file.read_text().strip())


@asynccontextmanager
async def _running(service: str, settings: ServiceSettings, loops: Sequence[Loop]) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    tasks = [
        asyncio.create_task(
            keep_running(
                service, loop, stopping,
                retry_first_seconds=settings.retry_first_seconds, retry_most_seconds=settings.retry_most_seconds,
            ),
            name=type(loop).__name__,
        )
        for loop in loops
    ]  # fmt: skip
    try:
        yield
    finally:
        stopping.set()
        for loop in loops:
            loop.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _operations(ready: Mapping[str, Check], degraded: Mapping[str, Callable[[], bool]]) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        parts: dict[str, str] = {}
        unready = False
        for name, check in ready.items():
            try:
                await asyncio.wait_for(check(), 2)
                parts[name] = "ok"
            except Exception as error:  # whatever it is, the answer says it and the room is not ready
                parts[name] = f"{type(error).__name__}: {error}"
                unready = True
        worse = {name: "ok" if works() else "degraded" for name, works in degraded.items()}
        if unready:
            response.status_code = 503
        status = "unready" if unready else "degraded" if "degraded" in worse.values() else "ok"
        return {"status": status, "parts": {**parts, **worse}}

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _parked_routes(parked: ParkedEvents) -> APIRouter:
    router = APIRouter(prefix="/internal/parked", include_in_schema=False)

    @router.get("")
    async def list_parked(_: Caller) -> dict[str, Any]:
        return {"items": await parked.parked()}

    @router.post("/replay")
    async def replay(_: Caller, key: str | None = None) -> dict[str, int]:
        return await parked.replay(key)

    return router


def _pointer(location: Sequence[str | int]) -> str:
    parts = list(location)
    if parts and parts[0] == "body":
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts[1:])
    return "/".join(str(part) for part in parts)


def _answer_with_problems(app: FastAPI, titles: Mapping[str, str]) -> None:
    def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
        return Response(problem_body(problem, titles), problem.status, {**problem_headers(problem), **(headers or {})})

    @app.exception_handler(Problem)
    async def of_ours(request: Request, problem: Problem) -> Response:
        if isinstance(problem, Forbidden):
            identity = getattr(request.state, "identity", None)
            security.record(
                "authz_fail", "failure", subject=getattr(identity, "subject", None), reason=problem.code,
                session=getattr(identity, "session", None), action=security.action_of(request.scope),
            )  # fmt: skip
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def of_validation(_: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(entry["type"] == "json_invalid" for entry in found):
            return answer(BadRequest("The body is not JSON."))
        errors = [{"pointer": _pointer(entry["loc"]), "message": in_words(entry)} for entry in found[:50]]
        return answer(of_fields(errors))

    @app.exception_handler(HTTPException)
    async def of_the_framework(_: Request, error: HTTPException) -> Response:
        kinds: dict[int, tuple[type[Problem], str]] = {
            400: (BadRequest, "malformed_request"),
            404: (NotFound, "not_found"),
            405: (_MethodNotAllowed, "method_not_allowed"),
        }
        kind, code = kinds.get(error.status_code, (Problem, "internal"))
        return answer(kind("", code=code), error.headers)


class _MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"


def _openapi(app: FastAPI, routers: Sequence[APIRouter], titles: Mapping[str, str]) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes,
        )  # fmt: skip
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components["Problem"] = ProblemDocument.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        for answers in (operation["responses"] for item in schema["paths"].values() for operation in item.values()):
            for status, answer in answers.items():
                _explain(status, answer, components, titles)
        for route in (route for router in routers for route in router.routes):
            if isinstance(route, APIRoute) and (roles := roles_asked_for(route.dependant)):
                for method in route.methods or ():
                    schema["paths"][route.path_format][method.lower()]["x-roles"] = roles
        app.openapi_schema = schema
    return app.openapi_schema


def _explain(
    status: str, answer: dict[str, Any], components: Mapping[str, dict[str, Any]], titles: Mapping[str, str]
) -> None:
    """Says of an answer what its codes mean, or what its body is: FastAPI calls each "Successful Response"."""
    if codes := answer.get("x-codes"):
        listed = "\n".join(f"- `{code}`: {titles.get(code, code)}." for code in codes)
        more = _MORE.get(int(status))
        answer["description"] = f"{listed}\n\n{more}" if more else listed
    elif answer["description"] == "Successful Response":
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        component = components.get(schema.get("$ref", "").rpartition("/")[2], {})
        answer["description"] = component.get("description") or _WITHOUT_BODY.get(status, answer["description"])


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


Db = Annotated[Database, Depends(_database)]


async def _raw_body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_raw_body)]
"""The body as it was sent, for fingerprints and signatures."""


def serve(*rooms: tuple[FastAPI, str, int]) -> None:
    """Serves each application at its host and port, all in this process, until SIGTERM; then each finishes what runs
    (10 s)."""
    servers = [Server(*room) for room in rooms]
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(_serving(servers))
    if not all(server.started for server in servers):
        sys.exit(STARTUP_FAILURE)


async def _serving(servers: Sequence["Server"]) -> None:
    def end(number: int) -> None:
        for server in servers:
            server.handle_exit(number, None)

    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, end, ending)
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.serve())


class Server(uvicorn.Server):
    """Serves an application of `create_service`: at its port, and to others in its process."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # The gateway puts the client's address there, one and only (`gateway.routes`).
                proxy_headers=True,
                forwarded_allow_ips=app.state.settings.gateways,
                host=host,
                port=port,
                loop="uvloop",
                http="httptools",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=75,
                lifespan="on",
            )
        )
        self._reuse_port: bool = app.state.settings.reuse_port
        self._streams: Sequence[Live] = app.state.streams
        self._hatch = Hatch(app.state.service, app, self.server_state.tasks)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them alone: a signal is for all servers of the process (`serve`)."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([self._shared_socket()] if self._reuse_port else sockets)
        self._hatch.open()

    def _shared_socket(self) -> socket.socket:
        shared = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((self.config.host, self.config.port))
        return shared

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams first: they are answers that would not end by themselves.

        Then the next answer on each kept connection asks its owner to close it: if we closed it, a request
        that is on its way at that moment would be lost, and nobody could say whether it had been carried out."""
        self._hatch.close()
        for stream in self._streams:
            stream.stop()
        await asyncio.sleep(0)  # takes the connections that wait to be accepted
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER_SECONDS
        used = self._may_be_used
        while loop.time() < until and any(used(one, loop.time()) for one in self.server_state.connections):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)

    def _may_be_used(self, connection: Any, now: float) -> bool:
        """Whether a request may be on its way, or runs: uvicorn's timer begins anew with each answer."""
        timer = connection.timeout_keep_alive_task
        return timer is None or now < timer.when() - self.config.timeout_keep_alive + LINGER_SECONDS
