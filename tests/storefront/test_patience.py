"""Who meets a busy shop comes again by themselves, when told to, with the same request; not for ever, and not against
their will."""

import json
import subprocess
from typing import Any

import pytest

from bodega.platform import pages

pytestmark = pytest.mark.unit

BUSY = {"problem": {"code": "busy"}, "retryAfter": 0.01}
BOUGHT = {"checkout": {"status": "completed"}}
_SCRIPT = """
import { inLine } from "%s";
const { answers, stopsAfter } = JSON.parse(process.argv[1]);
const stopping = new AbortController();
let asked = 0, told = 0;
const ask = async () => {
  const answer = answers[Math.min(asked++, answers.length - 1)];
  if (asked === stopsAfter) setTimeout(() => stopping.abort(), 5);
  return answer;
};
const waits = [], timer = globalThis.setTimeout;
globalThis.setTimeout = (call, milliseconds) => {
  waits.push(milliseconds);
  return timer(call, Math.min(milliseconds, 50));
};
const came = await inLine(ask, { stopped: stopping.signal, onBusy: () => told++ });
console.log(JSON.stringify({ came, asked, told, waits }));
"""


def waiting(*answers: Any, stops_after: int = 0) -> Any:
    """What came of it, how often it was asked and the shopper told, and how many milliseconds were waited each time."""
    script = _SCRIPT % (pages.STOREFRONT / "src/shop/patience.ts")
    given = json.dumps({"answers": answers, "stopsAfter": stops_after})
    done = subprocess.run(
        [pages.node(), "--input-type=module", "-e", script, given], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "answer", [BOUGHT, {"problem": {"code": "unavailable"}}, {"problem": {"code": "out_of_stock"}}]
)
def test_any_other_answer_is_taken_as_it_is(answer: dict[str, Any]) -> None:
    assert waiting(answer) == {"came": answer, "asked": 1, "told": 0, "waits": []}


def test_a_busy_shop_is_asked_again_when_it_said_and_the_shopper_is_told_once() -> None:
    slow, silent, absurd = ({**BUSY, "retryAfter": seconds} for seconds in (3, 0, 86400))
    found = waiting(slow, silent, absurd, BOUGHT)
    assert (found["came"], found["asked"], found["told"]) == (BOUGHT, 4, 1)
    assert found["waits"] == [3000, 1000, 30000]


def test_what_is_sold_out_meanwhile_ends_the_waiting() -> None:
    gone = {"problem": {"code": "out_of_stock"}}
    assert waiting(BUSY, BUSY, gone)["came"] == gone


def test_nobody_waits_for_ever() -> None:
    found = waiting(BUSY)
    assert (found["came"], found["asked"], found["told"]) == (BUSY, 12, 1)


def test_who_stops_waiting_is_not_asked_for_again() -> None:
    found = waiting({**BUSY, "retryAfter": 20}, BOUGHT, stops_after=1)
    assert (found["came"]["problem"]["code"], found["asked"]) == ("busy", 1)
