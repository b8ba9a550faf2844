"""Group commit: many callers, one fsync, and nobody pays for another's failure."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract.errors import GatewayStopping, JobNotFound, StorageFailed, StorageFull
from contract.words import EventName
from gateway.store.seam import Committed, StoredEvent
from gateway.store.writer import Tx, Writer
from tests.support.clock import ManualClock

PATIENCE_S = 10.0


@dataclass
class Desk:
    """A writer on a file with one table, and all that was told of it, in order."""

    path: Path
    commit_max: int = 256
    clock: ManualClock = field(default_factory=ManualClock)
    told: list[Any] = field(default_factory=list)
    commits: list[Committed] = field(default_factory=list)

    def __post_init__(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS kept(value TEXT UNIQUE)")
        self.connection = connection
        self.writer = Writer(connection, self.clock, "test", self._committed, self.commit_max)

    def _committed(self, committed: Committed) -> None:
        self.commits.append(committed)
        self.told.append("commit")

    async def run(self, work: Callable[[Tx], Any]) -> Any:
        answer = await self.writer.run(work)
        self.told.append(answer)
        return answer

    def kept(self) -> list[str]:
        reading = sqlite3.connect(self.path)
        try:
            return [value for (value,) in reading.execute("SELECT value FROM kept ORDER BY rowid")]
        finally:
            reading.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "kept.db")
    yield made
    await made.writer.close()


def keep(value: str) -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tx.execute("INSERT INTO kept VALUES (?)", (value,))
        return value

    return work


def fail(error: Exception) -> Callable[[Tx], None]:
    def work(_tx: Tx) -> None:
        raise error

    return work


class Gate:
    """Work that holds the writer's thread until it is let go."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, _tx: Tx) -> str:
        self.entered.set()
        assert self.open.wait(PATIENCE_S)
        return "gate"


async def test_what_was_answered_is_durable(desk: Desk):
    assert await desk.run(keep("a")) == "a"
    assert desk.kept() == ["a"]


async def test_callers_that_come_together_share_one_commit(desk: Desk):
    answers = await asyncio.gather(*(desk.run(keep(str(n))) for n in range(16)))
    assert answers == [str(n) for n in range(16)]
    assert (desk.writer.stats.commits, desk.writer.stats.calls) == (1, 16)
    assert len(desk.commits) == 1


