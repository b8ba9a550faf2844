"""`Heart`: leases are renewed from a thread of its own, and jobs are let go before the gateway takes them back."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contract import limits
from contract.engine_link import Extended, HeartbeatAnswer, HeartbeatRequest, InstanceStats, QueueNews
from contract.errors import GatewayUnreachable
from engine.rules.leases import LeaseBook
from engine.runtime.heart import TICK_S, Heart
from kit.clock import SECOND, rfc3339
from tests.support.clock import ManualClock
from tests.support.fake_link import INSTANCE, FakeLink, extend_all, job_id, lease

EVERY_S = limits.HEARTBEAT_EVERY_S
LEASE_S = limits.LEASE_MS / 1000
LET_GO_S = LEASE_S * limits.LET_GO_AT


class Told:
    """What the heart said, in its own thread."""

    def __init__(self) -> None:
        self.let_go: list[str] = []
        self.cancel: list[str] = []
        self.threads: set[str] = set()
        self.something = threading.Event()

    def __call__(self, let_go: Sequence[str], cancel: Sequence[str]) -> None:
        self.let_go += let_go
        self.cancel += cancel
        self.threads.add(threading.current_thread().name)
        self.something.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def book() -> LeaseBook:
    return LeaseBook()


@pytest.fixture
def news() -> list[QueueNews]:
    """What it heard of the queue."""
    return []


@pytest.fixture
def make(link: FakeLink, book: LeaseBook, clock: ManualClock, told: Told, news: list[QueueNews]) -> Callable[..., Heart]:
    def made(every_s: float = EVERY_S) -> Heart:
        return Heart(link.opened, INSTANCE, book, clock, every_s, lambda: InstanceStats(slots=4, busy=1, spooled=2), told, news.append)

    return made


@pytest.fixture
def heart(make: Callable[..., Heart]) -> Heart:
    return make()


@asynccontextmanager
async def beating(heart: Heart) -> AsyncIterator[None]:
    heart.start()
    try:
        yield
    finally:
        async with asyncio.timeout(20):
            while heart._task is None:  # stop() does nothing before the thread has begun
                await asyncio.sleep(0)
            await heart.stop()


def grant(book: LeaseBook, clock: ManualClock, *numbers: int) -> None:
    for number in numbers:
        book.granted(lease(number), clock.now().steady)


class TestBeating:
    async def test_it_beats_at_its_time_and_not_before(self, heart: Heart, link: FakeLink, clock: ManualClock):
        clock.advance(EVERY_S - 0.001)
        await heart.tick(link)
        assert link.heartbeats.asked == []
        clock.advance(0.001)
        await heart.tick(link)
        assert len(link.heartbeats.asked) == 1

    async def test_it_beats_once_a_period_however_often_it_looks(self, heart: Heart, link: FakeLink, clock: ManualClock):
        for _ in range(100):
            clock.advance(0.5)
            await heart.tick(link)
        assert len(link.heartbeats.asked) == 5

    async def test_a_beat_names_everything_held_and_how_busy_it_is(self, heart, link, book, clock):
        grant(book, clock, 1, 2)
        book.ended(job_id(2), lease(2).token)
        clock.advance(EVERY_S)
        await heart.tick(link)
        (request,) = link.heartbeats.asked
        assert request.instance == INSTANCE
        assert [(held.job, held.token) for held in request.leases] == [(lease(n).job, lease(n).token) for n in (1, 2)]
        assert request.stats == InstanceStats(slots=4, busy=1, spooled=2)

    async def test_what_an_answer_tells_of_the_queue_is_handed_on(self, heart, link, clock, news):
        said = QueueNews(oldest_waiting_ms=12.5, arrivals=3, part=0.5)
        link.heartbeats.then(HeartbeatAnswer(queue=said), HeartbeatAnswer())
        for _ in range(2):
            clock.advance(EVERY_S)
            await heart.tick(link)
        assert news == [said]

    async def test_a_failed_beat_is_repeated_soon(self, heart, link, clock):
        link.heartbeats.then(GatewayUnreachable())
        clock.advance(EVERY_S)
        await heart.tick(link)
        clock.advance(1.999)
        await heart.tick(link)
        assert len(link.heartbeats.asked) == 1
        clock.advance(0.001)
        await heart.tick(link)
        assert len(link.heartbeats.asked) == 2

    async def test_a_failed_beat_of_a_fast_heart_waits_no_longer_than_a_period(self, make, link, clock):
        heart = make(0.5)
        link.heartbeats.then(GatewayUnreachable())
        clock.advance(0.5)
        await heart.tick(link)
        clock.advance(0.5)
        await heart.tick(link)
        assert len(link.heartbeats.asked) == 2

    async def test_a_wake_is_answered_with_a_beat_at_once(self, heart, link, clock):
        clock.sleep_machine(limits.SUSPEND_NOTICED_S + 0.001)
        await heart.tick(link)
        assert len(link.heartbeats.asked) == 1

    async def test_a_nap_shorter_than_noticed_waits_for_its_beat(self, heart, link, clock):
        clock.sleep_machine(limits.SUSPEND_NOTICED_S)
        await heart.tick(link)
        assert link.heartbeats.asked == []


class TestLettingGo:
    async def test_renewed_leases_go_on(self, heart, link, book, clock, told):
        grant(book, clock, 1)
        for _ in range(60):
            clock.advance(1)
            await heart.tick(link)
        assert told.let_go == []

    async def test_an_unrenewed_lease_is_let_go_at_four_fifths_and_not_before(self, heart, link, book, clock, told):
        link.heartbeats.then(*[GatewayUnreachable()] * 100)
        grant(book, clock, 1)
        clock.advance(LET_GO_S - 0.001)
        await heart.tick(link)
        assert told.let_go == []
        clock.advance(0.001)
        await heart.tick(link)
        assert told.let_go == [job_id(1)]

    async def test_a_lease_that_the_gateway_does_not_extend_is_let_go(self, heart, link, book, clock, told):
        link.heartbeats.then(*[HeartbeatAnswer(extended=[Extended(job=job_id(2), lease_ms=limits.LEASE_MS)])] * 100)
        grant(book, clock, 1, 2)
        clock.advance(EVERY_S)
        await heart.tick(link)
        clock.advance(LET_GO_S - EVERY_S)
        await heart.tick(link)
        assert told.let_go == [job_id(1)]

    async def test_a_slow_answer_renews_from_when_the_beat_was_sent(self, heart, link, book, clock, told):
        def slow(request: HeartbeatRequest) -> HeartbeatAnswer:
            clock.advance(9)
            return extend_all(request)

        link.heartbeats.then(slow, *[GatewayUnreachable()] * 100)
        grant(book, clock, 1)
        clock.advance(EVERY_S)
        await heart.tick(link)
        clock.advance(LET_GO_S - 9 - 0.001)
        await heart.tick(link)
        assert told.let_go == []
        clock.advance(0.001)
        await heart.tick(link)
        assert told.let_go == [job_id(1)]

    async def test_a_machine_that_slept_too_long_lets_go_although_the_gateway_is_away(self, heart, link, book, clock, told):
        link.heartbeats.then(GatewayUnreachable())
        grant(book, clock, 1)
        clock.sleep_machine(LET_GO_S)
        await heart.tick(link)
        assert told.let_go == [job_id(1)]

    async def test_a_machine_that_slept_goes_on_with_what_the_gateway_still_extends(self, heart, link, book, clock, told):
        grant(book, clock, 1)
        clock.sleep_machine(LET_GO_S)
        await heart.tick(link)
        assert told.let_go == []
        assert book.may_act(job_id(1), lease(1).token, clock.now().steady)

    async def test_a_spooled_report_is_not_let_go(self, heart, link, book, clock, told):
        link.heartbeats.then(*[GatewayUnreachable()] * 100)
        grant(book, clock, 1)
        book.ended(job_id(1), lease(1).token)
        clock.advance(1000)
        await heart.tick(link)
        assert told.let_go == []

    async def test_lost_and_cancelled_jobs_are_told(self, heart, link, book, clock, told):
        link.heartbeats.then(HeartbeatAnswer(lost=[job_id(1)], cancel=[job_id(2)]))
        grant(book, clock, 1, 2)
        clock.advance(EVERY_S)
        await heart.tick(link)
        assert (told.let_go, told.cancel) == ([job_id(1)], [job_id(2)])

    async def test_a_gateway_that_does_not_answer_does_not_delay_letting_go(self, heart, link, book, clock, told):
        link.heartbeats.then(asyncio.get_running_loop().create_future())
        grant(book, clock, 1)
        clock.advance(LET_GO_S)
        tick = asyncio.create_task(heart.tick(link))
        await link.heartbeats.arrived(1)
        let_go = list(told.let_go)
        tick.cancel()
        await asyncio.wait({tick})
        assert let_go == [job_id(1)]


class TestOwnThread:
    """The test's event loop is blocked, by an event that only the heart's thread can set."""

    async def test_it_beats_while_the_event_loop_is_blocked(self, make, link, clock, book):
        beats: list[HeartbeatRequest] = []
        three = threading.Event()

        def answer(request: HeartbeatRequest) -> HeartbeatAnswer:
            beats.append(request)
            clock.advance(0.001)
            if len(beats) == 3:
                three.set()
            return extend_all(request)

        link.heartbeats.then(*[answer] * 10_000)
        grant(book, clock, 1)
        async with beating(make(0.001)):
            clock.advance(0.001)
            assert three.wait(10)
        assert [held.job for held in beats[-1].leases] == [job_id(1)]

    async def test_leases_are_let_go_at_four_fifths_while_the_event_loop_is_blocked(self, make, link, clock, book, told):
        link.heartbeats.then(*[GatewayUnreachable()] * 100_000)
        grant(book, clock, 1)
        async with beating(make(0.001)):
            clock.advance(LET_GO_S)
            assert told.something.wait(10)
        assert set(told.let_go) == {job_id(1)}
        assert told.threads == {"flowork-heartbeat"}

    async def test_a_lease_that_is_not_due_is_kept_while_the_event_loop_is_blocked(self, make, link, clock, book, told):
        looked = threading.Semaphore(0)

        def away(_request: HeartbeatRequest) -> Any:
            looked.release()
            return GatewayUnreachable()

        link.heartbeats.then(*[away] * 10_000)
        grant(book, clock, 1)
        async with beating(make(0.001)):
            clock.advance(LET_GO_S - 2)
            seen = 0
            while seen < 5:
                clock.advance(0.0001)
                seen += looked.acquire(timeout=0.001)
            assert clock.now().steady < book._jobs[job_id(1)].let_go_at
        assert told.let_go == []

    async def test_it_lives_on_after_a_failure(self, make, link, clock):
        link.heartbeats.then(GatewayUnreachable(), GatewayUnreachable())
        async with beating(make(0.001)), asyncio.timeout(10):
            while len(link.heartbeats.asked) < 3:
                clock.advance(0.001)
                await asyncio.sleep(0)

    async def test_it_stops_in_the_middle_of_a_beat(self, make, link, clock):
        link.heartbeats.then(lambda _: asyncio.get_running_loop().create_future())
        heart = make(0.001)
        async with beating(heart):
            clock.advance(0.001)
            await link.heartbeats.arrived(1)
        assert not heart._thread.is_alive()

    async def test_it_has_a_link_of_its_own_which_it_closes(self, link, clock, book, told, news):
        loops: list[asyncio.AbstractEventLoop] = []
        closed = threading.Event()

        @asynccontextmanager
        async def opener() -> AsyncIterator[FakeLink]:
            loops.append(asyncio.get_running_loop())
            try:
                yield link
            finally:
                closed.set()

        heart = Heart(opener, INSTANCE, book, clock, 0.001, lambda: InstanceStats(slots=1, busy=0), told, news.append)
        async with beating(heart):
            clock.advance(0.001)
            await link.heartbeats.arrived(1)
            assert not closed.is_set()
        assert closed.is_set()
        assert loops[0] is not asyncio.get_running_loop()

    async def test_it_looks_often_enough_to_let_go_in_time(self, heart):
        assert heart._tick_s <= TICK_S
        assert LET_GO_S + TICK_S < LEASE_S

    async def test_it_tells_how_long_the_last_beat_took_and_how_far_the_clocks_are_apart(self, make, link, clock, caplog):
        heart = make()

        def answer(_request: HeartbeatRequest) -> HeartbeatAnswer:
            clock.advance(0.1)
            at = clock.now().wall - 60 * SECOND
            clock.advance(0.1)
            return HeartbeatAnswer(at=rfc3339(at))

        link.heartbeats.then(answer, answer)
        for _ in range(2):
            await heart._beat(link, clock.now().steady)
        first, second = (request.stats for request in link.heartbeats.asked)
        assert (first.lag_ms, first.clock_off_s) == (None, None)
        assert second.lag_ms == 200.0
        assert second.clock_off_s == pytest.approx(60.0)
        assert [record.getMessage() for record in caplog.records] == ["engine.clock_off"]  # said once, not at every beat

    async def test_it_can_be_stopped_before_its_thread_has_begun(self, make, monkeypatch):
        begin, joined = threading.Event(), threading.Event()
        heart = make(0.001)
        run, join = heart._main, heart._thread.join

        async def late() -> None:
            begin.wait(10)
            await run()

        def joining() -> None:
            joined.set()
            join()

        monkeypatch.setattr(heart, "_main", late)
        monkeypatch.setattr(heart._thread, "join", joining)
        heart.start()
        stopping = asyncio.create_task(heart.stop())
        assert await asyncio.to_thread(joined.wait, 10)
        begin.set()
        try:
            async with asyncio.timeout(10):
                await asyncio.shield(stopping)
        finally:
            await stopping


def test_the_first_beat_after_a_renewal_failed_comes_before_the_lease_is_let_go():
    """Two periods and a retry fit into the 80 %, so that one lost heartbeat costs nothing."""
    assert 2 * EVERY_S + 2 <= LET_GO_S
    assert round(EVERY_S * SECOND) * 3 <= limits.LEASE_MS * 1000
