"""A long process survives its owner, and a sleeper that wakes finds that it is no longer the owner."""

import asyncio
from typing import Any

import pytest

from bodega.kit.db import Database, Transaction
from bodega.kit.errors import Unavailable
from bodega.kit.flow import Flows, Held, LeaseLost, Next, Step
from bodega.kit.testing import eventually
from tests.counting import COUNTED, cost_of

pytestmark = pytest.mark.service


def flows_of(database: Database, steps: dict[str, Step], owner: str = "one", **options: Any) -> Flows:
    timing: dict[str, Any] = {"lease_seconds": 0.4, "step_deadline_seconds": 0.3, "retry_first_seconds": 0.05,
                              "poll_seconds": 0.05, **options}  # fmt: skip
    return Flows(database, "count", steps, service="counter", owner=owner, **timing)


async def begin(database: Database, flows: Flows, step: str, **data: Any) -> Held:
    async with database.transaction() as tx:
        held = await flows.start(tx, "flow-1", step, data)
    assert held is not None
    return held


async def row(database: Database) -> dict[str, Any]:
    async with database.transaction() as tx:
        found = await tx.fetchrow("SELECT * FROM flow WHERE id = 'flow-1'")
    assert found is not None
    return dict(found)


def writes(value: int) -> Any:
    async def write(tx: Transaction) -> None:
        await tx.execute("INSERT INTO counter (id, value) VALUES ('flow-1', $1)", value)

    return write


async def test_a_flow_runs_its_steps_in_order_and_carries_what_they_learn(database: Database) -> None:
    async def first(held: Held) -> Next:
        return Next("second", data={"first": held.data["given"] + 1})

    async def second(held: Held) -> Next:
        return Next("done", data={"second": held.data["first"] + 1}, write=writes(held.data["first"]), ended=True)

    flows = flows_of(database, {"first": first, "second": second})
    await flows.drive(await begin(database, flows, "first", given=1))
    ended = await row(database)
    assert (ended["state"], ended["data"]) == ("ended", {"given": 1, "first": 2, "second": 3})


async def test_an_owner_that_sleeps_past_its_lease_cannot_write_when_it_wakes(database: Database) -> None:
    """The trap: without the fence the sleeper's write lands over that of whoever took over."""
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def sleeps(held: Held) -> Next:
        asleep.set()
        await wake.wait()
        return Next("done", data={"by": "sleeper"}, write=writes(1), ended=True)

    async def works(held: Held) -> Next:
        return Next("done", data={"by": "successor"}, write=writes(2), ended=True)

    sleeper = flows_of(database, {"work": sleeps}, "sleeper", step_deadline_seconds=30, lease_seconds=31)
    successor = flows_of(database, {"work": works}, "successor")
    held = await begin(database, sleeper, "work")
    driving = asyncio.create_task(sleeper.drive(held))
    await asleep.wait()
    assert await successor.claim() is None, "not while the lease holds"
    async with database.transaction() as tx:
        await tx.execute("UPDATE flow SET lease_until = now() - interval '1 second'")
    taken = await successor.claim()
    assert taken is not None
    assert taken.epoch == held.epoch + 1
    await successor.drive(taken)
    wake.set()
    with pytest.raises(LeaseLost):
        await driving
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT value FROM counter WHERE id = 'flow-1'") == 2
    assert (await row(database))["data"]["by"] == "successor"