async def test_what_gathers_while_one_is_being_written_goes_into_the_next(desk: Desk):
    gate = Gate()
    first = asyncio.create_task(desk.run(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    rest = []
    for n in range(5):  # in turns of the loop of their own
        rest.append(asyncio.create_task(desk.run(keep(str(n)))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, *rest)
    assert (desk.writer.stats.commits, desk.writer.stats.calls) == (2, 6)


async def test_works_run_in_the_order_they_came_and_are_answered_in_it(desk: Desk):
    await asyncio.gather(*(desk.run(keep(str(n))) for n in range(20)))
    assert desk.kept() == [str(n) for n in range(20)]
    assert desk.told == ["commit", *map(str, range(20))]


async def test_no_commit_is_larger_than_allowed(tmp_path: Path):
    desk = Desk(tmp_path / "kept.db", commit_max=3)
    await asyncio.gather(*(desk.run(keep(str(n))) for n in range(8)))
    assert (desk.writer.stats.commits, desk.writer.stats.calls) == (3, 8)
    assert desk.kept() == [str(n) for n in range(8)]
    await desk.writer.close()


async def test_a_failing_work_fails_its_caller_only(desk: Desk):
    answers = await asyncio.gather(
        desk.run(keep("a")), desk.run(fail(ZeroDivisionError("mine"))), desk.run(keep("b")), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["a", "mine", "b"]
    assert desk.kept() == ["a", "b"]
    assert len(desk.commits) == 2


async def test_what_a_failing_work_wrote_is_taken_back(desk: Desk):
    def half(tx: Tx) -> None:
        keep("half")(tx)
        tx.events.append(StoredEvent("ann", 1, EventName.JOB_UPDATED, 0, {}))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await desk.run(half)
    assert desk.kept() == []
    assert desk.commits == []
    assert await desk.run(keep("after")) == "after"


async def test_our_own_errors_reach_the_caller_as_they_are(desk: Desk):
    refusal = JobNotFound("none here")
    with pytest.raises(JobNotFound) as raised:
        await desk.run(fail(refusal))
    assert raised.value is refusal


async def test_a_database_error_is_told_as_a_failed_storage_and_its_batch_goes_on(desk: Desk):
    await desk.run(keep("a"))
    answers = await asyncio.gather(desk.run(keep("a")), desk.run(keep("b")), return_exceptions=True)
    assert isinstance(answers[0], StorageFailed)
    assert answers[1] == "b"


async def test_a_full_disk_is_told_as_such_and_nothing_of_it_is_kept(desk: Desk):
    (pages,) = desk.connection.execute("PRAGMA page_count").fetchone()
    desk.connection.execute(f"PRAGMA max_page_count = {pages}")
    answers = await asyncio.gather(desk.run(keep("x" * 100_000)), desk.run(keep("small")), return_exceptions=True)
    assert isinstance(answers[0], StorageFull)
    assert answers[1] == "small"
    desk.connection.execute("PRAGMA max_page_count = 1000000")
    assert await desk.run(keep("again")) == "again"
    assert desk.kept() == ["small", "again"]


async def test_a_commit_is_told_before_its_callers_go_on(desk: Desk):
    await asyncio.gather(desk.run(keep("a")), desk.run(keep("b")))
    await desk.run(keep("c"))
    assert desk.told == ["commit", "a", "b", "commit", "c"]


async def test_a_commit_tells_the_events_and_the_earliest_deadline_of_all_its_works(desk: Desk):
    def due(name: str, *seconds: int) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            tx.events.append(StoredEvent(name, 1, EventName.JOB_UPDATED, tx.now.wall, {}))
            for second in seconds:
                tx.falls_due(second)

        return work

    await asyncio.gather(desk.run(due("a", 9, 7)), desk.run(due("b", 8)), desk.run(due("c")))
    (commit,) = desk.commits
    assert [event.user for event in commit.events] == ["a", "b", "c"]
    assert (commit.due_in_us, commit.at) == (7, desk.clock.steady)
    await desk.run(due("d"))
    assert desk.commits[-1].due_in_us is None


async def test_events_of_a_batch_that_was_taken_apart_are_told_once(desk: Desk):
    def tell(name: str) -> Callable[[Tx], None]:
        return lambda tx: tx.events.append(StoredEvent(name, 1, EventName.JOB_UPDATED, 0, {}))

    await asyncio.gather(desk.run(tell("a")), desk.run(fail(ZeroDivisionError())), desk.run(tell("b")), return_exceptions=True)
    assert [[event.user for event in commit.events] for commit in desk.commits] == [["a"], ["b"]]


async def test_works_of_one_commit_share_its_time(desk: Desk):
    times = await asyncio.gather(desk.run(lambda tx: tx.now), desk.run(lambda tx: tx.now))
    assert times[0] == times[1] == desk.clock.now()


async def test_a_caller_who_left_does_not_hold_up_the_others(desk: Desk):
    gate = Gate()
    leaving, staying = asyncio.create_task(desk.run(gate)), asyncio.create_task(desk.run(keep("b")))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    leaving.cancel()
    gate.open.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await staying == "b"
    assert leaving.cancelled()


async def test_closing_commits_and_answers_what_was_handed_in_and_takes_no_more(desk: Desk):
    gate = Gate()
    first = asyncio.create_task(desk.run(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    last = asyncio.create_task(desk.run(keep("last")))
    await asyncio.sleep(0)  # handed in, not yet handed over
    closing = asyncio.create_task(desk.writer.close())
    await asyncio.sleep(0)
    with pytest.raises(GatewayStopping):
        await desk.run(keep("late"))
    gate.open.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(first, last) == ["gate", "last"]
        await closing
    assert desk.kept() == ["last"]


async def test_after_closing_connection_and_thread_are_gone_and_closing_again_does_nothing(desk: Desk):
    await desk.run(keep("a"))
    await desk.writer.close()
    with pytest.raises(sqlite3.ProgrammingError):
        desk.connection.execute("SELECT 1")
    assert not desk.writer._thread.is_alive()
    await desk.writer.close()
    with pytest.raises(GatewayStopping):
        await desk.run(keep("b"))


async def test_the_last_answer_comes_before_the_close_returns(desk: Desk):
    last = asyncio.create_task(desk.run(keep("last")))
    await asyncio.sleep(0)
    await desk.writer.close()
    assert len(desk.commits) == 1
    async with asyncio.timeout(PATIENCE_S):
        assert await last == "last"
