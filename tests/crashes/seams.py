"""Where a service may be killed: before and after whatever it does that outlives it.

`install` wraps the kit and the clients of the engines, in a process of the test's own. Then each operation that lasts
(a commit, a publish, a call to the outside that is no reading) bears a name: who does it, which it is of theirs, and
the side of it. So a new step, handler or relay has crash points without being named here.

"Just after" one operation and "just before" the next of the same task are the same state of all that lasts, so only the
first operation of a task has a "before".
"""

import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import aiosmtplib
import opensearchpy
import stripe
from aiobotocore.client import AioBaseClient
from pymongo.asynchronous.collection import AsyncCollection
from redis.asyncio.client import Pipeline, Redis

import bodega.kit.app
import bodega.kit.bus
from bodega.kit.bus import Consumer, Producer
from bodega.kit.db import Database
from bodega.kit.flow import Flows
from bodega.kit.http import Client, Front
from bodega.kit.inbox import Hears, Inbox, StatelessDoor
from bodega.kit.loops import Periodic
from bodega.kit.outbox import Relay
from bodega.kit.transport import Memory
from bodega.services.catalog.flows import Relay as CatalogRelay
from bodega.services.notifications.clients import Twilio
from bodega.services.payments import domain as payments
from bodega.services.payments.flows import Workers

_CALLER = "bodega-crash-caller"
"""The header that says who calls another service of the process."""
_IDS = re.compile(r"/(?:[a-z]+_)?(?=[^/?]*\d)[^/?_]+(?=/|$)")
_READS = {"GET", "HEAD", "OPTIONS"}
_VALKEY_WRITES = {"EVAL", "EVALSHA", "SET", "SADD", "UNLINK", "DEL"}
_MONGO_WRITES = ("insert_one", "insert_many", "update_one", "replace_one", "delete_one", "delete_many",
                 "find_one_and_update", "bulk_write")  # fmt: skip
_OPENSEARCH_WRITES = re.compile(r"/_(bulk|doc|update|create|delete_by_query|update_by_query|aliases)\b")


@dataclass
class Task:
    """What a task does, in whose name, and what it has done already."""

    names: Sequence[str] | Callable[[], Sequence[str]] = ()
    """Several: events that share a transaction."""
    endless: bool = False
    """A loop: its operations are not counted."""
    began: bool = False
    done: dict[str, int] = field(default_factory=dict)

    def who(self) -> Sequence[str]:
        return self.names() if callable(self.names) else self.names

    def next(self, what: str) -> str:
        if self.endless:
            return what
        self.done[what] = self.done.get(what, 0) + 1
        return f"{what} {self.done[what]}"


_task: ContextVar[Task | None] = ContextVar("task", default=None)


@dataclass
class Points:
    """Those of this life: which kill it, and where it says which it has come by."""

    says: int = -1
    """A file descriptor."""
    wanted: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    """Who must have crash points, by the services' definitions."""

    def say(self, **what: Any) -> None:
        os.write(self.says, json.dumps(what).encode() + b"\n")

    def reach(self, names: Sequence[str], where: str) -> None:
        """Ends the process without any more ado, if this is a point at which it is to end."""
        here = {f"{name}: {where}" for name in names}
        new, self.passed = here - self.passed, self.passed | here
        if killed := sorted(here & self.wanted):
            self.say(event="killed", points=killed)
            os.kill(os.getpid(), signal.SIGKILL)
        if new:
            self.say(event="passed", points=sorted(new))


POINTS = Points()


@contextmanager
def _doing(task: Task | None) -> Iterator[None]:
    token = _task.set(task)
    try:
        yield
    finally:
        _task.reset(token)


@contextmanager
def _as_part(name: str) -> Iterator[None]:
    """Part of what the task does has a name of its own."""
    whole = _task.get()
    part = Task([name], began=whole is not None and whole.began)
    with _doing(part):
        yield
    if whole is not None:
        whole.began |= part.began


@contextmanager
def _lasting(what: str, *, before: bool = True) -> Iterator[None]:
    """An operation whose effect outlives the process."""
    task = _task.get()
    if task is None or not (names := task.who()):
        yield
        return
    operation = task.next(what)
    if before and not task.began:
        POINTS.reach(names, f"before {operation}")
    yield
    task.began = True
    POINTS.reach(task.who(), f"after {operation}")


def _wrap(owner: Any, name: str, what: Callable[..., str | None]) -> None:
    """Each call of the coroutine function is the operation that `what` says of its arguments; None: it only reads."""
    original = getattr(owner, name)

    async def wrapped(*args: Any, **named: Any) -> Any:
        operation = what(*args, **named)
        if operation is None:
            return await original(*args, **named)
        with _lasting(operation):
            return await original(*args, **named)

    setattr(owner, name, wrapped)