async def test_a_flow_whose_owner_died_is_taken_over_after_the_lease(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("done", ended=True)

    await begin(database, flows_of(database, {"work": works}, "dies at once"), "work")
    survivor = flows_of(database, {"work": works}, "survivor")
    running = asyncio.create_task(survivor.run())

    async def ended() -> None:
        assert (await row(database))["state"] == "ended"

    await eventually(ended)
    survivor.stop()
    await running


async def test_a_step_that_fails_is_tried_again_with_growing_waits_until_it_works(database: Database) -> None:
    attempts: list[int] = []

    async def fails_twice(held: Held) -> Next:
        attempts.append(held.attempts)
        if len(attempts) < 3:
            raise Unavailable("not yet")
        return Next("done", ended=True)

    flows = flows_of(database, {"work": fails_twice})
    await flows.drive(await begin(database, flows, "work"))
    assert (await row(database))["state"] == "waiting"
    running = asyncio.create_task(flows.run())

    async def ended() -> None:
        assert (await row(database))["state"] == "ended"

    await eventually(ended)
    flows.stop()
    await running
    assert attempts == [0, 1, 2]


async def test_a_step_that_hangs_is_cut_off_before_its_lease_ends(database: Database) -> None:
    async def hangs(_: Held) -> Next:
        await asyncio.sleep(30)
        return Next("done", ended=True)

    flows = flows_of(database, {"work": hangs})
    await asyncio.wait_for(flows.drive(await begin(database, flows, "work")), 20)
    assert (await row(database))["state"] == "waiting"


async def test_two_who_claim_at_once_get_it_once(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("done", ended=True)

    flows = flows_of(database, {"work": works})
    async with database.transaction() as tx:
        assert await flows.start(tx, "flow-1", "work", {}, inline=False) is not None
    claims = await asyncio.gather(*(flows.claim() for _ in range(5)))
    assert len([claim for claim in claims if claim is not None]) == 1


async def test_a_waiting_flow_is_woken_by_what_it_waits_for(database: Database) -> None:
    async def waits(held: Held) -> Next:
        if "answer" in held.data:
            return Next("done", ended=True)
        return Next("wait", wait_seconds=3600)

    flows = flows_of(database, {"wait": waits})
    await flows.drive(await begin(database, flows, "wait"))
    assert await flows.claim() is None
    async with database.transaction() as tx:
        assert await flows.wake(tx, "flow-1", answer=42)
    claimed = await flows.claim()
    assert claimed is not None
    assert claimed.data["answer"] == 42


async def test_a_flow_knows_when_it_is_overdue(database: Database) -> None:
    async def dated(_: Held) -> Next:
        return Next("wait", wait_seconds=0.0, due_seconds=0.001)

    flows = flows_of(database, {"wait": dated})
    await flows.drive(await begin(database, flows, "wait"))
    await asyncio.sleep(0.01)
    claimed = await flows.claim()
    assert claimed is not None
    assert claimed.overdue


async def test_a_replica_that_stops_gives_its_leases_back(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("done", ended=True)

    leaving = flows_of(database, {"work": works}, "leaving", lease_seconds=60)
    held = await begin(database, leaving, "work")
    leaving.stop()
    await leaving.run()
    taken = await flows_of(database, {"work": works}, "other").claim()
    assert taken is not None
    with pytest.raises(LeaseLost):
        await leaving.drive(held)


async def test_what_is_driven_when_a_replica_stops_comes_to_rest_before_its_leases_are_given_back(
    database: Database,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def works(_: Held) -> Next:
        begun.set()
        await go_on.wait()
        return Next("done", write=writes(1), ended=True)

    flows = flows_of(database, {"work": works}, lease_seconds=60, step_deadline_seconds=50)
    held = await begin(database, flows, "work")
    driving = asyncio.create_task(flows.drive(held))
    await begun.wait()
    flows.stop()
    running = asyncio.create_task(flows.run())
    for _ in range(5):  # each look takes as long as giving the lease back would
        assert (await row(database))["epoch"] == held.epoch
    go_on.set()
    await driving
    await running
    assert (await row(database))["state"] == "ended"


async def test_a_deadline_that_outlives_the_lease_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Flows(None, "count", {}, service="counter", owner="x", lease_seconds=5, step_deadline_seconds=5)  # type: ignore[arg-type]


async def test_who_seizes_a_flow_fences_off_its_owner_in_the_middle_of_a_step(database: Database) -> None:
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def work(held: Held) -> Next:
        if held.data.get("cancelled"):
            return Next("done", data={"end": "cancelled"}, ended=True)
        asleep.set()
        await wake.wait()
        return Next("done", data={"end": "completed"}, ended=True)

    flows = flows_of(database, {"work": work}, lease_seconds=31, step_deadline_seconds=30)
    driving = asyncio.create_task(flows.drive(await begin(database, flows, "work")))
    await asleep.wait()
    async with database.transaction() as tx:
        seized = await flows.seize(tx, "flow-1", cancelled=True)
    assert seized is not None
    await flows.drive(seized)
    wake.set()
    with pytest.raises(LeaseLost):
        await driving
    assert (await row(database))["data"]["end"] == "cancelled"


async def test_a_flow_that_was_ended_from_outside_stays_ended(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("more")

    flows = flows_of(database, {"work": works})
    held = await begin(database, flows, "work")
    async with database.transaction() as tx:
        assert await flows.end(tx, "flow-1")
        assert not await flows.end(tx, "flow-1")
    with pytest.raises(LeaseLost):
        await flows.drive(held)
    async with database.transaction() as tx:
        assert await flows.seize(tx, "flow-1") is None
        assert not await flows.wake(tx, "flow-1")


async def test_a_flow_that_starts_with_a_due_time_knows_it(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("done", ended=True)

    flows = flows_of(database, {"work": works})
    async with database.transaction() as tx:
        await flows.start(tx, "flow-1", "work", {}, inline=False, due_seconds=0.001)
    await asyncio.sleep(0.01)
    claimed = await flows.claim()
    assert claimed is not None
    assert claimed.overdue


async def test_a_flow_begins_at_its_commit_and_a_short_wait_is_short_though_the_poll_is_slow(
    database: Database,
) -> None:
    begun = asyncio.Event()

    async def waits_shortly(_: Held) -> Next:
        begun.set()
        return Next("second", wait_seconds=0.05)

    async def second(_: Held) -> Next:
        return Next("done", ended=True)

    flows = flows_of(database, {"first": waits_shortly, "second": second}, poll_seconds=30)
    running = asyncio.create_task(flows.run())
    await asyncio.sleep(0.2)  # the workers have looked, found nothing, and sleep for the length of the poll
    async with database.transaction() as tx:
        await flows.start(tx, "flow-1", "first", {}, inline=False)
        await asyncio.sleep(0.2)  # whoever looked now would find nothing
        assert not begun.is_set()

    async def ended() -> None:
        assert (await row(database))["state"] == "ended"

    await eventually(ended, within_seconds=10)
    flows.stop()
    await running


async def test_news_that_comes_in_the_middle_of_a_step_is_not_slept_over(database: Database) -> None:
    """The trap: the step's own wait is written over the wake-up, and what it waited for has already happened."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def asks(held: Held) -> Next:
        if "news" in held.data:
            return Next("done", ended=True)
        asked.set()
        await answer.wait()
        return Next("ask", wait_seconds=3600)

    flows = flows_of(database, {"ask": asks}, lease_seconds=31, step_deadline_seconds=30)
    driving = asyncio.create_task(flows.drive(await begin(database, flows, "ask")))
    await asked.wait()
    async with database.transaction() as tx:
        assert await flows.wake(tx, "flow-1", news=True)
    answer.set()
    await driving
    claimed = await flows.claim()
    assert claimed is not None
    assert claimed.data["news"] is True


async def test_a_seized_flow_is_due_at_the_end_of_the_lease_however_long_it_was_to_wait(database: Database) -> None:
    async def waits(_: Held) -> Next:
        return Next("wait", wait_seconds=3600)

    dies = flows_of(database, {"wait": waits}, "dies")
    await dies.drive(await begin(database, dies, "wait"))
    async with database.transaction() as tx:
        assert await dies.seize(tx, "flow-1", card="another") is not None
        await tx.execute("UPDATE flow SET lease_until = now() - interval '1 second'")
    assert await flows_of(database, {"wait": waits}, "survivor").claim() is not None


async def test_a_result_that_cannot_be_written_is_tried_again_and_does_not_end_the_workers(database: Database) -> None:
    async def writes_nonsense(held: Held) -> Next:
        async def write(tx: Transaction) -> None:
            await tx.execute("SELECT 1 / $1::int", held.attempts)

        return Next("done", write=write, ended=True)

    flows = flows_of(database, {"work": writes_nonsense})
    await flows.drive(await begin(database, flows, "work"))
    assert (await row(database))["state"] == "waiting"
    running = asyncio.create_task(flows.run())

    async def ended() -> None:
        assert (await row(database))["state"] == "ended"

    await eventually(ended)
    flows.stop()
    await running


async def test_who_stops_while_the_store_is_away_leaves_the_leases_to_run_out() -> None:
    """An error would end the loop, and with it the process, as if it had died."""
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    await away.open()
    flows = flows_of(away, {})
    flows.stop()
    await flows.run()
    await away.close()


async def test_a_flow_that_is_to_begin_later_is_left_alone_until_then(database: Database) -> None:
    async def works(_: Held) -> Next:
        return Next("done", ended=True)

    flows = flows_of(database, {"work": works})
    async with database.transaction() as tx:
        assert await flows.start(tx, "flow-1", "work", {}, inline=False, wait_seconds=3600) is not None
    assert await flows.claim() is None
    async with database.transaction() as tx:
        await tx.execute("UPDATE flow SET wake_at = wake_at - interval '1 hour' WHERE id = 'flow-1'")
    assert await flows.claim() is not None


async def test_a_step_whose_record_was_lost_in_a_crash_of_the_database_is_done_again(database: Database) -> None:
    """The record of the first did not wait for the disk. The second must not write as if it were there."""
    done: list[str] = []

    async def first(held: Held) -> Next:
        done.append("first")
        return Next("second", write=writes(len(done)), flush=False)

    async def second(held: Held) -> Next:
        done.append("second")
        if done == ["first", "second"]:  # the server crashes, and comes back without what was not on the disk
            async with database.transaction() as tx:
                await tx.execute("UPDATE flow SET step = 'first'")
                await tx.execute("DELETE FROM counter")
        return Next("done", ended=True)

    flows = flows_of(database, {"first": first, "second": second})
    with pytest.raises(LeaseLost):
        await flows.drive(await begin(database, flows, "first"))
    assert (await row(database))["state"] == "running"
    taken = None
    while taken is None:
        await asyncio.sleep(0.05)  # until the lease is over
        taken = await flows.claim("flow-1")
    await flows.drive(taken)
    assert done == ["first", "second", "first", "second"]
    assert (await row(database))["state"] == "ended"
    async with database.transaction() as tx:
        assert await tx.fetchval("SELECT value FROM counter") == 3


async def test_only_a_record_that_may_be_lost_does_not_wait_for_the_disk(database: Database) -> None:
    async def lasting(held: Held) -> Next:
        return Next("fleeting", write=writes(1))

    async def fleeting(held: Held) -> Next:
        return Next("alone", flush=False)

    async def alone(held: Held) -> Next:
        return Next("done", ended=True, flush=False)

    steps: dict[str, Step] = {"lasting": lasting, "fleeting": fleeting, "alone": alone}
    flows = Flows(database, "count", steps, service=COUNTED, owner="one")

    async def whole() -> None:
        await flows.drive(await begin(database, flows, "lasting"))

    assert (await cost_of(whole))["commit"] == 2, "the beginning, and the step that lasts"


async def test_a_flow_at_a_step_of_another_release_is_left_to_a_process_that_knows_it(database: Database) -> None:
    async def begins(_: Held) -> Next:
        return Next("added", wait_seconds=0)

    async def added(_: Held) -> Next:
        return Next("done", ended=True)

    older = flows_of(database, {"begin": begins}, "older")
    newer = flows_of(database, {"begin": begins, "added": added}, "newer")
    await newer.drive(await begin(database, newer, "begin"))
    assert (await row(database))["step"] == "added"
    assert await older.claim() is None, "it would fail at it again and again"
    assert await older.claim("flow-1") is None
    taken = await newer.claim()
    assert taken is not None
    await newer.drive(taken)
    assert (await row(database))["state"] == "ended"


async def test_a_flow_seized_at_a_step_of_another_release_is_given_back_at_once(database: Database) -> None:
    async def added(held: Held) -> Next:
        return Next("done", data={"cancelled": held.data["wish"]}, ended=True)

    older, newer = flows_of(database, {}, "older", lease_seconds=60), flows_of(database, {"added": added}, "newer")
    await begin(database, newer, "added")
    async with database.transaction() as tx:
        held = await older.seize(tx, "flow-1", wish="cancel")
    assert held is not None
    await older.drive(held)
    taken = await newer.claim()
    assert taken is not None, "not after the lease of a process that can do nothing with it"
    await newer.drive(taken)
    assert (await row(database))["data"]["cancelled"] == "cancel"
