"""Reads: what shoppers look at before they buy, from the gateway and from the edge."""

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bodega.proof.bench.buyers import Visitor, all_of, visitor
from bodega.proof.bench.errors import BenchError, Refused
from bodega.proof.bench.ground import Ground
from bodega.proof.bench.meter import Meter
from bodega.proof.bench.report import Latency, ReadsOf, Where
from bodega.proof.bench.waiting import showing

READERS: Final = 16
_PAGE: Final = 24
_BEGINNING: Final = 3
"""After how many letters somebody is shown what they may be about to say."""
_LOOKED_AT: Final = 200
"""So many products are opened, in turn."""


@dataclass
class _Tally:
    seconds: list[float] = field(default_factory=list)
    kept: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def paths(ground: Ground) -> dict[str, list[str]]:
    """What is read -> the paths that are asked for in turn."""
    return {
        "list": [f"/products?category={category}&limit={_PAGE}" for category in ground.categories],
        "detail": [f"/products/{slug}" for slug in ground.slugs[:_LOOKED_AT]],
        "search": [f"/search?limit={_PAGE}&q={word}" for word in ground.words],
        "suggest": sorted({f"/search/suggest?q={word[:_BEGINNING].lower()}" for word in ground.words}),
    }


async def measure(ground: Ground, what: str, where: Where, seconds: float) -> ReadsOf:
    """Sixteen readers for so long, after each path was asked for once. Raises BenchError, if nothing was answered."""
    wanted = paths(ground)[what]
    async with visitor(_base(ground, where), ground.addresses.next()) as first:
        for path in wanted:
            await first.ask("GET", path)
    await ground.rests(what)
    meter = Meter(ground.instance)
    tally = await _load(ground, f"{what} from the {where}", wanted, where, seconds)
    latency = Latency.of(tally.seconds)
    if latency is None:
        raise BenchError(f"Nothing was answered: {dict(tally.refused)}.")
    return ReadsOf(
        what=what,
        where=where,
        readers=READERS,
        per_second=latency.count / seconds,
        latency=latency,
        cost=meter.cost(latency.count),
        kept_share=tally.kept / latency.count,
        refused=dict(tally.refused),
    )


async def _load(ground: Ground, name: str, wanted: Sequence[str], where: Where, seconds: float) -> _Tally:
    tally, began, turn = _Tally(), time.monotonic(), itertools.cycle(wanted)

    async def reader(_: int) -> None:
        async with visitor(_base(ground, where), ground.addresses.next()) as somebody:
            while time.monotonic() - began < seconds:
                await _read(somebody, next(turn), tally)

    async with showing(ground.progress, name, seconds):
        await all_of(READERS, reader)
    return tally


async def _read(somebody: Visitor, path: str, tally: _Tally) -> None:
    began = time.monotonic()
    try:
        answer = await somebody.ask("GET", path)
    except Refused as refusal:
        tally.refused[refusal.answer] += 1
        return
    tally.seconds.append(time.monotonic() - began)
    tally.kept += answer.kept


def _base(ground: Ground, where: Where) -> str:
    return ground.instance.api_url if where == "gateway" else f"{ground.instance.edge_url}/api"
