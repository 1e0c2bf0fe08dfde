"""What one order costs, counted: a change that makes it dearer raises a count of docs/cost.toml, and says so."""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bodega.kit.testing import Caller, eventually
from bodega.platform.cost import Counts, budgets
from bodega.platform.system import System
from tests.journeys.conftest import INSTANCE
from tests.journeys.shop import Merchant, Order, Outside, Shopper, unique

pytestmark = [pytest.mark.journey, pytest.mark.alone]

Count = tuple[str, str, str]
"""Service, cause, work."""


async def counted(api: Caller) -> Counter[Count]:
    """What traced requests have cost so far, as the services say."""
    system = System.load()
    instance = system.instance(INSTANCE)
    urls = {instance.service_url(name) for name in system.services}
    answers = await asyncio.gather(*(Caller(url, api.session).get("/metrics") for url in urls))
    found: Counter[Count] = Counter()
    for answer in answers:
        assert answer.status == 200
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if sample.name == "traced_cost_total":
                    labels = sample.labels
                    found[labels["service"], labels["cause"], labels["work"]] += int(sample.value)
    return found


def by_service(counts: Counter[Count], *causes: str) -> dict[str, Counts]:
    found: defaultdict[str, Counts] = defaultdict(dict)
    for (service, cause, work), times in counts.items():
        if cause in causes:
            found[service][work] = found[service].get(work, 0) + times
    return dict(found)


def dearer(measured: dict[str, Counts], budget: dict[str, Counts]) -> list[str]:
    return [
        f"{service}: {times} times {work}, {budget.get(service, {}).get(work, 0)} in docs/cost.toml"
        for service, counts in sorted(measured.items())
        for work, times in counts.items()
        if times > budget.get(service, {}).get(work, 0)
    ]


@dataclass
class Cost:
    """Of one order, by service."""

    before_the_answer: dict[str, Counts]
    in_all: dict[str, Counts]


async def bought(api: Caller, outside: Outside, sku: str) -> Cost:
    """One order, until its label is there and its mail has come, and nothing follows any more."""
    guest = Shopper(api)
    await guest.add(sku)
    headers = {
        "Idempotency-Key": unique("key"),
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }
    wish = await guest.wish()
    before = await counted(api)
    answer = await guest.api.post("/checkout", wish, headers=headers)
    answered = await counted(api)
    assert answer.status == 201, answer.body
    # Whoever looks whether it is packed is not to be counted: of the traces that nobody asks for some are kept.
    looking = guest.api.being({"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"})
    await Order(looking, answer.json["order"]["id"], answer.json["order"]["token"], answer.json).is_packed()

    async def is_told() -> None:
        assert await outside.mails_to(guest.email)

    await eventually(is_told)
    seen: list[Counter[Count]] = []

    async def at_rest() -> None:
        seen.append(await counted(api))
        assert len(seen) > 2
        assert seen[-1] == seen[-2] == seen[-3]

    await eventually(at_rest, every_seconds=0.7)
    return Cost(
        by_service(answered - before, "request"), by_service(seen[-1] - before, "request", "event", "background")
    )


def least(costs: Sequence[dict[str, Counts]]) -> dict[str, Counts]:
    """What these have in common. On a busy machine an order may be dearer: somebody asks again, an answer is late."""
    return {
        service: {work: min(one.get(service, {}).get(work, 0) for one in costs) for work in counts}
        for service, counts in costs[0].items()
    }


async def test_an_order_costs_no_more_than_docs_cost_says(api: Caller, merchant: Merchant, outside: Outside) -> None:
    product = await merchant.makes(stock=50)
    await bought(api, outside, product["sku"])  # clients connect, statements are prepared, tables are read
    costs = [await bought(api, outside, product["sku"]) for _ in range(3)]
    budget, too_dear = budgets(), []
    for name in ("before_the_answer", "in_all"):
        measured = least([getattr(one, name) for one in costs])
        for service, counts in sorted(measured.items()):
            print(f"[{name}.{service}]\n" + "\n".join(f'"{work}" = {n}' for work, n in sorted(counts.items())))
        too_dear += dearer(measured, budget[name])
    assert too_dear == []
