"""What a bench has measured: its figures, their ratios to the machine's floor, and two runs side by side.

Times are milliseconds, memory is megabytes (10^6 bytes, PSS), rates are per second, unless a name says otherwise. A
figure alone says as much of the machine as of the shop; its ratio to the floor, measured in the same run, is what two
machines can be compared by.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

Where = Literal["gateway", "edge"]

_CLEAN: Final = ("409 ", "503 busy")
"""How the refusals begin that a rush may end with."""


class ReportError(Exception):
    """A file is no report of a bench; the message says why."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Machine(_Frozen):
    """Where it was measured."""

    processor: str
    cores: int
    memory_mb: int
    kernel: str
    python: str


class Floor(_Frozen):
    """What the machine does without the shop: the least that any order or request costs."""

    commits_per_second: float
    """Single rows, each committed by itself, over one connection to the instance's PostgreSQL."""
    requests_per_second: float
    """Of a bare ASGI application on the server that the services run on."""
    request_cpu_ms: float
    """CPU time that such a request costs that server."""
    kafka_round_trip_ms: float
    """From sending a message to having read it; the median."""


class Latency(_Frozen):
    """How long `count` answers took."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self | None:
        """None, if there was no answer."""
        if not seconds:
            return None
        p50, p95, p99 = (percentile(seconds, share) * 1000 for share in (0.50, 0.95, 0.99))
        return cls(count=len(seconds), p50_ms=p50, p95_ms=p95, p99_ms=p99)


class Cost(_Frozen):
    """CPU time for one thing (an order, a request), by process. `client_ms`: the bench's own, not among them."""

    cpu_ms: dict[str, float]
    client_ms: float

    @property
    def total_ms(self) -> float:
        """Of all the shop's processes."""
        return sum(self.cpu_ms.values())


class Idle(_Frozen):
    """What a shop uses while nobody is in it. `cpu_percent`: of one core, by process; `services_percent`: of the
    services and of PostgreSQL's processes that work for them."""

    seconds: float
    orders: int = 0
    """So many of the last hour were in its tables, besides those that the run itself has placed."""
    times: str = ""
    """The profile of its waiting times."""
    cpu_percent: dict[str, float]
    services_percent: float = 0.0
    memory_mb: dict[str, float]

    @property
    def total_percent(self) -> float:
        return sum(self.cpu_percent.values())


class OrdersAt(_Frozen):
    """Guests who buy one after the other, each from cart to order. `elapsed_seconds`: from the first order to rest."""

    guests: int
    seconds: float
    elapsed_seconds: float
    placed: int
    """Orders that there are afterwards, also of buyers who were answered too late. Costs are for each of them."""
    per_second: float
    """Orders that were answered in time."""
    latency: Latency
    """Of all three steps together."""
    steps: dict[str, Latency]
    cost: Cost
    refused: dict[str, int]
    busy: int = 0
    """How often somebody was told to come again, and did."""

    def background_ms(self, idle: Idle) -> float:
        """How much of an order's CPU time the shop would have used with nobody in it, in the same time."""
        return idle.total_percent * 10 * self.elapsed_seconds / self.placed


class ReadsOf(_Frozen):
    """Readers who ask for one kind of answer. `kept_share`: of the answers, those from the edge's memory; 0 to 1."""

    what: str
    where: Where
    readers: int
    per_second: float
    latency: Latency
    cost: Cost
    kept_share: float
    refused: dict[str, int]


class Rush(_Frozen):
    """Buyers who all want the same units."""

    buyers: int
    units: int
    at_once: int | None = None
    """How many of them were under way at a time; None: all."""
    sold: int
    """Orders that there are afterwards."""
    told: int
    """Buyers who were told that they have it."""
    seconds: float
    """Until the last one was answered."""
    sold_latency: Latency | None
    refused_latency: Latency | None
    refused: dict[str, int]
    """The last answers of those who did not buy, and how many had each."""
    undecided: dict[str, int] = {}
    """Answers that left it open what became of an order, so that it was asked for again."""
    busy: int = 0
    """How often somebody was told to come again, and did."""
    on_hand: int
    """What inventory says is left when all is at rest."""
    reserved: int
    cost: Cost
    """For one buyer, served or not."""

    @property
    def faults(self) -> list[str]:
        """What is not as it must be, in sentences: as many sold as there were units, or buyers; the stock agrees; and
        everybody was answered with an order, a conflict or the request to come again."""
        could, faults = min(self.units, self.buyers), []
        if self.sold != could:
            faults.append(f"{self.sold} were sold, and {could} could be.")
        if self.on_hand + self.sold != self.units or self.reserved:
            faults.append(f"There were {self.units} units; {self.on_hand} are left, {self.reserved} of them reserved.")
        if self.told != self.sold:
            faults.append(f"{self.told} were told that they have bought, and there are {self.sold} orders.")
        for answer, count in (Counter(self.refused) + Counter(self.undecided)).items():
            if not answer.startswith(_CLEAN):
                faults.append(f"{count} x the answer was: {answer}.")
        return faults


