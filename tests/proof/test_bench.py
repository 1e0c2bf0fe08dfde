"""What a bench makes of what it has measured: percentiles, CPU by process, ratios, and two runs side by side."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from bodega.cli.__main__ import app
from bodega.cli.bench import _as_json, _number
from bodega.platform.system import System
from bodega.proof.bench.buyers import Addresses, Answer, Buyer, visitor
from bodega.proof.bench.errors import BenchError, Refused
from bodega.proof.bench.freshness import View, in_cart, in_page, in_product, in_search
from bodega.proof.bench.meter import MEASURING, Usage, name_of, used
from bodega.proof.bench.orders import Tally
from bodega.proof.bench.report import (
    Cost,
    Floor,
    Freshness,
    Idle,
    Latency,
    Machine,
    OrdersAt,
    ReadsOf,
    Report,
    ReportError,
    Rush,
    compare,
    figures,
    largest,
    percentile,
    read,
)
from bodega.proof.bench.rest import readers
from bodega.proof.bench.waiting import until

pytestmark = pytest.mark.unit

LATENCY = Latency(count=100, p50_ms=50, p95_ms=95, p99_ms=99)
COST = Cost(cpu_ms={"orders": 30, "postgres orders": 10}, client_ms=5)


def report(**more: Any) -> Report:
    return Report(
        bodega="0.1.0",
        taken_at=datetime(2026, 11, 30, tzinfo=UTC),
        topology="eleven",
        machine=Machine(processor="A processor", cores=2, memory_mb=8000, kernel="6.1", python="3.11"),
        floor=Floor(commits_per_second=2000, requests_per_second=5000, request_cpu_ms=0.1, kafka_round_trip_ms=4),
        **{"memory_mb": {"orders": 80, "kafka": 200}, **more},
    )


def orders(**more: Any) -> OrdersAt:
    return OrdersAt(
        **{
            "guests": 16, "seconds": 20, "elapsed_seconds": 25, "placed": 200, "per_second": 10, "latency": LATENCY,
            "steps": {}, "cost": COST, "refused": {}, **more,
        }
    )  # fmt: skip


def rush(**more: Any) -> Rush:
    return Rush(
        **{
            "buyers": 20, "units": 5, "sold": 5, "told": 5, "seconds": 0.5, "sold_latency": LATENCY,
            "refused_latency": LATENCY, "refused": {"409 out_of_stock": 15}, "on_hand": 0, "reserved": 0, "cost": COST,
            **more,
        }
    )  # fmt: skip


# --- percentiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1, 100), (0.01, 1), (0, 1)]
)
def test_a_percentile_is_the_least_value_that_its_share_does_not_exceed(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_of_one_value_every_percentile_is_that_value() -> None:
    assert Latency.of([0.25]) == Latency(count=1, p50_ms=250, p95_ms=250, p99_ms=250)


def test_where_nothing_was_answered_there_is_no_latency() -> None:
    assert Latency.of([]) is None
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 0.5)


# --- CPU by process ---------------------------------------------------------------------------------


def test_cpu_is_what_was_used_between_two_looks() -> None:
    before = {(1, 0.0): Usage("kafka", "supervisor", 10, 0), (2, 0.0): Usage("orders", "services", 3, 0)}
    after = {(1, 0.0): Usage("kafka", "supervisor", 12, 0), (2, 0.0): Usage("orders", "services", 3, 0)}
    assert used(before, after) == {"kafka": 2}


def test_a_process_that_began_meanwhile_counts_whole_and_one_that_ended_counts_for_its_parent() -> None:
    before = {(1, 0.0): Usage("postgres", "supervisor", 1, 0), (2, 0.0): Usage("postgres orders", "postgres", 5, 0)}
    after = {(1, 0.0): Usage("postgres", "supervisor", 1, 8), (3, 9.0): Usage("postgres carts", "postgres", 2, 0)}
    assert used(before, after) == {"postgres": 3, "postgres carts": 2}


def test_a_pid_that_is_used_again_is_another_process() -> None:
    before = {(2, 0.0): Usage("orders", "services", 5, 0), (1, 0.0): Usage("services", "supervisor", 0, 0)}
    after = {(2, 9.0): Usage("orders", "services", 1, 0), (1, 0.0): Usage("services", "supervisor", 0, 5)}
    assert used(before, after) == {"orders": 1}


def test_the_benchs_own_part_of_postgresql_is_left_out() -> None:
    assert used({}, {(1, 0.0): Usage(MEASURING, "postgres", 5, 0)}) == {}


@pytest.mark.parametrize(
    ("part", "title", "name"),
    [
        ("postgres", "postgres: bodega_orders bodega_orders 127.0.0.1(40312) idle", "postgres orders"),
        ("postgres", "postgres: bodega_auth_owner bodega_auth 127.0.0.1(40312) SELECT", "postgres auth"),
        ("postgres", "postgres: postgres bodega_orders 127.0.0.1(40312) idle", MEASURING),
        ("postgres", "postgres: walwriter ", "postgres"),
        ("postgres", "postgres: autovacuum worker bodega_orders", "postgres"),
        ("postgres", "/a/pginstall/bin/postgres -D data -p 27432", "postgres"),
        ("kafka", "java -Xmx256m -cp libs kafka.Kafka server.properties", "kafka"),
    ],
)
def test_a_process_of_postgresql_counts_for_the_service_whose_database_it_serves(
    part: str, title: str, name: str
) -> None:
    assert name_of(part, title) == name


# --- figures and ratios -----------------------------------------------------------------------------


def test_ratios_are_to_the_floor_of_the_same_run() -> None:
    idle = Idle(seconds=20, cpu_percent={"kafka": 3, "orders": 2}, memory_mb={"kafka": 200})
    reads = ReadsOf(what="list", where="edge", readers=16, per_second=2500, latency=LATENCY, cost=COST, kept_share=1,
                    refused={})  # fmt: skip
    fresh = Freshness(view="page", changes=20, median_ms=24, most_ms=80)
    found = figures(report(orders=[orders()], reads=[reads], rush=rush(), freshness=[fresh], idle=idle))
    assert {figure.name: figure.value for figure in found if figure.is_ratio} == {
        "orders, 16 guests: orders per 1,000 commits of the floor": 5,
        "orders, 16 guests: CPU per order, in bare requests": 400,
        "list from the edge: requests/s by bare requests/s": 0.5,
        "list from the edge: CPU per request, in bare requests": 400,
        "rush, 20 buyers for 5 units: sold per 1,000 commits of the floor": 5,
        "rush, 20 buyers for 5 units: CPU per buyer, in bare requests": 400,
        "old price, page: median, in Kafka round trips": 6,
        "idle: CPU, bare requests/s": 500,
    }


def test_no_two_figures_have_the_same_name() -> None:
    found = figures(report(orders=[orders(), orders(guests=1)], rush=rush()))
    assert [name for name, count in Counter(figure.name for figure in found).items() if count > 1] == []


def test_what_an_idle_shop_uses_meanwhile_is_a_part_of_an_orders_cost() -> None:
    idle = Idle(seconds=20, cpu_percent={"kafka": 6, "orders": 2}, memory_mb={})
    assert orders(elapsed_seconds=25).background_ms(idle) == 10  # 25 s of 8 % for 200 orders


def test_the_largest_of_the_last_load_have_a_row_and_the_others_one_together() -> None:
    rows = largest([{"a": 1, "b": 5, "c": 1}, {"a": 7, "c": 3, "d": 2}], 2)
    assert rows == {"a": [1, 7], "c": [1, 3], "others": [5, 2]}
    assert list(rows) == ["a", "c", "others"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234.5, "1,234"),
        (99.96, "100"),
        (99.94, "99.9"),
        (9.996, "10.0"),
        (0.9996, "1.00"),
        (0.1234, "0.123"),
        (0.01234, "0.0123"),
        (0, "0"),
        (None, ""),
    ],
)
def test_a_number_is_shown_with_three_digits(value: float | None, shown: str) -> None:
    assert _number(value) == shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sold": 6, "told": 6}, "6 were sold, and 5 could be."),
        ({"sold": 4, "told": 4, "on_hand": 1}, "4 were sold, and 5 could be."),
        ({"buyers": 3, "sold": 3, "told": 3, "on_hand": 1}, "There were 5 units; 1 are left"),
        ({"reserved": 1}, "There were 5 units; 0 are left, 1 of them reserved."),
        ({"told": 4}, "4 were told that they have bought, and there are 5 orders."),
        ({"refused": {"409 out_of_stock": 14, "504 timeout": 1}}, "1 x the answer was: 504 timeout."),
        ({"refused": {"409 out_of_stock": 14, "checkout failed": 1}}, "1 x the answer was: checkout failed."),
        ({"undecided": {"503 unavailable": 2}}, "2 x the answer was: 503 unavailable."),
    ],
)
def test_a_rush_that_did_not_end_as_it_must_is_seen(wrong: dict[str, Any], said: str) -> None:
    assert any(fault.startswith(said) for fault in rush(**wrong).faults)


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"buyers": 3, "sold": 3, "told": 3, "on_hand": 2, "refused": {}},
        {"refused": {"409 out_of_stock": 14, "503 busy": 1}, "undecided": {"409 conflict": 2}, "busy": 100},
    ],
)
def test_a_rush_may_end_with_orders_conflicts_and_the_request_to_come_again(right: dict[str, Any]) -> None:
    assert rush(**right).faults == []


# --- two runs ---------------------------------------------------------------------------------------


def test_what_json_prints_is_what_against_reads(tmp_path: Path) -> None:
    told = report(orders=[orders()], rush=rush())
    file = tmp_path / "then.json"
    file.write_text(json.dumps(_as_json(told, compare(told, told))))
    assert read(file) == told


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the whole of it: Invalid JSON"),
        ("[]", "the whole of it"),
        ('{"format": 2}', "format"),
        ("\x00\x01", "Invalid JSON"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_a_sentence(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "then.json"
    file.write_text(content)
    with pytest.raises(ReportError, match=r"is not what `./bodega bench --json` prints") as refusal:
        read(file)
    assert why in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"nowhere\.json cannot be read: No such file"):
        read(tmp_path / "nowhere.json")


def test_two_runs_stand_side_by_side_and_what_one_lacks_is_empty() -> None:
    then = report(orders=[orders(per_second=8), orders(guests=1)])
    rows = {row.name: row for row in compare(then, report(orders=[orders(per_second=10), orders(guests=64)]))}
    both = rows["orders, 16 guests: orders/s"]
    assert (both.then, both.now, both.change) == (8, 10, 0.25)
    gone, new = rows["orders, 1 guest: orders/s"], rows["orders, 64 guests: orders/s"]
    assert (gone.then, gone.now, gone.change) == (10, None, None)
    assert (new.then, new.now, new.change) == (None, 10, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["juggling"], "'juggling' is not one of"),
        (["orders", "--guests", "0"], "Invalid value for '--guests'"),
        (["--seconds", "soon"], "Invalid value for '--seconds'"),
        (["rush", "--buyers", "100000"], "Invalid value for '--buyers'"),
        (["rush", "--at-once", "0"], "Invalid value for '--at-once'"),
        (["idle", "--orders", "-1"], "Invalid value for '--orders'"),
        (["--topology", "two"], "Invalid value for '--topology'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_started(arguments: list[str], said: str) -> None:
    answer = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert answer.exit_code == 2
    assert said in answer.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["idle", "--times", "leisurely"], "There is no profile leisurely."),
        (["rush", "--times", "standard"], "Orders cannot be measured in the profile standard."),
        (["--times", "standard"], "Orders cannot be measured in the profile standard."),
    ],
)
def test_times_in_which_nothing_can_be_measured_are_refused_before_anything_is_started(
    arguments: list[str], said: str
) -> None:
    answer = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert answer.exit_code == 1
    assert said in answer.output


def test_a_bad_file_to_compare_with_is_named_before_anything_is_started(tmp_path: Path) -> None:
    file = tmp_path / "then.json"
    file.write_text("{}")
    answer = CliRunner().invoke(app, ["bench", "--against", str(file)], env={"COLUMNS": "400"})
    assert answer.exit_code == 1
    assert "is not what `./bodega bench --json` prints" in answer.output
    assert "Traceback" not in answer.output


# --- buyers -----------------------------------------------------------------------------------------


def test_each_buyer_has_an_address_of_their_own_within_the_network() -> None:
    addresses = Addresses(IPv4Network("127.1.0.0/29"))
    given = [addresses.next() for _ in range(7)]
    assert given == [*(f"127.1.0.{last}" for last in range(1, 7)), "127.1.0.1"]


def test_an_order_counts_for_its_steps_and_only_in_time_for_the_rate() -> None:
    tally = Tally()
    tally.add([1.0, 1.5, 1.75, 2.0], until=2.0)
    tally.add([1.0, 1.5, 2.0, 2.5], until=2.0)
    assert tally.steps == {"cart": [0.5, 0.5], "quote": [0.25, 0.5], "checkout": [0.25, 0.5]}
    assert (tally.orders, tally.in_time) == ([1.0, 1.5], 1)


Answers = dict[str, list[tuple[int, dict[str, Any]]]]


@asynccontextmanager
async def shop(answers: Answers) -> AsyncIterator[tuple[str, list[str]]]:
    """A shop that gives these answers (`METHOD /path`: status and body, in turn): its address, who asked from where."""
    came_from: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        came_from.append(str(request.remote))
        status, body = answers[f"{request.method} {request.path}"].pop(0)
        return web.json_response(body, status=status, headers={"Cart-Token": "token", "Retry-After": "0"})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/"), came_from


QUOTE = (200, {"shipping_option": "standard", "totals": {"total": {"amount": 1, "currency": "EUR"}}})


async def test_a_buyer_comes_from_the_address_and_waits_for_the_decision() -> None:
    answers: Answers = {
        "POST /cart": [(201, {})],
        "POST /checkout/quote": [QUOTE],
        "POST /checkout": [(202, {"status": "paying", "checkout_id": "chk_1"})],
        "GET /checkout/chk_1": [(200, {"status": "paying"}), (200, {"status": "completed"})],
    }
    async with shop(answers) as (url, came_from), visitor(url, "127.1.0.9") as somebody:
        buyer = Buyer(somebody)
        await buyer.fill_cart("SKU")
        await buyer.quote()
        await buyer.check_out()
    assert set(came_from) == {"127.1.0.9"}
    assert not any(answers.values())


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (409, {"code": "out_of_stock"}, "409 out_of_stock"),
        (503, {}, "503"),
        (202, {"status": "declined", "checkout_id": "chk_1"}, "checkout declined"),
    ],
)
async def test_what_the_shop_says_instead_of_selling_is_told(status: int, body: dict[str, Any], refusal: str) -> None:
    answers: Answers = {"POST /checkout": [(status, body)], "GET /checkout/chk_1": [(200, body)]}
    async with shop(answers) as (url, _), visitor(url, "127.1.0.9") as somebody:
        with pytest.raises(Refused, match=refusal):
            await Buyer(somebody).check_out()


async def test_who_is_not_answered_in_time_asks_again_for_the_same_order() -> None:
    bought: list[tuple[int, dict[str, Any]]] = [(504, {"code": "timeout"}), (409, {"code": "conflict"})]
    answers: Answers = {"POST /checkout": [*bought, (201, {"status": "completed"}), *bought]}
    async with shop(answers) as (url, _), visitor(url, "127.1.0.9") as somebody:
        await Buyer(somebody).check_out([0, 0])
        with pytest.raises(Refused, match="409 conflict"):
            await Buyer(somebody).check_out([0])


async def test_a_shop_that_is_busy_is_asked_again_when_it_says_so_and_that_is_counted() -> None:
    busy = (503, {"code": "busy"})
    answers: Answers = {"POST /checkout": [busy, busy, (201, {"status": "completed"}), busy, (409, {"code": "gone"})]}
    told: Counter[str] = Counter()
    async with shop(answers) as (url, _), visitor(url, "127.1.0.9", told) as somebody:
        await Buyer(somebody).check_out()
        assert told == {"/checkout": 2}
        with pytest.raises(Refused, match="409 gone"):
            await Buyer(somebody).check_out()
    assert (told.total(), answers["POST /checkout"]) == (3, [])


async def test_what_was_decided_is_not_asked_again() -> None:
    answers: Answers = {"POST /checkout": [(409, {"code": "out_of_stock"}), (201, {"status": "completed"})]}
    async with shop(answers) as (url, _), visitor(url, "127.1.0.9") as somebody:
        with pytest.raises(Refused, match="409 out_of_stock"):
            await Buyer(somebody).check_out([0, 0])


async def test_a_shop_that_does_not_answer_is_a_refusal() -> None:
    async with visitor("http://127.0.0.1:1", "127.1.0.9") as somebody:
        with pytest.raises(Refused, match="no answer"):
            await Buyer(somebody).fill_cart("SKU")


async def test_what_does_not_come_is_named() -> None:
    async def never() -> bool | None:
        return None

    with pytest.raises(BenchError, match="the moon"):
        await until(never, what="the moon", within_seconds=0, every_seconds=0)


# --- freshness and rest -----------------------------------------------------------------------------


def view(*seen: tuple[float, float, set[int]]) -> View:
    async def ask() -> Answer:
        raise AssertionError

    return View("page", ask, in_page, seen=list(seen))


def test_an_old_price_is_old_until_its_last_answer_came() -> None:
    seen = view((0.9, 1.1, {10}), (1.2, 1.3, {10}), (1.4, 1.5, {11}), (1.6, 1.75, {10}), (1.8, 1.9, {11}))
    assert seen.seconds_of_old(11, 1.0) == 0.75
    assert seen.seconds_of_old(11, 1.7) == 0


def test_a_page_that_says_two_prices_does_not_show_the_new_one() -> None:
    seen = view((1.0, 1.1, {10, 11}))
    seen.is_settled = True
    assert not seen.shows(11)
    assert seen.seconds_of_old(11, 0.0) == 1.1


@pytest.mark.parametrize(
    ("read_prices", "body"),
    [
        (in_page, '<p>€0.11</p><script>[1,"{\\"amount\\":11,\\"currency\\":\\"EUR\\"}"]</script>'),
        (in_page, '{"price":{"amount":11,"currency":"EUR"}}'),
        (in_product, '{"variants": [{"price": {"amount": 11}}]}'),
        (in_cart, '{"lines": [{"unit_price": {"amount": 11}}]}'),
        (in_search, '{"items": [{"slug": "bench-freshness", "price": {"amount": 11}}, '
                    '{"slug": "bench", "price": {"amount": 99}}]}'),
    ],
)  # fmt: skip
def test_a_price_is_read_wherever_it_stands(read_prices: Callable[[Answer], set[int]], body: str) -> None:
    assert read_prices(Answer(200, {}, body.encode())) == {11}


def test_everybody_who_reads_events_is_waited_for_but_not_where_transactions_are_published() -> None:
    system = System.load(local=False)
    heard = readers(system)
    assert heard["search"] == {"inventory"}
    assert heard["orders"] >= {"payments", "shipping"}
    assert heard["purger"] == {"inventory"}
    assert not any("catalog" in topics for topics in heard.values())
    assert heard.keys() <= set(system.broker_users)
