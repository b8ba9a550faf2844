"""`Slots`: what runs, what is stopped, and when a slot is free again."""

import asyncio
import os
import threading

import pytest

from contract.errors import GatewayUnreachable
from contract.words import Outcome
from engine.rules.kinds import Runs
from engine.runtime.job import Stop
from kit.clock import SECOND
from kit.logs import around
from tests.support.fake_link import TRACE, job_id, lease


class Gate:
    """An async handler that waits; tells how many jobs entered."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.entered: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, job, payload):
        await self.entered.put(job.job)
        await self.open.wait()
        return payload


async def idle(slots) -> None:
    async with asyncio.timeout(20):
        await slots.idle.wait()


class TestRunning:
    async def test_a_job_runs_is_reported_and_frees_its_slot(self, room):
        async def double(job, payload):
            return payload * 2

        room.serve("work", double)
        slots = room.slots()
        room.start(slots, lease(1, payload=21))
        assert (slots.busy, slots.free) == (1, 1)
        report = await room.finished()
        assert (report.outcome, report.result) == (Outcome.SUCCEEDED, 42)
        await idle(slots)
        assert (slots.busy, slots.free) == (0, 2)

    async def test_jobs_run_side_by_side(self, room):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots(3)
        for number in (1, 2, 3):
            room.start(slots, lease(number))
        async with asyncio.timeout(10):
            assert {await gate.entered.get() for _ in range(3)} == {job_id(1), job_id(2), job_id(3)}
        assert (slots.busy, slots.free) == (3, 0)
        gate.open.set()
        await idle(slots)

    @pytest.mark.parametrize("runs", [Runs.ASYNC, Runs.THREAD])
    async def test_what_a_job_logs_names_it_and_its_trace_also_beside_others(self, room, runs: Runs):
        both, seen = threading.Barrier(2), {}

        def on_thread(job, payload):
            both.wait(10)
            seen[job.job] = dict(around())

        async def in_loop(job, payload):
            await asyncio.to_thread(both.wait, 10)
            seen[job.job] = dict(around())

        room.serve("work", on_thread if runs is Runs.THREAD else in_loop, runs)
        slots = room.slots(2)
        for number in (1, 2):
            room.start(slots, lease(number))
        await room.finished(2)
        assert seen == {job_id(number): {"job_id": job_id(number), "trace_id": TRACE.split("-")[1]} for number in (1, 2)}
        assert around() == {}

    async def test_one_failing_job_does_not_touch_the_others(self, room):
        gate = Gate()

        async def broken(job, payload):
            raise RuntimeError("no luck")

        room.serve("work", gate)
        room.serve("broken", broken)
        slots = room.slots()
        room.start(slots, lease(1))
        room.start(slots, lease(2, "broken"))
        failed = await room.finished(1)
        assert (failed.job, failed.outcome) == (job_id(2), Outcome.FAILED)
        gate.open.set()
        assert (await room.finished(2)).outcome is Outcome.SUCCEEDED

    async def test_a_job_is_acknowledged_before_it_is_forgotten(self, room, link):
        async def quick(job, payload):
            return None

        room.serve("work", quick)
        answer = asyncio.get_running_loop().create_future()
        link.finishes.then(answer)
        slots = room.slots()
        room.start(slots, lease(1))
        await room.finished()
        await idle(slots)
        assert [held.job for held in room.book.held()] == [job_id(1)]
        assert room.book.running() == 0
        answer.set_exception(GatewayUnreachable())
        await room.finished(2)
        assert await room.reporter.all_settled(10)
        assert room.book.held() == []

    async def test_a_report_is_spooled_before_it_is_sent(self, room, link):
        async def quick(job, payload):
            return "done"

        spooled = []
        link.finishes.then(lambda _: spooled.extend(room.spool.all()) or GatewayUnreachable())
        room.serve("work", quick)
        room.start(room.slots(), lease(1))
        assert spooled == [await room.finished()]

    async def test_a_kind_in_a_process_runs_in_another_process(self, room):
        room.serve("work", eval, Runs.PROCESS)
        slots = room.slots()
        room.start(slots, lease(1, payload="[__import__('os').getpid(), __import__('os').getppid()]"))
        async with asyncio.timeout(20):
            report = await room.finished()
        assert report.result[0] != os.getpid()
        assert report.result[1] == os.getpid()

    async def test_a_process_that_runs_too_long_is_killed_and_reported(self, room):
        room.serve("work", eval, Runs.PROCESS)
        assert await room.lanes.run(eval, "'warm'") == "warm"
        slots = room.slots()
        room.start(slots, lease(1, payload="__import__('threading').Event().wait()", timeout_s=0.05))
        report = await room.finished()
        assert report.error is not None
        assert report.error.code == "job.timeout"
        await idle(slots)
        assert await room.lanes.run(eval, "'next'") == "next"

    async def test_output_is_sent_in_order_and_before_the_report(self, room, link):
        async def talk(job, payload):
            for word in ("one ", "two ", "three"):
                await job.write(word)
                job.log(word.strip())

        room.serve("work", talk)
        room.start(room.slots(), lease(1))
        await room.finished()
        assert link.said[lease(1).token] == b"one two three"
        assert link.history[-1] == "finish"

    async def test_a_job_whose_lease_ran_out_says_nothing_more(self, room, link):
        gate = Gate()

        async def talk(job, payload):
            await gate(job, payload)
            await job.write("too late")

        room.serve("work", talk)
        slots = room.slots()
        room.start(slots, lease(1))
        await gate.entered.get()
        room.clock.sleep_machine(24)
        gate.open.set()
        await room.finished()
        assert link.appends.asked == []

    async def test_kinds_are_announced_in_order(self, room):
        for name in ("b", "c", "a"):
            room.serve(name, print)
        assert room.slots().kinds == ["a", "b", "c"]


class TestRiding:
    async def test_a_report_rides_when_a_claim_is_about_to_be_sent(self, room, link):
        async def quick(job, payload):
            return "done"

        room.serve("work", quick)
        room.ride = True
        slots = room.slots(1)
        room.start(slots, lease(1))
        await idle(slots)
        assert [report.result for report in room.reporter.riding(10)] == ["done"]
        assert link.finishes.asked == []

    async def test_the_report_rides_before_the_free_slot_is_announced(self, room):
        async def quick(job, payload):
            return "done"

        room.serve("work", quick)
        room.ride = True
        slots = room.slots(1)
        room.start(slots, lease(1))
        async with asyncio.timeout(10):
            await slots.changed.wait()
        assert len(room.reporter.riding(10)) == 1


class TestStopping:
    async def test_a_cancelled_job_is_reported_as_such(self, room):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots()
        room.start(slots, lease(1))
        await gate.entered.get()
        slots.stop([job_id(1)], Stop.CANCEL)
        report = await room.finished()
        assert report.error is not None
        assert report.error.code == "job.cancelled"

    async def test_a_job_stopped_before_its_first_step_is_given_back(self, room):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots()
        room.start(slots, lease(1))
        slots.stop([job_id(1)], Stop.GIVE_BACK)
        assert (await room.finished()).outcome is Outcome.GIVEN_BACK
        assert gate.entered.empty()

    async def test_only_the_named_job_is_stopped(self, room):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots()
        for number in (1, 2):
            room.start(slots, lease(number))
            await gate.entered.get()
        slots.stop([job_id(1), job_id(9)], Stop.CANCEL)
        assert (await room.finished(1)).job == job_id(1)
        gate.open.set()
        assert (await room.finished(2)).outcome is Outcome.SUCCEEDED

    async def test_stopping_everything_says_how_many_jobs_that_were(self, room):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots(3)
        for number in (1, 2):
            room.start(slots, lease(number))
        assert slots.stop_all(Stop.GIVE_BACK) == 2
        assert {(await room.finished(number)).outcome for number in (1, 2)} == {Outcome.GIVEN_BACK}
        await idle(slots)
        assert slots.stop_all(Stop.GIVE_BACK) == 0

    async def test_a_job_that_is_let_go_is_held_no_longer_and_never_reported(self, room, link):
        gate = Gate()
        room.serve("work", gate)
        slots = room.slots()
        room.start(slots, lease(1))
        await gate.entered.get()
        slots.stop([job_id(1)], Stop.LET_GO)
        assert room.book.held() == []
        await idle(slots)
        assert link.finishes.asked == []
        assert room.spool.all() == []

    async def test_a_job_let_go_and_leased_again_runs_beside_its_old_self(self, room):
        began, over = threading.Event(), threading.Event()

        def stubborn(job, payload):
            began.set()
            if job.attempt == 1:
                over.wait(10)
            return job.attempt

        room.serve("work", stubborn, Runs.THREAD)
        slots = room.slots(2)
        room.start(slots, lease(1, grant=1))
        assert await asyncio.to_thread(began.wait, 10)
        slots.stop([job_id(1)], Stop.LET_GO)
        room.start(slots, lease(1, grant=2))
        report = await room.finished()
        assert (report.token, report.result) == (lease(1, grant=2).token, 2)
        over.set()
        await idle(slots)
        assert len(room.link.finishes.asked) == 1

    async def test_a_thread_that_ignores_its_cancel_keeps_its_slot_until_it_ends(self, room):
        began, over = threading.Event(), threading.Event()

        def stubborn(job, payload):
            began.set()
            over.wait(10)

        room.serve("work", stubborn, Runs.THREAD)
        slots = room.slots(1)
        room.start(slots, lease(1))
        assert await asyncio.to_thread(began.wait, 10)
        slots.stop([job_id(1)], Stop.CANCEL)
        report = await room.finished()
        assert await room.reporter.all_settled(10)
        assert report.error is not None
        assert report.error.code == "job.cancelled"
        assert (slots.busy, slots.free, slots.idle.is_set()) == (1, 0, False)
        over.set()
        await idle(slots)
        assert slots.free == 1

    async def test_as_many_threads_may_run_as_there_are_slots(self, room):
        barrier = threading.Barrier(4, timeout=10)
        room.serve("work", lambda job, payload: barrier.wait() >= 0, Runs.THREAD)
        slots = room.slots(4)
        for number in range(4):
            room.start(slots, lease(number))
        for number in range(1, 5):
            assert (await room.finished(number)).outcome is Outcome.SUCCEEDED
        await slots.close()

    async def test_closing_does_not_wait_for_a_thread(self, room):
        began, over = threading.Event(), threading.Event()

        def stubborn(job, payload):
            began.set()
            over.wait(10)

        room.serve("work", stubborn, Runs.THREAD)
        slots = room.slots(1)
        room.start(slots, lease(1))
        assert await asyncio.to_thread(began.wait, 10)
        try:
            async with asyncio.timeout(5):
                await slots.close()
        finally:
            over.set()
        await idle(slots)


@pytest.mark.parametrize(("age_s", "sent"), [(23.999, 1), (24, 0)])
async def test_output_ends_exactly_where_the_lease_must_be_let_go(room, link, age_s, sent):
    async def talk(job, payload):
        await job.write("text")

    room.serve("work", talk)
    held = lease(1)
    room.book.granted(held, room.clock.now().steady - round(age_s * SECOND))
    room.slots().start(held)
    await room.finished()
    assert len(link.appends.asked) == sent
