"""Where events enter a service: each takes effect once, or is parked for people, never lost.

`Inbox` is for rooms with SQL: the event's id is inserted in the transaction of its effect. Events that wait at the same
time may share one.
`StatelessDoor` is for rooms without: the handler itself ignores what is older than what it has, and what
it cannot handle goes to the topic `<group>.parked`.

Parking: a message that breaks its schema or an invariant (`kit.trouble.is_of_the_data`), with the reason; later ones
of its key queue up behind it, or a shipped order would be followed by its payment. Any other error is ours: the
message is tried again until it takes effect. What cannot even be parked is written to a file and skipped.
"""

import asyncio
import itertools
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

from aiokafka.errors import InvalidMessageError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from pydantic import BaseModel
from pydantic_core import from_json

from bodega.kit.bus import Backlog, Message, Producer, Trouble, message_of
from bodega.kit.db import Database, NotAlone, Transaction
from bodega.kit.errors import Broken, Unavailable
from bodega.kit.settings import SKIPPED_DIR
from bodega.kit.telemetry import CONSUME_DELAY, CONSUMED, PARKED, SKIPPED, count, log, span
from bodega.kit.trouble import is_of_the_data

_log = log()
_ID_CHARACTERS = 200
TOGETHER_BYTES = 5_000_000
"""Of the events that are handled together, at most: a store takes no request of any size."""
TOGETHER = 50
"""Events in one transaction, at most: their rows are locked until it commits."""
_NO_MESSAGE: tuple[type[BaseException], ...] = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError)
"""The broker's word that it will never take this message, however often it is asked."""
Data = TypeVar("Data", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Received(Generic[Data]):
    """An event as a handler sees it."""

    id: str
    type: str
    subject: str
    sequence: int
    time: datetime
    data: Data


@dataclass(frozen=True, slots=True)
class Hears:
    """One kind of event that a room hears: its type's name, the model of its data, what it does.

    `together`: the same for several events at once, of all kinds that name the very same; only a `StatelessDoor` asks
    it. It may be asked again for events that it has handled. `concerns`: False for an event of which can be seen, by
    itself, that there is nothing to do: it is passed over as one of a type that nobody here hears.

    `shares`: an `Inbox` may commit it in one transaction with events of other keys. Only where it locks nothing but
    what belongs to its own key, since its locks are held until the others are done, and where nothing outside begins
    before it commits. What does so now and then only says it by `Transaction.keep_to_itself`.
    """

    name: str
    model: type[BaseModel]
    handler: Callable[..., Awaitable[None]]
    together: Callable[[Sequence[Received[Any]]], Awaitable[None]] | None = None
    concerns: Callable[[Received[Any]], bool] = lambda _: True
    shares: bool = False


class Unreadable(Broken):
    """The message is not an event that we can read."""


def _parse(message: Message, hears: Mapping[str, Hears]) -> Received[Any] | None:
    """None: not for us. Raises Unreadable."""
    try:
        raw = from_json(message.body)
        kind = raw["type"]
        if kind not in hears:
            return None
        event = Received(
            id=raw["id"],
            type=kind,
            subject=raw["subject"],
            sequence=int(raw["sequence"]),
            time=datetime.fromisoformat(raw["time"].replace("Z", "+00:00")),
            data=hears[kind].model.model_validate(raw["data"]),
        )
        return event if hears[kind].concerns(event) else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # pydantic's errors are ValueErrors
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _read(message: Message, hears: Mapping[str, Hears]) -> Received[Any] | Unreadable | None:
    """None: not for us."""
    try:
        return _parse(message, hears)
    except Unreadable as error:
        return error


def _event_id(message: Message) -> str:
    """The id, if it has one; else where it stands in its topic, which names it just as well."""
    try:
        return _storable(str(from_json(message.body)["id"])[:_ID_CHARACTERS])
    except (ValueError, KeyError, TypeError):
        return f"{message.topic}/{message.partition}/{message.offset}"


def _storable(text: str) -> str:
    """Without what PostgreSQL takes for no text: NUL, and halves of characters."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _skip(service: str, message: Message, reason: str, folder: Path) -> None:
    """Writes a message that can be neither handled nor parked to a file of its own: nothing of it is lost, and those
    behind it go on. Raises OSError, if that cannot be done either: then it waits."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{service}-{message.topic}-{message.partition}-{message.offset}.json"
    kept = {
        "topic": message.topic, "partition": message.partition, "offset": message.offset, "key": message.key,
        "headers": dict(message.headers), "reason": reason, "body_base64": b64encode(message.body).decode(),
    }  # fmt: skip
    with open(file, "w", opener=partial(os.open, mode=0o600)) as written:
        json.dump(kept, written, indent=1)
    SKIPPED.labels(service).inc()
    _log.error("an event that cannot be parked was skipped", consumer=service, topic=message.topic, file=str(file))


def _ours(error: Exception, service: str, message: Message) -> Trouble:
    """The error as trouble that is waited out. One that nobody expected is logged whole."""
    if not isinstance(error, Trouble | Unavailable | OSError | TimeoutError):
        _log.exception("an event waits, since handling it failed", consumer=service, topic=message.topic, error=error)
    return Trouble(f"{type(error).__name__}: {error}")


def _observe(service: str, event: Received[Any], outcome: str) -> None:
    CONSUMED.labels(service, event.type, outcome).inc()
    if outcome == "done":
        CONSUME_DELAY.labels(service, event.type).observe(max(0.0, (datetime.now(UTC) - event.time).total_seconds()))


@dataclass(frozen=True, slots=True)
class _Entrance:
    """What the inbox says of events that have come."""

    entered: set[UUID]
    """Those that had not come before."""
    behind: frozenset[str]
    """Keys of which an earlier event is parked."""

    def lets_in(self, event: Received[Any]) -> bool:
        """Each once, also where it comes twice at the same time."""
        known = UUID(event.id) not in self.entered
        self.entered.discard(UUID(event.id))
        return not known


@dataclass
class Inbox:
    """The event door of a room with SQL."""

    database: Database
    consumer: str
    hears: Mapping[str, Hears]
    skipped_dir: Path = SKIPPED_DIR

    async def receive(self, message: Message) -> None:
        await self._handle(message, _read(message, self.hears))

    async def receive_some(self, messages: Sequence[Message]) -> int:
        """The first few, in one transaction where all of them `share`; whatever goes wrong there, one by one."""
        several = [(messages[0], _read(messages[0], self.hears))]
        size = len(messages[0].body)
        for message in itertools.islice(messages, 1, TOGETHER if self._shares(several[0][1]) else 1):
            event = _read(message, self.hears)
            size += len(message.body)
            if not self._shares(event) or size > TOGETHER_BYTES:
                break
            several.append((message, event))
        heard = [(message, event) for message, event in several if isinstance(event, Received)]
        if len(heard) > 1 and await self._have_taken_effect(heard):
            return len(several)
        for done, (message, event) in enumerate(several):
            try:
                await self._handle(message, event)
            except Trouble:
                if not done:
                    raise
                return done  # and it says so again, when it is the first
        return len(several)

    def _shares(self, event: Received[Any] | Unreadable | None) -> bool:
        """Also what is not for us, and costs nothing."""
        return event is None or (isinstance(event, Received) and self.hears[event.type].shares)

    async def _have_taken_effect(self, heard: Sequence[tuple[Message, Received[Any]]]) -> bool:
        """All of them, or (False) none."""
        first, _ = heard[0]
        outcomes = list[str]()
        with span(f"hear {first.topic}", first.headers, cause="event", service=self.consumer):
            try:
                # In the order of their keys: two that do the same elsewhere then never wait for each other.
                heard = sorted(heard, key=lambda one: one[0].key)
                async with self._entering(heard) as (tx, entrance):
                    tx.shared = True
                    for message, event in heard:
                        with span(f"hear {message.topic}", message.headers, cause="event", service=self.consumer):
                            count("delivery")
                            outcomes.append(await self._take_effect(tx, message, event, entrance))
                            await tx.flush()  # in its own trace
            except NotAlone:
                return False
            except Exception as error:  # by itself, each shows whether it is that one
                _log.warning("events are handled one by one", consumer=self.consumer, count=len(heard), error=error)
                return False
        for (_, event), outcome in zip(heard, outcomes, strict=True):
            _observe(self.consumer, event, outcome)
        return True

    async def _handle(self, message: Message, event: Received[Any] | Unreadable | None) -> None:
        with span(f"hear {message.topic}", message.headers, cause="event", service=self.consumer):
            try:
                await self._receive(message, event)
            except Exception as error:  # by default an error is ours
                raise _ours(error, self.consumer, message) from error

    async def _receive(self, message: Message, event: Received[Any] | Unreadable | None) -> None:
        if isinstance(event, Unreadable):
            await self._park(message, str(event))
            return
        if event is None:
            return
        count("delivery")
        try:
            async with self._entering([(message, event)]) as (tx, entrance):
                outcome = await self._take_effect(tx, message, event, entrance)
        except Exception as error:
            if not is_of_the_data(error):
                raise
            _log.exception("an event is parked", consumer=self.consumer, type=event.type, subject=event.subject)
            await self._park(message, f"{type(error).__name__}: {error}")
            outcome = "parked"
        _observe(self.consumer, event, outcome)

    @asynccontextmanager
    async def _entering(
        self, heard: Sequence[tuple[Message, Received[Any]]]
    ) -> AsyncIterator[tuple[Transaction, "_Entrance"]]:
        """The transaction in which these take effect."""
        async with self.database.transaction() as tx:
            row = await tx.fetchrow(
                """WITH entered AS (INSERT INTO inbox (consumer, event_id)
                                    SELECT $1, id FROM unnest($2::uuid[]) AS t (id) ORDER BY id
                                    ON CONFLICT DO NOTHING RETURNING event_id)
                   SELECT ARRAY (SELECT event_id FROM entered) AS entered,
                          ARRAY (SELECT DISTINCT key FROM parked
                                  WHERE consumer = $1 AND topic = $3 AND key = ANY ($4::text[])) AS behind""",
                self.consumer, [event.id for _, event in heard], heard[0][0].topic,
                [message.key for message, _ in heard],
            )  # fmt: skip
            assert row is not None
            before = tx.writes
            yield tx, _Entrance(set(row["entered"]), frozenset(row["behind"]))
            if row["entered"] and tx.writes == before:  # nothing has changed, nor would it, if these rows were lost
                await tx.commit_without_flush()

    async def _take_effect(self, tx: Transaction, message: Message, event: Received[Any], entrance: "_Entrance") -> str:
        if not entrance.lets_in(event):
            return "known"
        if message.key in entrance.behind:
            await self._insert_parked(tx, message, "behind an event of the same key")
            return "parked"
        await self.hears[event.type].handler(tx, event)
        return "done"

    async def _park(self, message: Message, reason: str) -> None:
        try:
            async with self.database.transaction() as tx:
                await self._insert_parked(tx, message, reason)
        except Exception as error:
            if not is_of_the_data(error):
                raise
            _skip(self.consumer, message, reason, self.skipped_dir)

    async def _insert_parked(self, tx: Transaction, message: Message, reason: str) -> None:
        await tx.execute(
            """INSERT INTO parked (consumer, event_id, topic, key, body, headers, reason)
               VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7) ON CONFLICT (consumer, topic, event_id) DO NOTHING""",
            self.consumer, _event_id(message), message.topic, _storable(message.key), message.body,
            json.dumps({_storable(name): _storable(value) for name, value in message.headers.items()}),
            _storable(reason[:2000]),
        )  # fmt: skip

    async def parked(self, limit: int = 100) -> list[dict[str, Any]]:
        """What waits for people, oldest first."""
        async with self.database.reading() as tx:
            rows = await tx.fetch(
                """SELECT position, event_id, topic, key, reason, parked_at FROM parked
                    WHERE consumer = $1 ORDER BY position LIMIT $2""",
                self.consumer, limit,
            )  # fmt: skip
        PARKED.labels(self.consumer).set(len(rows))
        return [dict(row) for row in rows]

    async def replay(self, key: str | None = None) -> dict[str, int]:
        """Handles what is parked again, in order; per key it stops at the first that still fails."""
        async with self.database.reading() as tx:
            rows = await tx.fetch(
                """SELECT * FROM parked WHERE consumer = $1 AND ($2::text IS NULL OR key = $2) ORDER BY position""",
                self.consumer, key,
            )  # fmt: skip
        done, still = 0, set[tuple[str, str]]()
        for row in rows:
            lane = (row["topic"], row["key"])
            if lane in still:
                continue
            message = Message(topic=row["topic"], key=row["key"], body=row["body"], headers=row["headers"])
            try:
                event = _parse(message, self.hears)
                async with self.database.transaction() as tx:
                    # FOR UPDATE: two replays at once must not let the event take effect twice.
                    if not await tx.fetchval("SELECT 1 FROM parked WHERE position = $1 FOR UPDATE", row["position"]):
                        continue
                    if event is not None:
                        await tx.execute(
                            "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2::uuid) ON CONFLICT DO NOTHING",
                            self.consumer, event.id,
                        )  # fmt: skip
                        await self.hears[event.type].handler(tx, event)
                    await tx.execute("DELETE FROM parked WHERE position = $1", row["position"])
                done += 1
            except Unavailable:
                raise
            except Exception as error:  # it stays parked, whatever it is
                still.add(lane)
                async with self.database.transaction() as tx:
                    await tx.execute(
                        "UPDATE parked SET reason = $2 WHERE position = $1",
                        row["position"], f"{type(error).__name__}: {error}"[:2000],
                    )  # fmt: skip
        return {"replayed": done, "still_parked": len(rows) - done}


async def drop_parked(tx: Transaction, keys: Sequence[str]) -> None:
    """Events of these keys that wait for people are not handled any more: whom they are about is forgotten."""
    await tx.execute("DELETE FROM parked WHERE key = ANY($1::text[])", list(keys))


@dataclass
class StatelessDoor:
    """The event door of a room without SQL. Handlers must ignore what is older than what they have."""

    producer: Producer
    group: str
    hears: Mapping[str, Hears]
    skipped_dir: Path = SKIPPED_DIR
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """The producer is opened when there is something to park: a room starts without its broker."""

    async def close(self) -> None:
        await self.producer.close()

    @property
    def parked_topic(self) -> str:
        return f"{self.group}.parked"

    async def receive(self, message: Message) -> None:
        await self._handle(message, _read(message, self.hears))

    async def receive_some(self, messages: Sequence[Message]) -> int:
        """The first few that are heard together, else the first alone. In the trace of the first of them."""
        first = _read(messages[0], self.hears)
        events = [first] if isinstance(first, Received) else []
        together = self.hears[first.type].together if isinstance(first, Received) else None
        size = len(messages[0].body)
        for message in itertools.islice(messages, 1, None if together is not None else 1):
            event = _read(message, self.hears)
            size += len(message.body)
            if not isinstance(event, Received) or self.hears[event.type].together is not together:
                break
            if size > TOGETHER_BYTES:
                break
            events.append(event)
        if together is None or len(events) == 1:
            await self._handle(messages[0], first)
            return 1
        with span(f"hear {messages[0].topic}", messages[0].headers, cause="event", service=self.group):
            count("delivery", len(events))
            try:
                await together(events)
            except Exception as error:
                if not is_of_the_data(error):
                    raise _ours(error, self.group, messages[0]) from error
                # One of them cannot be handled: by itself, each shows whether it is that one.
                _log.warning("events are handled one by one", consumer=self.group, count=len(events), error=error)
            else:
                for event in events:
                    _observe(self.group, event, "done")
                return len(events)
        for message, event in zip(messages, events, strict=False):
            await self._handle(message, event)
        return len(events)

    async def _handle(self, message: Message, event: Received[Any] | Unreadable | None) -> None:
        with span(f"hear {message.topic}", message.headers, cause="event", service=self.group):
            try:
                if isinstance(event, Unreadable):
                    raise event
                if event is None:
                    return
                count("delivery")
                await self.hears[event.type].handler(event)
                _observe(self.group, event, "done")
            except Exception as error:
                if not is_of_the_data(error):
                    raise _ours(error, self.group, message) from error
                _log.exception("an event is parked", consumer=self.group, topic=message.topic)
                await self._park(message, f"{type(error).__name__}: {error}")
                CONSUMED.labels(self.group, "?", "parked").inc()

    async def _park(self, message: Message, reason: str) -> None:
        try:
            async with self._opening:  # partitions are worked side by side
                await self.producer.open()
        except (KafkaError, OSError) as error:
            raise Trouble(f"the broker is away: {error!r}") from error
        headers = {**message.headers, "parked-topic": message.topic, "parked-reason": reason[:1000]}
        parked = Message(topic=self.parked_topic, key=message.key, body=message.body, headers=headers)
        try:
            await self.producer.send([parked])
        except Trouble as trouble:
            if not isinstance(trouble.__cause__, _NO_MESSAGE):
                raise
            _skip(self.group, message, reason, self.skipped_dir)

    async def parked(self, limit: int = 100) -> list[dict[str, Any]]:
        """What waits for people, oldest first."""
        async with Backlog(self.producer.bootstrap, self.parked_topic).open() as (_, records):
            messages = [(message_of(record), record.timestamp) for record in records[:limit]]
        return [
            {
                "event_id": _event_id(message),
                "topic": message.headers.get("parked-topic", ""),
                "key": message.key,
                "reason": message.headers.get("parked-reason", ""),
                "parked_at": datetime.fromtimestamp(at / 1000, UTC),
            }
            for message, at in messages
        ]

    async def replay(self, key: str | None = None) -> dict[str, int]:
        """Handles what is parked again; a partition stops at the first that still fails, so that no key's order is
        turned round. With `key`, only its messages are handled, and none is forgotten: handlers know the older.

        Raises: Unavailable, if the broker is away.
        """
        done = 0
        try:
            async with Backlog(self.producer.bootstrap, self.parked_topic).open() as (consumer, records):
                stopped = set[int]()
                for record in records:
                    message = message_of(record)
                    if record.partition in stopped or (key is not None and message.key != key):
                        continue
                    try:
                        event = _parse(message, self.hears)
                        if event is not None:
                            await self.hears[event.type].handler(event)
                    except Exception as error:  # it stays parked, whatever it is
                        _log.warning("an event stays parked", consumer=self.group, key=message.key, error=error)
                        stopped.add(record.partition)
                        continue
                    done += 1
                    if key is None:
                        partition = TopicPartition(record.topic, record.partition)
                        await consumer.commit({partition: OffsetAndMetadata(record.offset + 1, "")})
        except Trouble as error:
            raise Unavailable(str(error)) from error
        return {"replayed": done, "still_parked": len(records) - done}
