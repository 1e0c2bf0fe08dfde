"""Kafka: one producer and one consumer per service.

The consumer hands each message to a door (`Inbox` with SQL, `StatelessDoor` without) and commits the
offset some time after the door has returned: a crash between the two brings the message again, never loses it.
Partitions are worked side by side, each in order. While the door says `Trouble` (our store or the broker
is down) the partition waits; nothing is skipped.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import parse_qs, unquote, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from bodega.kit.telemetry import WAITING, log
from bodega.kit.trouble import Backoff

_log = log()
_SCRAM = "SCRAM-SHA-512"
AT_ONCE = 200
"""Messages that a consumer takes from the broker at once, at most."""
_COMMIT_SECONDS = 0.75
"""How often the broker is told how far a consumer is: a commit for each event costs it more than the event. It is told
only of what has been done for so long: an event that changed nothing is committed without waiting for the disk (ADR
0013), and PostgreSQL has written it within three times its `wal_writer_delay` (200 ms)."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and as whom it is spoken to; read from a setting.

    `host:port[,host:port]`: without a password. `kafka://user:password@host:port`: with one, by SCRAM-SHA-512 or as
    `?mechanism=PLAIN` says. `kafkas://…`: the same by TLS; the authorities that are trusted are the system's, or those
    of the file that SSL_CERT_FILE names.
    """

    servers: str
    user: str | None = None
    password: str = field(default="", repr=False)
    mechanism: str = _SCRAM
    tls: bool = False

    @classmethod
    def of(cls, setting: str) -> Self:
        """Raises: ValueError, if it is no address of a broker."""
        if "://" not in setting:
            return cls(setting)
        url = urlsplit(setting)
        if url.scheme not in ("kafka", "kafkas"):
            raise ValueError(f"a broker's address begins with kafka:// or kafkas://, not with {url.scheme}://")
        login, _, servers = url.netloc.rpartition("@")
        user, _, password = login.partition(":")
        mechanism = parse_qs(url.query).get("mechanism", [_SCRAM])[0]
        return cls(servers, unquote(user) or None, unquote(password), mechanism, url.scheme == "kafkas")

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        return ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")

    def options(self) -> dict[str, Any]:
        """What aiokafka's clients need to connect."""
        options: dict[str, Any] = {"bootstrap_servers": self.servers, "security_protocol": self.protocol}
        if self.user:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        if self.tls:
            options["ssl_context"] = ssl.create_default_context()
        return options


class Trouble(Exception):
    """Our store or our broker does not work. The message is not at fault and is tried again."""


