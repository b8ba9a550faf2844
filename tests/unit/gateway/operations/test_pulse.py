"""What follows a commit: events, wakes, deadlines, and start delays from claimable to lease."""

import asyncio

import pytest

from contract.admin import Percentiles
from contract.engine_link import Append, AppendRequest, Failure, FinishRequest
from contract.words import Outcome
from gateway.operations.pulse import WINDOW_US, StartDelays
from gateway.operations.wake import Hint
from kit.clock import SECOND, rfc3339
from tests.support.clock import ManualClock
from tests.support.queue import GRACE_S, LEASE_S

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
NOTHING = Percentiles(count=0, p50=None, p95=None, p99=None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def delays(clock: ManualClock) -> StartDelays:
    return StartDelays(clock)


def lease(delays: StartDelays, clock: ManualClock, count: int, engine: str = "e") -> None:
    for number in range(count):
        delays.ready(engine, "echo", f"{engine}{number}", clock.steady)
        delays.leased(engine, "echo", f"{engine}{number}", clock.steady)


def waiting(delays: StartDelays) -> list[str]:
    return [job for jobs in delays._waiting.values() for job in jobs]


def test_the_delay_runs_from_claimable_to_lease_in_milliseconds(delays: StartDelays, clock: ManualClock):
    for number in range(1, 101):
        delays.ready("e", "echo", f"j{number}", clock.steady)
        delays.leased("e", "echo", f"j{number}", clock.steady + number * 1000)
    assert delays.of("e") == Percentiles(count=100, p50=50.0, p95=95.0, p99=99.0)
    assert delays.of("other") == NOTHING


def test_samples_leave_after_fifteen_minutes(delays: StartDelays, clock: ManualClock):
    lease(delays, clock, 1)
    clock.advance(WINDOW_US / SECOND)
    assert delays.of("e").count == 1
    clock.advance(0.000001)
    assert delays.of("e") == NOTHING


def test_a_lease_of_a_job_that_was_never_seen_claimable_is_not_measured(delays: StartDelays, clock: ManualClock):
    delays.leased("e", "echo", "j", clock.steady)
    assert delays.of("e") == NOTHING


def test_a_job_that_left_without_a_lease_leaves_no_trace(delays: StartDelays, clock: ManualClock):
    delays.ready("e", "echo", "j", clock.steady)
    delays.gone("e", "echo", "j")
    delays.leased("e", "echo", "j", clock.steady)
    assert (delays.of("e"), waiting(delays)) == (NOTHING, [])


class TestQueue:
    def test_the_oldest_of_the_asked_kinds_counts_until_it_is_leased_or_gone(self, delays: StartDelays, clock: ManualClock):
        for kind, job in (("slow", "j1"), ("echo", "j2"), ("echo", "j3")):
            delays.ready("e", kind, job, clock.steady)
            clock.advance(1)
        assert delays.oldest_waiting_ms("e", ["echo", "slow"]) == 3000
        assert delays.oldest_waiting_ms("e", ["echo"]) == 2000
        delays.leased("e", "echo", "j2", clock.steady)
        assert delays.oldest_waiting_ms("e", ["echo", "unheard"]) == 1000
        delays.gone("e", "echo", "j3")
        assert (delays.oldest_waiting_ms("e", ["echo"]), delays.oldest_waiting_ms("other", ["slow"])) == (None, None)

    def test_arrivals_are_counted_per_engine_and_kind_whatever_became_of_them(self, delays: StartDelays, clock: ManualClock):
        lease(delays, clock, 3)
        delays.ready("e", "slow", "j", clock.steady)
        delays.gone("e", "slow", "j")
        assert [delays.arrivals("e", kinds) for kinds in (["echo"], ["slow"], ["echo", "slow"], [])] == [3, 1, 4, 0]
        assert delays.arrivals("other", ["echo"]) == 0

    async def test_a_job_that_comes_back_has_not_arrived_again(self, rooms):
        await rooms.job()
        (lease,) = (await rooms.claim()).leases
        await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.GIVEN_BACK))
        assert (rooms.delays.arrivals(LAB, ["echo"]), rooms.delays.oldest_waiting_ms(LAB, ["echo"])) == (1, None)


def test_the_rate_is_of_the_last_minute_and_unknown_without_leases(delays: StartDelays, clock: ManualClock):
    assert delays.per_second("e") is None
    clock.advance(1)
    lease(delays, clock, 30)
    assert delays.per_second("e") == 0.5
    clock.advance(60)
    assert delays.per_second("e") is None


def test_the_rate_is_at_most_a_second_old_and_not_counted_for_every_submit(delays: StartDelays, clock: ManualClock):
    lease(delays, clock, 6)
    assert delays.per_second("e") == 0.1
    lease(delays, clock, 6)
    clock.advance(0.999999)
    assert delays.per_second("e") == 0.1
    clock.advance(0.000001)
    assert delays.per_second("e") == 0.2


def test_each_engine_has_its_own_rate(delays: StartDelays, clock: ManualClock):
    lease(delays, clock, 6, "e")
    assert (delays.per_second("e"), delays.per_second("f")) == (0.1, None)


async def test_a_submitted_job_is_measured_until_its_first_lease(rooms):
    await rooms.job()
    rooms.clock.advance(0.25)
    await rooms.claim()
    assert rooms.delays.of(LAB) == Percentiles(count=1, p50=250.0, p95=250.0, p99=250.0)


