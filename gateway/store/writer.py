"""One writer per open database, with group commit.

Callers hand in functions; what is waiting is run in one `BEGIN IMMEDIATE ... COMMIT` and answered together after the
commit, so that sixteen callers pay for one fsync. Nothing waits on purpose: a batch is what gathered while the one
before it was being written. Measured against aiosqlite in docs/adr/0003-shard-writer.md.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from contract.errors import GatewayStopping
from contract.kinds import Usage
from gateway.store.files import translated
from gateway.store.seam import Committed, StoredEvent
from kit.clock import Clock, Now
from kit.logs import Log

T = TypeVar("T")
BATCH_MAX = 256

log = Log("store.writer")


class Tx:
    """An open transaction: its connection, its time, and the events to publish once it is durable."""

    __slots__ = ("connection", "due_in_us", "events", "execute", "now", "usages")

    def __init__(self, connection: sqlite3.Connection, now: Now) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.now = now
        self.events: list[StoredEvent] = []
        self.usages: list[Usage] = []
        self.due_in_us: int | None = None

    def falls_due(self, in_us: int) -> None:
        """Note that something written here wants `reap` after so many microseconds."""
        if self.due_in_us is None or in_us < self.due_in_us:
            self.due_in_us = in_us


@dataclass(slots=True)
class _Call:
    work: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    at: int
    """Steady time at which it was asked for."""
    outcome: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class WriterStats:
    """Counts since the start."""

    commits: int = 0
    calls: int = 0


class Writer:
    """Owns a writing connection and the thread that uses it. Bound to the running event loop."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, name: str, on_commit: Callable[[Committed], None], commit_max: int = BATCH_MAX
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._on_commit = on_commit
        self._commit_max = commit_max
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Call] = []
        self._queue: queue.SimpleQueue[list[_Call] | None] = queue.SimpleQueue()
        self._closing = False
        self.stats = WriterStats()
        self._thread = threading.Thread(target=self._run, name=f"writer-{name}", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction; returns after it is durable. `work` may run twice and must touch only its Tx.

        Raises:
            StorageFull: the disk has no room; nothing of the batch was kept.
            StorageFailed: the file could not be written.
        """
        if self._closing:
            raise GatewayStopping
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._gathered:
            # One hand-over per turn of the loop: callers that wake together commit together.
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Call(work, future, self._clock.now().steady))
        return await future

    async def close(self) -> None:
        """Commit what was handed in, then end the thread and close the connection."""
        if self._closing:
            return
        self._closing = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        waiting: list[_Call] = []
        open_for_more = True
        while open_for_more or waiting:
            if not waiting:
                first = self._queue.get()
                open_for_more = first is not None
                waiting.extend(first or ())
            with contextlib.suppress(queue.Empty):
                while open_for_more and len(waiting) < self._commit_max:
                    more = self._queue.get_nowait()
                    open_for_more = more is not None
                    waiting.extend(more or ())
            batch, waiting = waiting[: self._commit_max], waiting[self._commit_max :]
            if batch:
                self._commit(batch)
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()

    def _commit(self, batch: list[_Call]) -> None:
        committed = self._try(batch)
        if committed is None and len(batch) > 1:
            # Somebody's work failed and took the transaction along: find out whose, each in its own.
            for call in batch:
                call.error = None
                alone = self._try([call])
                self._answer([call], alone)
            return
        self._answer(batch, committed)

    def _try(self, batch: list[_Call]) -> Committed | None:
        """Run a batch in one transaction; None (and an error on every call) when it was rolled back."""
        tx = Tx(self._connection, self._clock.now())
        try:
            tx.execute("BEGIN IMMEDIATE")
            for call in batch:
                call.outcome = call.work(tx)
            committing = self._clock.now().steady
            tx.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever the work raised goes to its caller
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            for call in batch:
                call.error = translated(error)
            return None
        self.stats.commits += 1
        self.stats.calls += len(batch)
        done = self._clock.now().steady
        return Committed(tx.events, done, tx.due_in_us, len(batch), tx.now.steady - batch[0].at, done - committing, tx.usages)

    def _answer(self, batch: list[_Call], committed: Committed | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody is left to be told
            self._loop.call_soon_threadsafe(self._resolve, batch, committed)

    def _resolve(self, batch: list[_Call], committed: Committed | None) -> None:
        if committed is not None:
            try:
                self._on_commit(committed)
            except Exception as error:
                log.error("store.listener_failed", exc_info=error)
        for call in batch:
            if call.future.done():
                continue
            if call.error is not None:
                call.future.set_exception(call.error)
            else:
                call.future.set_result(call.outcome)
