"""Makes faults in an instance that runs: kills, freezes, lies of the world outside, events that come again.

Only processes below the instance's supervisor are touched; they are looked for at the moment of the fault, since a
process id that was read earlier may be another's by now.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import aiohttp
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from bodega.kit.bus import Broker
from bodega.platform import control, state, tree
from bodega.platform.secrets import Secrets
from bodega.platform.settings import kafka_admin_url
from bodega.platform.system import Instance
from bodega.proof.torture.ledger import Ledger
from bodega.proof.torture.plan import Fault
from bodega.proof.torture.schedule import Planned

_LOOK_SECONDS: Final = 0.2
_BACK_SECONDS: Final = 120.0
"""How long a process that is to be killed is waited for, if it is just being started again."""
_READ_SECONDS: Final = 5.0

Tell = Callable[[str], None]


class Injector:
    """The faults of one run. `close` undoes what lasts."""

    def __init__(self, instance: Instance, ledger: Ledger, tell: Tell) -> None:
        self._instance = instance
        self._ledger = ledger
        self._tell = tell
        self._stopped: list[psutil.Process] = []
        self._ending = False
        self._raising = asyncio.Lock()

    async def run(self, faults: list[Planned]) -> None:
        """Each in its second; one that lasts does not hold up the next."""
        async with asyncio.TaskGroup() as group:
            for planned in faults:
                await asyncio.sleep(max(0.0, planned.at - self._ledger.now))
                group.create_task(self._make(planned))

    async def close(self) -> None:
        """Wakes whoever is frozen, and takes the lies back, as soon as the sandbox answers."""
        self._ending = True
        for process in self._stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        for _ in range(int(_BACK_SECONDS / _LOOK_SECONDS)):
            if await self._sandbox("DELETE", None):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _make(self, planned: Planned) -> None:
        match planned.fault:
            case Fault.KILL:
                done = await self._kill(planned.target)
            case Fault.FREEZE:
                done = await self._freeze(planned.target, planned.seconds)
            case Fault.LIE:
                done = await self._sandbox("POST", {"target": planned.target, **planned.how})
            case Fault.REDELIVER:
                done = await self._redeliver(planned.target, **planned.how)
        if done:
            self._ledger.fault(planned.fault, str(planned).removeprefix(f"{planned.fault} "))
        self._tell(f"{planned}{'' if done else ' (could not be done)'}")

    # --- processes ----------------------------------------------------------------------------------

    async def _kill(self, name: str) -> bool:
        """As soon as it runs. The supervisor is started again, as a person would with `up`."""
        if name == tree.SUPERVISOR:
            return await self._kill_supervisor()
        for process in await self._found(name):
            process.kill()
            return True
        return False

    async def _kill_supervisor(self) -> bool:
        async with self._raising:
            report = state.running(self._instance)
            if report is None:
                return False
            await asyncio.to_thread(self._kill_and_start_again, psutil.Process(report.supervisor))
            return True

    def _kill_and_start_again(self, supervisor: psutil.Process) -> None:
        supervisor.kill()
        with suppress(psutil.NoSuchProcess):
            supervisor.wait()
        control.ensure_supervised(self._instance, "shop")

    async def _freeze(self, name: str, seconds: float) -> bool:
        """A process and all below it."""
        found = await self._found(name)
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        self._stopped += found
        await asyncio.sleep(seconds)
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        return bool(found)

    async def _found(self, name: str) -> list[psutil.Process]:
        """The processes of a part, its own first; waits until there is one."""
        clock = asyncio.get_running_loop().time
        until = clock() + _BACK_SECONDS
        while not self._ending and clock() < until:
            if found := list(self._processes(name)):
                return found
            await asyncio.sleep(_LOOK_SECONDS)
        return []

    def _processes(self, name: str) -> Iterator[psutil.Process]:
        report = state.running(self._instance)
        if report is not None:
            yield from (process for part, process in tree.processes(report) if part == name)

    # --- the world outside --------------------------------------------------------------------------

    async def _sandbox(self, method: str, fault: dict[str, Any] | None) -> bool:
        """Whether it has taken the order; it may be dead itself."""
        url = f"{self._instance.sandbox_url}/sandbox/faults"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_READ_SECONDS)) as session,
                session.request(method, url, json=fault) as answer,
            ):
                return answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    # --- the bus ------------------------------------------------------------------------------------

    async def _redeliver(self, topic: str, events: int, back: int) -> bool:
        """Publishes so many events once more that stand about `back` records before the end of a partition."""
        try:
            async with asyncio.timeout(_READ_SECONDS * 3):
                records = await self._old_records(topic, events, back)
                if records:
                    await self._publish_again(records)
        except (KafkaError, OSError, TimeoutError):  # the broker is away: it has trouble enough
            return False
        return bool(records)

    async def _old_records(self, topic: str, events: int, back: int) -> list[ConsumerRecord[bytes, bytes]]:
        reader = AIOKafkaConsumer(**self._broker())
        try:
            await reader.start()
            places = [TopicPartition(topic, n) for n in range(self._instance.system.topics.partitions)]
            ends = await reader.end_offsets(places)
            place = max(ends, key=lambda one: ends[one])
            reader.assign([place])
            reader.seek(place, max(0, ends[place] - back - events))
            found = await reader.getmany(timeout_ms=int(_READ_SECONDS * 1000), max_records=events)
            return [record for records in found.values() for record in records]
        finally:
            await reader.stop()

    async def _publish_again(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        writer = AIOKafkaProducer(**self._broker(), acks="all")
        try:
            await writer.start()
            for record in records:
                await writer.send_and_wait(
                    record.topic, record.value, key=record.key, partition=record.partition,
                    headers=list(record.headers),
                )  # fmt: skip
        finally:
            await writer.stop()

    def _broker(self) -> dict[str, Any]:
        return Broker.of(kafka_admin_url(self._instance, Secrets.of(self._instance))).options()