async def test_a_scheduled_job_is_measured_from_its_promotion(rooms):
    await rooms.job(run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
    assert waiting(rooms.delays) == []
    rooms.clock.advance(61)
    await rooms.directory.stores[LAB].reap()
    rooms.clock.advance(0.1)
    await rooms.claim()
    assert rooms.delays.of(LAB).p50 == 100.0


async def test_a_retry_is_not_measured(rooms):
    await rooms.job()
    (lease,) = (await rooms.claim()).leases
    failure = Failure(code="x", message="x")
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.FAILED, error=failure))
    rooms.clock.advance(60)
    await rooms.directory.stores[LAB].reap()
    rooms.clock.advance(60)
    assert len((await rooms.claim()).leases) == 1
    assert rooms.delays.of(LAB).count == 1


async def test_a_job_given_back_is_not_measured_again(rooms):
    await rooms.job()
    (lease,) = (await rooms.claim()).leases
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.GIVEN_BACK))
    rooms.clock.advance(60)
    assert len((await rooms.claim()).leases) == 1
    assert rooms.delays.of(LAB).count == 1


@pytest.mark.parametrize("end", ["cancelled", "deleted", "expired"])
async def test_a_job_that_ends_before_a_lease_leaves_nothing_to_be_remembered(rooms, end: str):
    job = await rooms.job(expires_in=5 if end == "expired" else None)
    assert waiting(rooms.delays) == [job]
    if end == "expired":
        rooms.clock.advance(6)
        await rooms.directory.stores[LAB].reap()
    else:
        await rooms.change.cancel("ann", job)
    if end == "deleted":
        await rooms.change.delete("ann", job)
    assert waiting(rooms.delays) == []
    assert rooms.delays.of(LAB) == NOTHING


async def test_every_event_of_a_commit_is_published_with_its_source(rooms):
    heard: list[tuple[str, str, int]] = []
    rooms.fanout.listen(lambda user, event: heard.append((user, event.source, event.seq)))
    await rooms.job("ann")
    await rooms.job("ann", engine="den")
    await rooms.job("bob")
    assert heard == [("ann", LAB, 1), ("ann", DEN, 1), ("bob", LAB, 1)]


async def test_deadlines_go_to_the_reaper_with_their_engine(rooms):
    await rooms.job(engine="den", run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
    assert rooms.due[-1] == (DEN, 60 * SECOND)


class TestWakes:
    async def test_each_job_that_becomes_claimable_wakes_one_who_takes_it(self, rooms):
        with rooms.wake.waiting(LAB, ["echo"], wants_work=True) as one, rooms.wake.waiting(LAB, ["echo"], wants_work=True) as two:
            await rooms.job()
            assert (one.hint.done(), two.hint.done()) == (True, False)
            await rooms.job()
            assert two.hint.done()

    async def test_a_job_that_waits_for_its_time_wakes_nobody_until_then(self, rooms):
        with rooms.wake.waiting(LAB, ["echo"], wants_work=True) as waiter:
            await rooms.job(run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
            assert not waiter.hint.done()
            rooms.clock.advance(60)
            await rooms.directory.stores[LAB].reap()
            assert waiter.hint.result() is Hint.WORK

    async def test_a_failed_job_wakes_somebody_only_when_its_wait_is_over(self, rooms):
        await rooms.job()
        (lease,) = (await rooms.claim()).leases
        with rooms.wake.waiting(LAB, ["echo"], wants_work=True) as waiter:
            finish = FinishRequest(token=lease.token, outcome=Outcome.FAILED, error=Failure(code="x", message="x"))
            await rooms.reporting.finish(LAB, lease.job, finish)
            assert not waiter.hint.done()
            rooms.clock.advance(60)
            await rooms.directory.stores[LAB].reap()
            assert waiter.hint.result() is Hint.WORK

    async def test_a_lost_lease_and_a_redrive_wake_somebody(self, rooms):
        job = await rooms.job(max_attempts=1)
        await rooms.claim()
        with rooms.wake.waiting(LAB, ["echo"], wants_work=True) as waiter:
            rooms.clock.advance(LEASE_S + GRACE_S)
            await rooms.directory.stores[LAB].reap()
            assert waiter.hint.result() is Hint.WORK
            waiter.rearm()
            (lease,) = (await rooms.claim(2)).leases
            await rooms.reporting.finish(LAB, job, FinishRequest(token=lease.token, outcome=Outcome.REFUSED))
            await rooms.change.redrive("ann", job)
            assert waiter.hint.result() is Hint.WORK

    async def test_a_cancel_of_a_running_job_is_news_for_its_engine_and_progress_is_not(self, rooms):
        job = await rooms.job()
        (lease,) = (await rooms.claim()).leases
        with rooms.wake.waiting(LAB, [], wants_work=False) as waiter, rooms.wake.waiting(DEN, [], wants_work=False) as other:
            said = Append(job=job, token=lease.token, progress=0.5)
            await rooms.reporting.append(LAB, AppendRequest(instance="0" * 32, items=[said]))
            assert not waiter.hint.done()
            await rooms.change.cancel("ann", job)
            assert (waiter.hint.result(), other.hint.done()) == (Hint.NEWS, False)

    async def test_wakes_come_after_the_commit_so_that_a_look_finds_the_job(self, rooms):
        found = []

        async def wait_and_look() -> None:
            with rooms.wake.waiting(LAB, ["echo"], wants_work=True) as waiter:
                await waiter.hint
                found.append((await rooms.directory.stores[LAB].load()).queued)

        waiting = asyncio.create_task(wait_and_look())
        await rooms.waiters(1)
        await rooms.job()
        async with asyncio.timeout(10):
            await waiting
        assert found == [1]
