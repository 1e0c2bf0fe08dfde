"""Who buys: guests, each from an address and with a connection of their own, as browsers have them."""

import asyncio
import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final, TypeVar

import aiohttp

from bodega.proof.bench.errors import BenchError, Refused
from bodega.proof.bench.waiting import until

ADDRESS: Final = {
    "name": "Ada Example", "line1": "1 Test Street", "postal_code": "10115", "city": "Berlin", "country": "DE",
}  # fmt: skip
CARD: Final = "pm_card_visa"
_ANSWER_SECONDS: Final = 60.0
_DECISION_SECONDS: Final = 60.0
_BUSY_SECONDS: Final = 600.0
"""For how long a shop that is busy is asked again."""
_LOOK_SECONDS: Final = 0.2
_UNDECIDED: Final = ("502", "503", "504", "409 conflict")
"""How refusals begin that leave it open what becomes of the request; a conflict: it is still running."""
_UNSOLD: Final = frozenset({"failed", "cancelled", "expired", "declined", "action_required"})
Result = TypeVar("Result")


class Addresses:
    """Gives out the addresses of a network one after the other, and begins anew when all were given."""

    def __init__(self, network: IPv4Network) -> None:
        self._network = network
        self._numbers = itertools.count()

    def next(self) -> str:
        """Neither the network's own address nor its broadcast address."""
        return str(self._network[1 + next(self._numbers) % (self._network.num_addresses - 2)])


@dataclass
class Answer:
    """What was answered: `kept` if it came from the edge's memory."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kept(self) -> bool:
        return self.headers.get("X-Cache") == "HIT"


@dataclass
class Visitor:
    """Somebody with an address, a connection and a base URL."""

    session: aiohttp.ClientSession
    base: str
    address: str
    told_busy: Counter[str]
    """Of all who share it: how often each path was asked again, because the shop was busy."""
    undecided: Counter[str]
    """Of all who share it: how often each answer that decided nothing was a reason to ask again."""

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: Iterable[float] = (),
    ) -> Answer:
        """Raises Refused for an answer that is no success. `patience`: after how many seconds each it is asked again,
        where nothing is decided yet. A shop that is busy is asked again when it says, as a page would do."""
        for wait in (*patience, None):
            try:
                return await self._in_line(method, path, body, headers)
            except Refused as refusal:
                if wait is None or not refusal.is_undecided:
                    raise
                self.undecided[refusal.answer] += 1
            await asyncio.sleep(wait)
        raise AssertionError("the last wait is None")

    async def _in_line(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Answer:
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return await self._ask(method, path, body, headers)
            except Refused as refusal:
                if refusal.come_again_seconds is None or time.monotonic() > until:
                    raise
                wait = refusal.come_again_seconds
            self.told_busy[path] += 1
            await asyncio.sleep(wait)

    async def _ask(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Answer:
        try:
            async with self.session.request(method, self.base + path, json=body, headers=headers) as reply:
                answer = Answer(reply.status, reply.headers, await reply.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused("no answer", is_undecided=True) from error
        if answer.status >= 400:
            said = _refusal(answer)
            is_busy = said == "503 busy"
            raise Refused(
                said,
                is_undecided=not is_busy and said.startswith(_UNDECIDED),
                come_again_seconds=float(answer.headers.get("Retry-After", 1)) if is_busy else None,
            )
        return answer


@asynccontextmanager
async def visitor(
    base: str, address: str, told_busy: Counter[str] | None = None, undecided: Counter[str] | None = None
) -> AsyncIterator[Visitor]:
    """A new one, for as long as the block lasts. The counters: those that it shares with others."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Visitor(
            session, base, address,
            Counter() if told_busy is None else told_busy,
            Counter() if undecided is None else undecided,
        )  # fmt: skip


class Buyer:
    """A guest on the way from an empty cart to an order. Every step raises Refused, if the shop says no."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        """May be replaced between two steps: who hangs up and calls again is the same buyer."""
        self._cart: dict[str, str] = {}
        self._wish: dict[str, Any] = {}

    async def fill_cart(self, sku: str) -> None:
        """One piece."""
        answer = await self.visitor.ask("POST", "/cart", {"sku": sku, "quantity": 1})
        self._cart = {"Cart-Token": answer.headers["Cart-Token"]}

    async def look_at_cart(self) -> Answer:
        """With the prices of now."""
        return await self.visitor.ask("GET", "/cart", headers=self._cart)

    async def quote(self) -> None:
        """What it will cost, sent to the buyer's address."""
        answer = await self.visitor.ask("POST", "/checkout/quote", {"shipping_address": ADDRESS}, self._cart)
        self._wish = {
            "email": f"bench+{uuid.uuid4().hex}@example.com",
            "shipping_address": ADDRESS,
            "shipping_option": answer.json["shipping_option"],
            "payment_method": CARD,
            "expected_total": answer.json["totals"]["total"],
        }

    async def check_out(self, patience: Iterable[float] = ()) -> None:
        """Until there is an order, also where the shop needs longer than its first answer. Who is not answered in time
        may ask again: it is the same order."""
        headers = {**self._cart, "Idempotency-Key": uuid.uuid4().hex}
        answer = await self.visitor.ask("POST", "/checkout", self._wish, headers, patience=patience)
        if answer.json["status"] != "completed":
            await self._until_decided(answer.json["checkout_id"])

    async def _until_decided(self, checkout_id: str) -> None:
        async def state() -> str | None:
            answer = await self.visitor.ask("GET", f"/checkout/{checkout_id}", headers=self._cart)
            found = str(answer.json["status"])
            return found if found == "completed" or found in _UNSOLD else None

        try:
            ended = await until(
                state, what="a checkout's end", within_seconds=_DECISION_SECONDS, every_seconds=_LOOK_SECONDS
            )
        except BenchError as error:
            raise Refused("no decision") from error
        if ended != "completed":
            raise Refused(f"checkout {ended}")


async def all_of(count: int, work: Callable[[int], Awaitable[Result]]) -> list[Result]:
    """The results of `work(0)` to `work(count - 1)`, done at the same time. The first that fails ends all others."""
    with one_error():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_done(work(number))) for number in range(count)]
    return [task.result() for task in tasks]


@contextmanager
def one_error() -> Iterator[None]:
    """Of several errors of a task group, the first."""
    try:
        yield
    except ExceptionGroup as several:
        raise several.exceptions[0] from several


async def _done(work: Awaitable[Result]) -> Result:
    return await work


def _refusal(answer: Answer) -> str:
    try:
        code = str(answer.json.get("code", ""))
    except (ValueError, AttributeError):  # not JSON, or no object: somebody else's words
        code = ""
    return f"{answer.status} {code}".strip()