def install() -> None:
    """Once in a process, before the services are made."""
    _wrap_database()
    _wrap_events()
    _wrap_flows()
    _wrap_requests()
    _wrap_loops()
    _wrap_the_outside()


def _wrap_database() -> None:
    transaction, fetchrow = Database.transaction, Database.fetchrow

    @asynccontextmanager
    async def in_transaction(self: Database) -> AsyncIterator[Any]:
        commits = None
        async with transaction(self) as tx:
            yield tx
            if tx.writes or tx._outgoing:
                commits = _lasting("commit")
                commits.__enter__()
        if commits is not None:
            commits.__exit__(None, None, None)

    async def one_statement(self: Database, sql: str, *args: Any) -> Any:
        row = await fetchrow(self, sql, *args)
        if row is not None:  # only now it is known that it has written something
            with _lasting("commit", before=False):
                return row
        return row

    Database.transaction = in_transaction  # type: ignore[method-assign]
    Database.fetchrow = one_statement  # type: ignore[method-assign]


def _wrap_events() -> None:
    publish, enter = Relay.publish, Inbox._entering
    make_relay, make_inbox, make_door = Relay.__init__, Inbox.__init__, StatelessDoor.__init__
    tell_all, commit = CatalogRelay.tell_all, Consumer._commit

    def relay_made(self: Relay, *args: Any, **named: Any) -> None:
        make_relay(self, *args, **named)
        POINTS.defined.add(f"relay {self._service}")

    async def published(self: Relay, connection: Any) -> int:
        with _doing(Task([f"relay {self._service}"])):
            return await publish(self, connection)

    async def told(self: CatalogRelay) -> int:
        with _doing(Task(["relay catalog"])):
            return await tell_all(self)

    def inbox_made(self: Inbox, database: Database, consumer: str, hears: Any, *args: Any) -> None:
        make_inbox(self, database, consumer, _named(hears, consumer, _in_the_name_of_the_event), *args)

    def door_made(self: StatelessDoor, producer: Producer, group: str, hears: Any, **named: Any) -> None:
        make_door(self, producer, group, _named(hears, group.rpartition(".")[2], _for_the_event), **named)

    @asynccontextmanager
    async def entering(self: Inbox, heard: Any) -> AsyncIterator[Any]:
        with _doing(Task([])):
            async with enter(self, heard) as entrance:
                yield entrance

    async def offsets(self: Consumer, consumer: Any) -> None:
        with _doing(Task([f"offsets {self._group.rpartition('.')[2]}"] if self._settled else [])), _lasting("commit"):
            await commit(self, consumer)

    bodega.kit.bus._COMMIT_SECONDS = 0.05  # stories wait until everything is read
    Relay.__init__, Relay.publish = relay_made, published  # type: ignore[method-assign]
    CatalogRelay.tell_all = told  # type: ignore[method-assign]
    POINTS.defined.add("relay catalog")
    Inbox.__init__, Inbox._entering = inbox_made, entering  # type: ignore[method-assign]
    StatelessDoor.__init__ = door_made  # type: ignore[method-assign]
    Consumer._commit = offsets  # type: ignore[method-assign]
    _wrap(Producer, "send", lambda _, messages: "publish" if messages else None)
    _wrap(Relay, "_delete", lambda _, __, rows: "delete" if rows else None)