class PartlyTaken(Trouble):
    """The broker has acknowledged some of what was sent, and not all: `taken` says of each message whether it has."""

    def __init__(self, why: str, taken: Sequence[bool]) -> None:
        super().__init__(why)
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came from the topic."""

    topic: str
    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    partition: int = -1
    offset: int = -1


class Door(Protocol):
    """Where messages enter a service. Returns when the effect is durable; raises Trouble to wait."""

    async def receive(self, message: Message) -> None: ...


@runtime_checkable
class WideDoor(Door, Protocol):
    """A door through which several messages may go at once."""

    async def receive_some(self, messages: Sequence[Message]) -> int:
        """The first of these, or the first few together; how many. Returns and raises as `receive`."""


def kafka_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]


class Producer:
    """An idempotent producer, acks=all.

    With a transactional id it is fenced: of all producers with this id only the one that was opened last may write.
    What an older one still sends, however late, the broker refuses, and `send` raises Trouble. Each `send` is then a
    transaction. (https://kafka.apache.org/documentation/#producerconfigs_transactional.id)
    """

    def __init__(self, bootstrap: str, *, client_id: str, transactional_id: str | None = None) -> None:
        self.bootstrap = bootstrap
        self._client_id = client_id
        self._transactional_id = transactional_id
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Connects, unless it has."""
        if self._producer is not None:
            return
        producer = AIOKafkaProducer(
            **Broker.of(self.bootstrap).options(),
            client_id=self._client_id,
            enable_idempotence=True,
            transactional_id=self._transactional_id,
            acks="all",
            linger_ms=0,
            request_timeout_ms=10_000,
            max_request_size=2_000_000,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            try:
                await asyncio.wait_for(producer.stop(), 5)
            except (TimeoutError, KafkaError) as error:
                # Whatever was in its buffer is still in the outbox; nothing is lost by leaving it.
                _log.warning("producer did not stop in time", error=error)

    async def send(self, messages: Sequence[Message]) -> None:
        """Sends in order, returns when the broker has acknowledged all. Raises Trouble otherwise: PartlyTaken, if it
        has acknowledged some, which in a transaction cannot be."""
        if self._producer is None:
            raise Trouble("the producer is closed")
        taken: list[bool] = []
        try:
            async with self._producer.transaction() if self._transactional_id else nullcontext():
                taken, failed = await _handed_over(self._producer, messages)
                if failed is not None:
                    raise failed
        except (KafkaError, OSError) as error:
            why = f"the broker does not take messages: {error!r}"
            if any(taken) and self._transactional_id is None:
                raise PartlyTaken(why, taken) from error
            raise Trouble(why) from error


async def _handed_over(
    producer: AIOKafkaProducer, messages: Sequence[Message]
) -> tuple[list[bool], BaseException | None]:
    """Of each message whether the broker has acknowledged it; and the first error."""
    sent: list[Awaitable[Any]] = []
    unsent: list[BaseException] = []
    for message in messages:
        try:
            sent.append(
                await producer.send(
                    message.topic, message.body, key=message.key.encode(), headers=kafka_headers(message.headers)
                )
            )
        except (KafkaError, OSError) as error:
            unsent.append(error)
            break
    answers = [*await asyncio.gather(*sent, return_exceptions=True), *unsent]
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    taken = [not isinstance(answer, BaseException) for answer in answers]
    return taken + [False] * (len(messages) - len(taken)), errors[0] if errors else None


class Consumer:
    """Reads topics for one group. `run()` until `stop()`; the group and its offsets are the service's."""

    def __init__(
        self,
        bootstrap: str,
        *,
        group: str,
        topics: Sequence[str],
        door: Door,
        replica: str = "0",
        retry_first_seconds: float = 1.0,
        retry_most_seconds: float = 60.0,
        from_now: bool = False,
        at_once: int = AT_ONCE,
    ) -> None:
        """`from_now`: a group that has never committed begins with what is said from now on, not with the oldest.
        `at_once`: messages of all partitions that are worked on side by side, at most."""
        self._bootstrap = bootstrap
        self._group = group
        self._from_now = from_now
        self._at_once = at_once
        self._topics = list(topics)
        self._door = door
        self._replica = replica
        self._first = retry_first_seconds
        self._most = retry_most_seconds
        self._stopping = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._working = False
        self._done: dict[TopicPartition, OffsetAndMetadata] = {}
        """How far each partition is done, of those that have gone on since the broker was last told."""
        self._settled: dict[TopicPartition, OffsetAndMetadata] = {}
        """How far they were done when it was: what it is told next."""
        self.connected = False
        self.connections = 0
        """How often it has connected. Between two connections something may have been missed `from_now`."""

    def stop(self) -> None:
        self._stopping.set()

    async def is_current(self, within_seconds: float) -> bool:
        """Whether all that the broker has to say when it is asked now has been handled.

        It is asked expressly: an answer to the consumer's own polls may have lain unread while this process was
        stopped, and says nothing of the time since. No answer `within_seconds` is a no.
        """
        consumer = self._consumer
        if consumer is None or self._working or not consumer.assignment():
            return False
        try:
            async with asyncio.timeout(within_seconds):
                ends = await consumer.end_offsets(list(consumer.assignment()))
                for partition, end in ends.items():
                    if await consumer.position(partition) < end:
                        return False
        except (KafkaError, TimeoutError, AssertionError):  # the assignment changes at this moment
            return False
        return not self._working

    async def run(self) -> None:
        """Consumes until stopped; reconnects for as long as it takes."""
        backoff = Backoff(self._first, self._most)
        while not self._stopping.is_set():
            consumer = AIOKafkaConsumer(
                *self._topics,
                **Broker.of(self._bootstrap).options(),
                group_id=self._group,
                group_instance_id=f"{self._group}-{self._replica}",
                client_id=f"{self._group}-{self._replica}",
                enable_auto_commit=False,
                auto_offset_reset="latest" if self._from_now else "earliest",
                session_timeout_ms=15_000,
                heartbeat_interval_ms=3_000,
                max_poll_interval_ms=300_000,
                metadata_max_age_ms=30_000,
            )
            try:
                await consumer.start()
                self.connected = True
                self.connections += 1
                self._consumer = consumer
                backoff.reset()
                await self._consume(consumer)
            except (KafkaError, OSError) as error:
                wait = backoff.next()
                _log.warning("the broker is away", group=self._group, error=error, wait_seconds=wait)
                await self._pause(wait)
            finally:
                self.connected = False
                self._consumer = None
                self._working = False
                await consumer.stop()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        backoffs: defaultdict[TopicPartition, Backoff] = defaultdict(lambda: Backoff(self._first, self._most))
        resume_at: dict[TopicPartition, float] = {}
        clock = asyncio.get_running_loop().time
        commit_at = clock()
        self._done.clear()
        self._settled.clear()
        while not self._stopping.is_set():
            if (self._done or self._settled) and clock() >= commit_at:
                await self._commit(consumer)
                commit_at = clock() + _COMMIT_SECONDS
            for partition in [p for p, at in resume_at.items() if at <= clock()]:
                del resume_at[partition]
                if partition in consumer.assignment():
                    consumer.resume(partition)
            WAITING.labels(self._group).set(len(resume_at))
            # 100 ms bounds how late a stop or the end of a pause is noticed; a message ends the wait at once.
            batches = await consumer.getmany(timeout_ms=100, max_records=self._at_once)
            if not batches:
                continue
            self._working = True
            results = await asyncio.gather(*(self._work(records) for records in batches.values()))
            for (partition, records), (done, trouble) in zip(batches.items(), results, strict=True):
                if partition not in consumer.assignment():
                    continue  # taken over by another replica in the meantime: its inbox knows what we did
                if done:
                    self._done[partition] = OffsetAndMetadata(records[done - 1].offset + 1, "")
                    backoffs.pop(partition, None)
                if trouble is not None:
                    wait = backoffs[partition].next()
                    resume_at[partition] = clock() + wait
                    consumer.seek(partition, records[done].offset)
                    consumer.pause(partition)
                    _log.warning(
                        "a partition waits", group=self._group, topic=partition.topic, partition=partition.partition,
                        wait_seconds=wait, error=trouble,
                    )  # fmt: skip
            self._working = False
        self._settled |= self._done  # PostgreSQL goes on when we end: it will have written that, too
        await self._commit(consumer)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Tells the broker how far each partition was done a while ago, all of them at once. Raises KafkaError."""
        mine = consumer.assignment()  # what another replica has taken over meanwhile is its own to say
        settled = {partition: offset for partition, offset in self._settled.items() if partition in mine}
        self._settled, self._done = self._done, {}
        if settled:
            await consumer.commit(settled)

    async def _work(self, records: Sequence[ConsumerRecord[Any, Any]]) -> tuple[int, Exception | None]:
        """How many of the partition's records are done, and why not more."""
        messages, done = [message_of(record) for record in records], 0
        while done < len(messages) and not self._stopping.is_set():
            try:
                if isinstance(self._door, WideDoor):
                    done += await self._door.receive_some(messages[done:])
                else:
                    await self._door.receive(messages[done])
                    done += 1
            except Exception as error:  # by default an error is ours
                if not isinstance(error, Trouble):
                    _log.exception("a door failed", group=self._group, error=error)
                return done, error
        return done, None


class Backlog:
    """A topic that is worked by hand, from where the last hand left it to its end."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[ConsumerRecord[Any, Any]]]]:
        """The consumer, to commit with, and all that waits, oldest first. Raises Trouble, if the broker is away."""
        # No group membership: partitions are assigned by hand, so looking never waits for a rebalance.
        consumer = AIOKafkaConsumer(
            **Broker.of(self._bootstrap).options(), group_id=self._topic, enable_auto_commit=False,
            auto_offset_reset="earliest",
        )  # fmt: skip
        try:
            await consumer.start()
            assigned = await self._partitions()
            yield consumer, await self._waiting(consumer, assigned) if assigned else []
        except (KafkaError, OSError) as error:
            raise Trouble(f"the broker is away: {error!r}") from error
        finally:
            await consumer.stop()

    async def _partitions(self) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(**Broker.of(self._bootstrap).options())
        await admin.start()
        try:
            described = await admin.describe_topics([self._topic])
        finally:
            await admin.close()
        return [TopicPartition(self._topic, one["partition"]) for topic in described for one in topic["partitions"]]

    @staticmethod
    async def _waiting(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> list[ConsumerRecord[Any, Any]]:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord[Any, Any]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        return sorted(records, key=lambda record: record.timestamp)


def message_of(record: ConsumerRecord[Any, Any]) -> Message:
    """A record as a message: bytes that are no text are replaced, for whoever looks at it."""
    return Message(
        topic=record.topic,
        key=(record.key or b"").decode(errors="replace"),
        body=record.value or b"",
        headers={name: value.decode(errors="replace") for name, value in record.headers},
        partition=record.partition,
        offset=record.offset,
    )
