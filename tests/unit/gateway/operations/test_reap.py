"""The reaper: asleep until the next deadline, there when it comes, and not put off by a queue that fails."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from contract.errors import EngineUnknown, FloworkError, ShardUnavailable, StorageFailed, StorageFull
from contract.words import JobState
from gateway.operations.reap import LOOK_AGAIN_S, RETRY_US, Reaper
from gateway.store.control import EngineRow, open_control
from gateway.store.directory import LocalShards
from gateway.store.seam import Claim, Committed, Reaped
from kit.clock import SECOND, SleepWatch
from kit.tasks import crew
from tests.support.clock import ManualClock
from tests.support.queue import GRACE_S, LEASE_S, admit, chance, draft, limits

TOLERANCE_US = 2 * SECOND
PATIENCE_S = 10.0


@dataclass
class FakeShards:
    """Queues that note when they were reaped, and answer what they are told to."""

    clock: ManualClock
    answers: dict[str, list[Reaped | FloworkError]] = field(default_factory=dict)
    unusable: dict[str, FloworkError] = field(default_factory=dict)
    reaped: list[tuple[str, float]] = field(default_factory=list)
    held: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = self.clock.steady

    @contextlib.asynccontextmanager
    async def use(self, engine: str) -> AsyncIterator["FakeShard"]:
        if engine in self.unusable:
            self.reaped.append((engine, self.seconds()))
            raise self.unusable[engine]
        yield FakeShard(self, engine)

    def open_now(self) -> list["FakeShard"]:
        return [FakeShard(self, "open")]

    def seconds(self) -> float:
        return round((self.clock.steady - self.began) / SECOND, 2)


@dataclass
class FakeShard:
    """One of them."""

    shards: FakeShards
    engine: str

    async def reap(self) -> Reaped:
        self.shards.reaped.append((self.engine, self.shards.seconds()))
        answers = self.shards.answers.get(self.engine, [])
        answer = answers.pop(0) if answers else Reaped()
        if isinstance(answer, FloworkError):
            raise answer
        return answer

    def hold_leases(self, for_us: int) -> None:
        self.shards.held.append((self.engine, for_us))


@dataclass
class FakeSources:
    """The engines that control.db knows."""

    rows: list[EngineRow] = field(default_factory=list)

    def engines(self) -> list[EngineRow]:
        return self.rows


@dataclass
class Yard:
    """A reaper in jumping time."""

    jumping: Callable
    clock: ManualClock = field(default_factory=ManualClock)
    sources: FakeSources = field(default_factory=FakeSources)

    def __post_init__(self) -> None:
        self.shards = FakeShards(self.clock)

    def for_seconds(self, seconds: float, begin: Callable[[Reaper], None]):
        """Let a reaper run for so long after `begin`; the waits of its loop."""

        async def body() -> None:
            watch = SleepWatch(self.clock, TOLERANCE_US)
            reaper = Reaper(self.shards, self.sources, self.clock, watch, GRACE_S * SECOND)
            async with crew() as tasks:
                tasks.start(reaper.run(), "reaper")
                begin(reaper)
                await asyncio.sleep(seconds)

        return self.jumping(body, self.clock).waits


@pytest.fixture
def yard(in_jumping_time) -> Yard:
    return Yard(in_jumping_time)


def test_a_queue_is_reaped_when_its_deadline_comes_and_not_before(yard: Yard):
    yard.for_seconds(10, lambda reaper: reaper.falls_due("a", 4 * SECOND))
    assert yard.shards.reaped == [("a", 4.0)]


def test_what_is_due_at_once_is_done_at_once(yard: Yard):
    yard.for_seconds(1, lambda reaper: reaper.falls_due("a", -5))
    assert yard.shards.reaped == [("a", 0.0)]


def test_with_nothing_due_nothing_wakes(yard: Yard):
    assert yard.for_seconds(10_000, lambda _: None) == [10_000]


def test_towards_a_far_deadline_it_looks_at_the_clock_now_and_then_and_reaps_once(yard: Yard):
    """Timers stand still while the machine sleeps; the clock that does not is read again."""
    waits = yard.for_seconds(100, lambda reaper: reaper.falls_due("a", 70 * SECOND))
    assert yard.shards.reaped == [("a", 70.0)]
    assert waits[0] == pytest.approx(LOOK_AGAIN_S)
    assert len(waits) == 4


def test_an_earlier_deadline_wins_and_a_later_one_changes_nothing(yard: Yard):
    def begin(reaper: Reaper) -> None:
        for seconds in (8, 3, 20):
            reaper.falls_due("a", seconds * SECOND)

    yard.for_seconds(30, begin)
    assert yard.shards.reaped == [("a", 3.0)]


def test_a_nearer_deadline_that_comes_up_while_it_sleeps_wakes_it(yard: Yard):
    def begin(reaper: Reaper) -> None:
        reaper.falls_due("a", 20 * SECOND)
        asyncio.get_running_loop().call_later(5, reaper.falls_due, "b", 2 * SECOND)

    yard.for_seconds(30, begin)
    assert yard.shards.reaped == [("b", 7.0), ("a", 20.0)]


def test_the_next_deadline_that_the_queue_tells_is_kept(yard: Yard):
    yard.shards.answers["a"] = [Reaped(next_in_us=5 * SECOND), Reaped(next_in_us=None)]
    yard.for_seconds(60, lambda reaper: reaper.falls_due("a", SECOND))
    assert yard.shards.reaped == [("a", 1.0), ("a", 6.0)]


def test_a_full_batch_is_followed_by_another_at_once(yard: Yard):
    yard.shards.answers["a"] = [Reaped(expired=500, more=True, next_in_us=50 * SECOND)] * 2 + [Reaped(next_in_us=None)]
    yard.for_seconds(60, lambda reaper: reaper.falls_due("a", 0))
    assert [engine for engine, _ in yard.shards.reaped] == ["a", "a", "a"]
    assert yard.shards.reaped[-1][1] < 0.1


@pytest.mark.parametrize("trouble", [StorageFull, StorageFailed])
def test_a_disk_that_is_full_is_tried_again_after_a_while(yard: Yard, trouble: type[FloworkError]):
    yard.shards.answers["a"] = [trouble(), trouble(), Reaped()]
    yard.for_seconds(60, lambda reaper: reaper.falls_due("a", 0))
    assert yard.shards.reaped == [("a", 0.0), ("a", RETRY_US / SECOND), ("a", 2 * RETRY_US / SECOND)]


@pytest.mark.parametrize("trouble", [ShardUnavailable, EngineUnknown])
def test_a_queue_that_cannot_be_opened_is_left_alone_and_the_others_are_reaped(yard: Yard, trouble: type[FloworkError]):
    yard.shards.unusable["a"] = trouble()

    def begin(reaper: Reaper) -> None:
        reaper.falls_due("a", 0)
        reaper.falls_due("b", 0)
        reaper.falls_due("b", 9 * SECOND)

    yard.for_seconds(60, begin)
    assert yard.shards.reaped == [("a", 0.0), ("b", 0.0)]


def test_closed_queues_are_opened_at_the_time_they_left_in_control(yard: Yard):
    wall = yard.clock.wall
    yard.sources.rows = [
        EngineRow("later", "l", True, wall + 7 * SECOND),
        EngineRow("overdue", "o", True, wall - 7 * SECOND),
        EngineRow("crashed", "c", True, 0),
        EngineRow("content", "n", True, None),
        EngineRow("unmade", "u", False, 0),
    ]
    yard.for_seconds(60, lambda reaper: reaper.schedule_closed())
    assert yard.shards.reaped == [("overdue", 0.0), ("crashed", 0.0), ("later", 7.0)]


def test_after_a_sleep_of_the_machine_leases_are_held_before_anything_is_reaped(yard: Yard):
    held_when_reaped: list[int] = []

    async def reap(shard: FakeShard) -> Reaped:
        held_when_reaped.append(len(yard.shards.held))
        return Reaped()

    def begin(reaper: Reaper) -> None:
        def wake() -> None:
            yard.clock.sleep_machine(3600)
            reaper.falls_due("b", 0)

        reaper.falls_due("a", 20 * SECOND)
        asyncio.get_running_loop().call_later(1, wake)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FakeShard, "reap", reap)
        yard.for_seconds(30, begin)
    assert yard.shards.held == [("open", GRACE_S * SECOND)]
    assert held_when_reaped == [1, 1]


def test_a_sleep_is_noticed_at_the_latest_when_it_looks_again(yard: Yard):
    def begin(reaper: Reaper) -> None:
        reaper.falls_due("a", 90 * 60 * SECOND)
        asyncio.get_running_loop().call_later(1, yard.clock.sleep_machine, 3600)

    yard.for_seconds(LOOK_AGAIN_S + 5, begin)
    assert yard.shards.held == [("open", GRACE_S * SECOND)]
    assert yard.shards.reaped == []


def test_a_short_nap_holds_no_leases(yard: Yard):
    def begin(reaper: Reaper) -> None:
        reaper.falls_due("a", 20 * SECOND)
        asyncio.get_running_loop().call_later(1, yard.clock.sleep_machine, 1)

    yard.for_seconds(60, begin)
    assert yard.shards.held == []


@pytest.mark.parametrize("slept", [False, True])
async def test_a_lease_lives_through_a_sleep_of_the_machine_and_dies_of_silence(tmp_path, slept: bool):
    """With a real queue: what ran out asleep gets one heartbeat to be renewed, what ran out awake is taken back."""
    clock = ManualClock()
    async with open_control(tmp_path / "control.db") as (control, _people):
        await control.add_engine("aaaa", "lab", 1)
        reaped: asyncio.Queue[str] = asyncio.Queue()
        reaper: Reaper
        shards = LocalShards(tmp_path / "shards", control, limits(), clock, chance(), lambda *_: reaped.put_nowait("commit"), 64)
        reaper = Reaper(shards, FakeSources(), clock, SleepWatch(clock, TOLERANCE_US), GRACE_S * SECOND)
        async with shards.use("aaaa") as store:
            (accepted,) = await store.submit("ann", [draft()], admit)
            await store.claim(Claim("i", "a", ("echo",), 1, clock.steady))
            while not reaped.empty():
                reaped.get_nowait()
            async with crew() as tasks:
                tasks.start(reaper.run(), "reaper")
                (clock.sleep_machine if slept else clock.advance)(LEASE_S + GRACE_S)
                reaper.falls_due("aaaa", 0)
                async with asyncio.timeout(PATIENCE_S):
                    await reaped.get()
            detail = await store.job("ann", accepted.job.uuid)
        assert detail.job.state is (JobState.RUNNING if slept else JobState.QUEUED)
        await shards.close_all()


async def test_a_failure_nobody_foresaw_ends_the_owner_instead_of_reaping_no_more():
    clock = ManualClock()
    shards = FakeShards(clock)
    shards.unusable["a"] = ZeroDivisionError()
    reaper = Reaper(shards, FakeSources(), clock, SleepWatch(clock, TOLERANCE_US), 0)
    with pytest.raises(ExceptionGroup) as failure:
        async with asyncio.timeout(PATIENCE_S), crew() as tasks:
            tasks.start(reaper.run(), "reaper")
            reaper.falls_due("a", 0)
            await asyncio.Event().wait()
    assert failure.group_contains(ZeroDivisionError)


async def test_a_repaired_queue_is_reaped_when_it_is_used_again(tmp_path):
    clock = ManualClock()
    async with open_control(tmp_path / "control.db") as (control, _people):
        await control.add_engine("aaaa", "lab", 1)

        def heard(engine: str, committed: Committed) -> None:
            if committed.due_in_us is not None:
                reaper.falls_due(engine, committed.due_in_us)

        shards = LocalShards(tmp_path / "shards", control, limits(), clock, chance(), heard, 64)
        reaper = Reaper(shards, FakeSources(), clock, SleepWatch(clock, TOLERANCE_US), GRACE_S * SECOND)
        file = tmp_path / "shards" / "aaaa.db"
        async with shards.use("aaaa") as store:
            await store.submit("ann", [draft(run_at=clock.wall + 60 * SECOND)], admit)
        await shards.close("aaaa")
        good = file.read_bytes()
        file.write_bytes(b"my diary\n" * 1000)
        reaper._due.clear()
        await reaper._reap("aaaa")
        assert "aaaa" in shards.refusals()
        file.write_bytes(good)
        async with shards.use("aaaa") as store:
            await store.claim(Claim("i", "a", ("echo",), 1, clock.steady))
        await shards.close_all()
        assert "aaaa" in reaper._due