class Freshness(_Frozen):
    """For how long after a price was changed a view still showed the old one; 0: never."""

    view: str
    changes: int
    median_ms: float
    most_ms: float


class Report(_Frozen):
    """A whole run. What was not asked for is empty."""

    format: Literal[1] = 1
    bodega: str
    taken_at: datetime
    topology: str
    machine: Machine
    floor: Floor
    orders: list[OrdersAt] = []
    reads: list[ReadsOf] = []
    rush: Rush | None = None
    freshness: list[Freshness] = []
    idle: Idle | None = None
    memory_mb: dict[str, float]
    """After the loads."""


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that is not exceeded by this share (0 to 1) of them: the nearest rank. Raises ValueError
    if there are none."""
    if not values:
        raise ValueError("no values have no percentile")
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def read(path: Path) -> Report:
    """What `./bodega bench --json` has printed into a file. Raises ReportError."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole of it"
        raise ReportError(f"{path} is not what `./bodega bench --json` prints: {place}: {first['msg']}.") from error


# --- figures ----------------------------------------------------------------------------------------


class Figure(NamedTuple):
    """One number of a report. `is_ratio`: to the floor, so that it can be compared with another machine's."""

    name: str
    value: float
    is_ratio: bool = False


class Compared(NamedTuple):
    """A figure of two runs; None: this run does not have it."""

    name: str
    then: float | None
    now: float | None
    is_ratio: bool

    @property
    def change(self) -> float | None:
        """By which share it has grown: 0.1 is a tenth more. None, where there is nothing to compare."""
        return None if not self.then or self.now is None else self.now / self.then - 1


THOUSAND_COMMITS: Final = "per 1,000 commits of the floor"
BARE_REQUESTS: Final = "in bare requests"


def figures(report: Report) -> list[Figure]:
    """All numbers of a report, in the order in which they are shown."""
    return [
        *_of_floor(report.floor),
        *(figure for orders in report.orders for figure in _of_orders(orders, report.floor)),
        *(figure for reads in report.reads for figure in _of_reads(reads, report.floor)),
        *(_of_rush(report.rush, report.floor) if report.rush else ()),
        *(figure for view in report.freshness for figure in _of_freshness(view, report.floor)),
        *(_of_idle(report.idle, report.floor) if report.idle else ()),
        Figure("memory after the loads, MB", sum(report.memory_mb.values())),
    ]


def compare(then: Report, now: Report) -> list[Compared]:
    """Every figure of either run, those of `now` first and in its order."""
    before = {figure.name: figure for figure in figures(then)}
    after = {figure.name: figure for figure in figures(now)}
    return [
        Compared(
            name,
            before[name].value if name in before else None,
            after[name].value if name in after else None,
            (after.get(name) or before[name]).is_ratio,
        )
        for name in dict.fromkeys([*after, *before])
    ]


def _of_floor(floor: Floor) -> Iterator[Figure]:
    yield Figure("floor: commits/s", floor.commits_per_second)
    yield Figure("floor: bare HTTP requests/s", floor.requests_per_second)
    yield Figure("floor: CPU of a bare request, ms", floor.request_cpu_ms)
    yield Figure("floor: Kafka round trip, ms", floor.kafka_round_trip_ms)


def _of_latency(name: str, latency: Latency | None) -> Iterator[Figure]:
    if latency is not None:
        yield Figure(f"{name}: p50, ms", latency.p50_ms)
        yield Figure(f"{name}: p95, ms", latency.p95_ms)
        yield Figure(f"{name}: p99, ms", latency.p99_ms)