Naming = Callable[[str, Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]


def _named(hears: dict[str, Hears], consumer: str, naming: Naming) -> dict[str, Hears]:
    """The handlers, each under its name. Those that were one function are one function still."""
    wrapped: dict[Any, Any] = {None: None}
    named = {}
    for one in hears.values():
        POINTS.defined.add(f"consumer {consumer} {one.name}")
        together = one.together
        if together not in wrapped:
            wrapped[together] = _for_events(consumer, together)  # type: ignore[arg-type]
        handler = naming(f"consumer {consumer} {one.name}", one.handler)
        named[one.name] = replace(one, handler=handler, together=wrapped[together])
    return named


def _in_the_name_of_the_event(name: str, handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def handled(tx: Any, event: Any) -> None:
        task = _task.get()
        if task is not None and name not in task.who():
            task.names = [*task.who(), name]
        await handler(tx, event)

    return handled


def _for_the_event(name: str, handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def handled(event: Any) -> None:
        with _doing(Task([name])):
            await handler(event)

    return handled


def _for_events(consumer: str, together: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def handled(events: Any) -> None:
        with _doing(Task(sorted({f"consumer {consumer} {event.type}" for event in events}))):
            await together(events)

    return handled


def _wrap_flows() -> None:
    make, step, duty = Flows.__init__, Flows._take_step, Workers._do_duty

    def made(self: Flows, database: Database, kind: str, steps: Any, **named: Any) -> None:
        make(self, database, kind, steps, **named)
        POINTS.defined.update(f"flow {kind} step {name}" for name in steps)

    async def taken(self: Flows, held: Any) -> Any:
        with _as_part(f"flow {self.kind} step {held.step}"):
            return await step(self, held)

    async def done(self: Workers, held: Any) -> Any:
        with _as_part(f"payment duty {payments.duty(held.payment, held.money)}"):
            return await duty(self, held)

    Flows.__init__, Flows._take_step = made, taken  # type: ignore[method-assign]
    Workers._do_duty = done  # type: ignore[method-assign]
    POINTS.defined.update(f"payment duty {name}" for name in get_args(payments.Duty))


def _wrap_requests() -> None:
    answer, ask, attempt = Front.__call__, Memory.ask, Client._attempt

    async def answered(self: Front, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in _READS:
            await answer(self, scope, receive, send)
            return
        caller = dict(scope["headers"]).get(_CALLER.encode(), b"").decode()

        def names() -> list[str]:
            path = getattr(scope.get("route"), "path", scope["path"])
            request = f"{self._service} {scope['method']} {path}"
            return [f"{caller} > {request}" if caller else f"request {request}"]

        with _doing(Task(names, began=bool(caller))):  # as far as it is ours, the caller has begun
            await answer(self, scope, receive, send)

    async def asked(self: Memory, method: str, path: str, headers: Any, body: bytes, seconds: float) -> Any:
        task = _task.get()
        names = task.who() if task is not None else []
        said = {_CALLER: names[0]} if names else {}
        found = await ask(self, method, path, {**headers, **said}, body, seconds)
        if task is not None and method not in _READS:
            task.began = True
        return found

    async def attempted(self: Client, method: str, path: str, *rest: Any) -> bytes:
        if isinstance(self._transport, Memory) or method in _READS:
            return await attempt(self, method, path, *rest)
        with _lasting(f"call {self._callee} {method} {_IDS.sub('/…', path)}"):
            return await attempt(self, method, path, *rest)

    Front.__call__ = answered  # type: ignore[method-assign]
    Memory.ask = asked  # type: ignore[method-assign]
    Client._attempt = attempted  # type: ignore[method-assign]


def _wrap_loops() -> None:
    keep = bodega.kit.app.keep_running  # type: ignore[attr-defined]

    async def kept(service: str, loop: Any, *args: Any, **named: Any) -> None:
        name = f"loop {service} {loop.name if isinstance(loop, Periodic) else type(loop).__name__}"
        with _doing(Task([name], endless=True)):
            await keep(service, loop, *args, **named)

    bodega.kit.app.keep_running = kept  # type: ignore[attr-defined]


def _wrap_the_outside() -> None:
    def of_stripe(_: Any, method: str, path: str, **__: Any) -> str | None:
        return f"call processor {_IDS.sub('/…', path.removeprefix('/v1'))}" if method == "post" else None

    def of_storage(_: Any, operation: str, __: Any) -> str | None:
        return f"call storage {operation}" if operation.startswith(("Put", "Delete")) else None

    def of_valkey(_: Any, *command: Any, **__: Any) -> str | None:
        return "write to Valkey" if str(command[0]).upper() in _VALKEY_WRITES else None

    def of_pipeline(pipe: Any, **_: Any) -> str | None:
        commands = {str(command[0][0]).upper() for command in pipe.command_stack}
        return "write to Valkey" if commands & _VALKEY_WRITES else None

    def of_search(_: Any, method: str, url: str, **__: Any) -> str | None:
        writes = method in ("PUT", "DELETE") or _OPENSEARCH_WRITES.search(url)
        return "write to OpenSearch" if writes and method != "GET" else None

    _wrap(stripe.StripeClient, "raw_request_async", of_stripe)
    _wrap(AioBaseClient, "_make_api_call", of_storage)
    _wrap(Redis, "execute_command", of_valkey)
    _wrap(Pipeline, "execute", of_pipeline)
    _wrap(opensearchpy.AsyncTransport, "perform_request", of_search)
    _wrap(aiosmtplib.SMTP, "send_message", lambda *_, **__: "mail")
    _wrap(Twilio, "_create", lambda *_: "text message")
    for name in _MONGO_WRITES:
        _wrap(AsyncCollection, name, lambda collection, *_, **__: f"write to {collection.name}")
