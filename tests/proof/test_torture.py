"""What a run of torture does is drawn from its seed, and what it found is told."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bodega.platform.system import ROOT, System
from bodega.proof import audit
from bodega.proof.audit import Finding
from bodega.proof.mutations import DoesNotApply, Edit, Mutation, mutated_copy
from bodega.proof.torture.drop import Drop
from bodega.proof.torture.guards import GUARDS
from bodega.proof.torture.ledger import Happened, Ledger
from bodega.proof.torture.plan import Fault, Guard, Plan
from bodega.proof.torture.report import Report
from bodega.proof.torture.schedule import LIES, Targets, schedule
from bodega.proof.torture.visitors import Prices
from bodega.sandbox.faults import Fault as Lie

pytestmark = pytest.mark.unit

INSTANCE = System.load(local=False).instance("torture")
TARGETS = Targets.of(INSTANCE)
LEASE = INSTANCE.times["lease_seconds"]
PLAN = Plan(minutes=5, kill_every=5, seed=7)


def test_the_same_seed_draws_the_same_faults_and_another_one_others() -> None:
    assert schedule(PLAN, TARGETS, LEASE) == schedule(PLAN, TARGETS, LEASE)
    assert schedule(PLAN, TARGETS, LEASE) != schedule(replace(PLAN, seed=8), TARGETS, LEASE)


@pytest.mark.parametrize("left_out", list(Fault))
def test_leaving_one_kind_out_changes_no_other(left_out: Fault) -> None:
    rest = tuple(fault for fault in Fault if fault != left_out)
    drawn = schedule(PLAN, TARGETS, LEASE)
    assert schedule(replace(PLAN, faults=rest), TARGETS, LEASE) == [one for one in drawn if one.fault != left_out]


def test_five_minutes_with_a_kill_every_five_seconds_have_sixty_kills() -> None:
    kills = [one for one in schedule(PLAN, TARGETS, LEASE) if one.fault == Fault.KILL]
    assert len(kills) == 60
    assert all(0 <= one.at < 300 for one in kills)


def test_everything_is_killed_once_before_anything_twice() -> None:
    long = replace(PLAN, minutes=30)
    kills = [one.target for one in schedule(long, TARGETS, LEASE) if one.fault == Fault.KILL]
    times = Counter(kills)
    assert set(times) == set(TARGETS.killed)
    assert max(times.values()) - min(times.values()) <= 1


def test_every_process_of_the_shop_may_be_killed() -> None:
    """Both replicas of each service, their parents, every engine, and the supervisor itself."""
    system = INSTANCE.system
    both = {name for service in system.services for name in (service, f"{service}-2")}
    assert both | {"services", "services-2", "supervisor"} <= set(TARGETS.killed)
    assert set(system.engines) - {"docs"} <= set(TARGETS.killed)


def test_who_is_frozen_is_so_for_longer_than_a_lease() -> None:
    freezes = [one for one in schedule(PLAN, TARGETS, LEASE) if one.fault == Fault.FREEZE]
    assert freezes
    assert all(one.seconds > LEASE for one in freezes)


@pytest.mark.parametrize(("target", "kind"), LIES, ids=str)
def test_the_sandbox_knows_each_lie(target: str, kind: str) -> None:
    Lie.model_validate({"target": target, "kind": kind, "times": 2, "seconds": 0.5})


def report_of(ledger: Ledger, findings: list[Finding]) -> Report:
    return Report(
        bodega="1", began_at=datetime(2026, 1, 1, tzinfo=UTC), plan=PLAN, ledger=ledger, rest_seconds=3.0,
        cpu_ms_per_order=100.0, edits=2, judged=audit.Report(findings, {"orders": 1}),
    )  # fmt: skip


def test_what_buyers_saw_and_what_the_audit_found_are_both_broken_promises(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.violation("answers", "201 without an <order>")
    ledger.fault(Fault.KILL, "orders-2")
    ledger.order("two tabs", "BDG-1", 0.5)
    report = report_of(ledger, [Finding("orders", "BDG-1", "is paid", "0", "100")])
    assert len(report.violations) == 2
    assert report.figures["violations"] == 2
    report.write_page(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "2 promises broken" in page
    assert "201 without an &lt;order&gt;" in page
    assert "orders-2" in page


def test_a_run_without_a_broken_promise_says_so(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.faults.append(Happened(1.0, Fault.LIE, "smtp kind=slow"))
    report_of(ledger, []).write_page(tmp_path / "page.html")
    assert "No promise was broken" in (tmp_path / "page.html").read_text()


def prices(*changes: tuple[int, float | None]) -> Prices:
    """Of one product: amount, and when the shop acknowledged it."""
    prices = Prices()
    for amount, acknowledged_at in changes:
        prices.change("mug", amount).acknowledged_at = acknowledged_at
    return prices


def test_a_price_is_stale_from_when_the_next_one_was_acknowledged() -> None:
    of_mug = prices((100, 1.0), (200, 10.0), (300, 20.0))
    assert of_mug.stale_seconds("mug", 100, asked_at=14.5) == 4.5
    assert of_mug.stale_seconds("mug", 300, asked_at=99.0) == 0


def test_a_price_that_the_shop_has_not_acknowledged_makes_none_stale_and_is_none_itself() -> None:
    of_mug = prices((100, 1.0), (200, None))
    assert of_mug.stale_seconds("mug", 100, asked_at=50.0) == 0
    assert of_mug.stale_seconds("mug", 200, asked_at=50.0) == 0


def test_a_page_that_was_asked_for_before_the_change_may_show_the_old_price() -> None:
    assert prices((100, 1.0), (200, 10.0)).stale_seconds("mug", 100, asked_at=9.0) == 0


def test_a_price_that_comes_back_is_not_stale() -> None:
    assert prices((100, 1.0), (200, 10.0), (100, 20.0)).stale_seconds("mug", 100, asked_at=50.0) == 0


def test_a_price_that_never_was_is_told_from_an_old_one() -> None:
    assert prices((100, 1.0)).stale_seconds("mug", 999, asked_at=2.0) is None


@pytest.mark.parametrize("guard", Guard)
def test_each_guard_that_a_run_can_do_without_is_where_it_is_said_to_be(guard: Guard) -> None:
    GUARDS[guard].check()


def test_a_copy_without_a_guard_differs_in_that_alone_and_leaves_the_original_as_it_is(tmp_path: Path) -> None:
    edit = Edit("kit/flow.py", '"""Long processes:', '"""Short processes:')
    before = (ROOT / "src/bodega/kit/flow.py").read_text()
    source = mutated_copy(Mutation("the length", (edit,)), tmp_path / "copy")
    assert (source / "bodega/kit/flow.py").read_text() == before.replace("Long processes", "Short processes", 1)
    assert (source / "bodega/kit/db.py").read_text() == (ROOT / "src/bodega/kit/db.py").read_text()
    assert (tmp_path / "copy/platform.toml").exists()
    assert (ROOT / "src/bodega/kit/flow.py").read_text() == before


@pytest.mark.parametrize("text", ["nowhere in this file", "import"])
def test_a_guard_that_stands_nowhere_or_more_than_once_cannot_be_taken_out(text: str) -> None:
    with pytest.raises(DoesNotApply, match=r"flow.py has \d+ times"):
        Mutation("none", (Edit("kit/flow.py", text, ""),)).check()


def test_the_picture_of_a_run_is_an_svg_with_its_figures(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.fault(Fault.KILL, "orders-2")
    ledger.order("two tabs", "BDG-1", 0.5)
    report_of(ledger, []).write_picture(tmp_path / "run.svg")
    picture = ElementTree.parse(tmp_path / "run.svg").getroot()
    title = picture.findtext("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.startswith("Torture, 2026-01-01: 1 kills, 0 freezes")
    assert title.endswith("1 orders, 0 broken promises")
    assert [mark.get("class") for mark in picture.iter("{http://www.w3.org/2000/svg}circle")] == ["kill"]


async def test_all_who_wait_for_a_drop_go_on_together_and_whoever_comes_later_waits_for_the_next() -> None:
    drop = Drop("MUG")
    first = [asyncio.create_task(drop.comes()) for _ in range(3)]
    await asyncio.sleep(0)
    drop.happens()
    await asyncio.gather(*first)
    late = asyncio.create_task(drop.comes())
    await asyncio.sleep(0)
    assert not late.done()
    drop.happens()
    await late