def _of_orders(orders: OrdersAt, floor: Floor) -> Iterator[Figure]:
    name = f"orders, {orders.guests} {'guest' if orders.guests == 1 else 'guests'}"
    yield Figure(f"{name}: orders/s", orders.per_second)
    yield from _of_latency(name, orders.latency)
    yield Figure(f"{name}: CPU per order, ms", orders.cost.total_ms)
    yield Figure(f"{name}: orders {THOUSAND_COMMITS}", _ratio(orders.per_second * 1000, floor.commits_per_second), True)
    yield Figure(f"{name}: CPU per order, {BARE_REQUESTS}", _ratio(orders.cost.total_ms, floor.request_cpu_ms), True)


def _of_reads(reads: ReadsOf, floor: Floor) -> Iterator[Figure]:
    name = f"{reads.what} from the {reads.where}"
    yield Figure(f"{name}: requests/s", reads.per_second)
    yield from _of_latency(name, reads.latency)
    yield Figure(f"{name}: CPU per request, ms", reads.cost.total_ms)
    yield Figure(f"{name}: requests/s by bare requests/s", _ratio(reads.per_second, floor.requests_per_second), True)
    yield Figure(f"{name}: CPU per request, {BARE_REQUESTS}", _ratio(reads.cost.total_ms, floor.request_cpu_ms), True)


def _of_rush(rush: Rush, floor: Floor) -> Iterator[Figure]:
    name = f"rush, {rush.buyers} buyers for {rush.units} units"
    if rush.at_once is not None:
        name += f", {rush.at_once} at once"
    sold_per_second = _ratio(rush.sold, rush.seconds)
    yield Figure(f"{name}: sold/s", sold_per_second)
    yield Figure(f"{name}: until all are answered, ms", rush.seconds * 1000)
    yield from _of_latency(f"{name}, who bought", rush.sold_latency)
    yield from _of_latency(f"{name}, who did not", rush.refused_latency)
    yield Figure(f"{name}: CPU per buyer, ms", rush.cost.total_ms)
    yield Figure(f"{name}: sold {THOUSAND_COMMITS}", _ratio(sold_per_second * 1000, floor.commits_per_second), True)
    yield Figure(f"{name}: CPU per buyer, {BARE_REQUESTS}", _ratio(rush.cost.total_ms, floor.request_cpu_ms), True)


def _of_freshness(view: Freshness, floor: Floor) -> Iterator[Figure]:
    name = f"old price, {view.view}"
    yield Figure(f"{name}: median, ms", view.median_ms)
    yield Figure(f"{name}: longest, ms", view.most_ms)
    yield Figure(f"{name}: median, in Kafka round trips", _ratio(view.median_ms, floor.kafka_round_trip_ms), True)


def _of_idle(idle: Idle, floor: Floor) -> Iterator[Figure]:
    name = f"idle after {idle.orders} orders" if idle.orders else "idle"
    yield Figure(f"{name}: CPU, % of a core", idle.total_percent)
    yield Figure(f"{name}: CPU of the services and their PostgreSQL, % of a core", idle.services_percent)
    yield Figure(f"{name}: memory, MB", sum(idle.memory_mb.values()))
    yield Figure(f"{name}: CPU, bare requests/s", _ratio(idle.total_percent * 10, floor.request_cpu_ms), True)


def _ratio(value: float, base: float) -> float:
    """0, where the floor could not be measured finely enough."""
    return value / base if base else 0.0


def median_ms(seconds: Sequence[float]) -> float:
    """Of seconds, in milliseconds."""
    return statistics.median(seconds) * 1000


def largest(costs: Sequence[Mapping[str, float]], count: int) -> dict[str, list[float]]:
    """A table's rows: name -> its value in each of the mappings. The `count` largest of the last mapping have a row of
    their own, all others one together, `others`."""
    last = costs[-1]
    names = sorted({name for cost in costs for name in cost}, key=lambda name: -last.get(name, 0.0))
    rows = {name: [cost.get(name, 0.0) for cost in costs] for name in names[:count]}
    if len(names) > count:
        rows["others"] = [sum(cost.get(name, 0.0) for name in names[count:]) for cost in costs]
    return rows
