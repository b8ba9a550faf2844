"""`SqliteShard`: one engine's queue in one file, owned by this process alone."""

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from contract.errors import JobStateConflict
from contract.words import FinishStatus
from gateway.rules import life
from gateway.rules.admission import Load
from gateway.rules.job import Draft, JobRecord
from gateway.rules.spending import Taken
from gateway.store import claim as claiming
from gateway.store import finish as finishing
from gateway.store import reap as reaping
from gateway.store import schema, spend, watch
from gateway.store import submit as submitting
from gateway.store.files import inspect
from gateway.store.rows import JOB_BY_UUID, load, move, one, record
from gateway.store.seam import (
    Append,
    Appended,
    Claim,
    Claimed,
    Committed,
    Detail,
    Filter,
    HeldLease,
    Judge,
    Reaped,
    Renewed,
    Report,
    StoredEvent,
    StoreLimits,
    Submitted,
)
from gateway.store.writer import Tx, Writer
from kit.clock import Clock, Now
from kit.files import Locked, exclusive_lock

T = TypeVar("T")

REGRANT_LEASES = (
    "UPDATE jobs SET lease_until = min(max(lease_until, :least), :most), granted_at = min(granted_at, :now) WHERE lease_until IS NOT NULL"
)
LAST_TURN = "SELECT coalesce(max(turn), 0) FROM tenants"


class SqliteShard:
    """See `JobStore`. Open with `open_shard`."""

    def __init__(
        self,
        source: str,
        path: Path,
        limits: StoreLimits,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        on_commit: Callable[[Committed], None],
        writing: sqlite3.Connection,
        held: contextlib.ExitStack,
    ) -> None:
        self.source = source
        self._path = path
        self._limits = limits
        self._clock = clock
        self._random = random_bytes
        self._epoch: int = writing.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        self._turns = claiming.Turns(writing.execute(LAST_TURN).fetchone()[0])
        self._seqs = submitting.Seqs(writing.execute(submitting.LAST_SEQ).fetchone()[0])
        self._reap_from = clock.now().steady + limits.reap_grace_us
        self._held = held
        self._reading = schema.open_for_reading(path)
        self._read_lock = threading.Lock()
        self._writer = Writer(writing, clock, source, on_commit)

    @property
    def writer_stats(self) -> tuple[int, int]:
        """Commits, and calls that they carried."""
        return self._writer.stats.commits, self._writer.stats.calls

    @property
    def wal_bytes(self) -> int:
        """Size of the write-ahead log."""
        try:
            return self._path.with_name(f"{self._path.name}-wal").stat().st_size
        except OSError:
            return 0

    def hold_leases(self, for_us: int) -> None:
        """Take no lease back for a while: the machine just woke, and engines must get the chance to renew."""
        self._reap_from = max(self._reap_from, self._clock.now().steady + for_us)

    async def submit(self, user: str, drafts: Sequence[Draft], judge: Judge) -> list[Submitted]:
        def work(tx: Tx) -> list[Submitted]:
            return [
                submitting.submit(
                    tx,
                    self.source,
                    user,
                    draft,
                    judge,
                    seqs=self._seqs,
                    random_bytes=self._random,
                    keep_key_us=self._limits.keep_idempotency_us,
                )
                for draft in drafts
            ]

        return await self._writer.run(work)

    async def claim(self, claim: Claim) -> Claimed:
        return await self._writer.run(lambda tx: self._claim(tx, claim))

    def _claim(self, tx: Tx, claim: Claim) -> Claimed:
        limits = self._limits
        finished = tuple(finishing.finish(tx, self.source, report, limits.retry, limits.keep_receipts_us) for report in claim.reports)
        again = claiming.replay(tx, claim)
        lost: list[bytes] = []
        cancel: list[bytes] = []
        freed = bool(claim.reports)
        if claim.reconcile:
            lost, cancel, returned = claiming.settle(tx, self.source, claim, again or ())
            freed |= returned
        leases = again
        if leases is None:
            leases = claiming.lease_up_to(
                tx,
                self.source,
                claim,
                self._turns,
                lease_us=limits.lease_us,
                answer_bytes=limits.answer_bytes,
                random_bytes=self._random,
            )
            if leases:
                claiming.remember(tx, claim, leases, limits.keep_claims_us)
        return Claimed(leases, finished, tuple(lost), tuple(cancel), self._epoch, freed, again is not None)

    async def renew(self, instance: str, leases: Sequence[HeldLease]) -> Renewed:
        def work(tx: Tx) -> Renewed:
            lost, cancel, extended = claiming.hold(tx, self.source, instance, leases, lease_us=self._limits.lease_us)
            return Renewed(tuple(extended), tuple(lost), tuple(cancel))

        return await self._writer.run(work)

    async def finish(self, report: Report) -> FinishStatus:
        limits = self._limits
        return await self._writer.run(lambda tx: finishing.finish(tx, self.source, report, limits.retry, limits.keep_receipts_us))

    async def take_back(self, instances: Sequence[str]) -> int:
        return await self._writer.run(lambda tx: claiming.take_back(tx, self.source, instances))

    async def append(self, items: Sequence[Append]) -> list[Appended]:
        return await self._writer.run(lambda tx: [finishing.append(tx, self.source, item, self._limits.events_per_job) for item in items])

    async def cancel(self, user: str, uuid: bytes) -> JobRecord | None:
        changed = await self._writer.run(lambda tx: self._change(tx, user, uuid, life.cancelled))
        return None if changed is None else changed[1] or changed[0]

    async def redrive(self, user: str, uuid: bytes) -> JobRecord | None:
        changed = await self._writer.run(lambda tx: self._change(tx, user, uuid, life.redriven))
        if changed is None:
            return None
        before, after = changed
        if after is None:
            raise JobStateConflict(f"The job is {before.state}; only dead jobs can be redriven.")
        return after

    def _change(
        self, tx: Tx, user: str, uuid: bytes, change: Callable[[JobRecord, Now], JobRecord | None]
    ) -> tuple[JobRecord, JobRecord | None] | None:
        job = one(tx, JOB_BY_UUID, uuid)
        if job is None or job.user != user:
            return None
        after = change(job, tx.now)
        return job, move(tx, self.source, job, after) if after is not None else None

    async def delete(self, user: str, uuid: bytes) -> bool:
        def work(tx: Tx) -> bool | str:
            job = one(tx, JOB_BY_UUID, uuid)
            if job is None or job.user != user:
                return False
            if not job.state.final:
                return str(job.state)
            reaping.delete(tx, self.source, job)
            return True

        done = await self._writer.run(work)
        if isinstance(done, str):
            raise JobStateConflict(f"The job is {done}; cancel it first.")
        return done

    async def purge(self, user: str, states: Sequence[str], before: int | None, limit: int) -> int:
        def work(tx: Tx) -> int:
            where = {"user": user, "states": json.dumps(list(states)), "before": before, "limit": limit}
            rows = tx.execute(watch.PURGEABLE, where).fetchall()
            for row in rows:
                reaping.delete(tx, self.source, record(row))
            return len(rows)

        return await self._writer.run(work)

    async def reap(self) -> Reaped:
        return await self._writer.run(lambda tx: reaping.reap(tx, self.source, self._limits, self._reap_from))

    async def job(self, user: str, uuid: bytes) -> Detail | None:
        return await self._read(lambda connection: watch.detail(connection, user, uuid))

    async def jobs(self, user: str, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        return await self._read(lambda connection: watch.page(connection, user, before, limit, where))

    async def everybodys(self, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        return await self._read(lambda connection: watch.everybodys(connection, before, limit, where))

    async def user_of(self, uuid: bytes) -> str | None:
        return await self._read(lambda connection: watch.user_of(connection, uuid))

    async def log_of(self, uuid: bytes) -> list[StoredEvent]:
        return await self._read(lambda connection: watch.log_of(connection, uuid))

    async def events(self, user: str, after: int, limit: int) -> list[StoredEvent]:
        return await self._read(lambda connection: watch.events(connection, user, after, limit))

    async def last_event(self, user: str) -> int:
        return await self._read(lambda connection: watch.last_event(connection, user))

    async def load(self, user: str | None = None) -> Load:
        return await self._read(lambda connection: load(connection, user))

    async def spent(self, user: str, day: int) -> Taken:
        return await self._read(lambda connection: spend.of_day(connection, user, day))

    async def close(self) -> None:
        await self._writer.close()
        with self._read_lock:
            self._reading.close()
        self._held.close()

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        def locked() -> T:
            with self._read_lock:
                return query(self._reading)

        return await asyncio.to_thread(locked)


async def open_shard(
    source: str,
    path: Path,
    *,
    create: bool,
    limits: StoreLimits,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    on_commit: Callable[[Committed], None],
) -> SqliteShard:
    """Take the file's lock and open it; running leases get the chance to be renewed before they are taken back.

    Raises:
        ShardRefused: damaged, newer, missing without `create`, or owned by another process. The file is as it was.
    """
    with contextlib.ExitStack() as held:
        _take_lock(held, path)
        writing = await asyncio.to_thread(_open_file, path, create, limits, clock)
        return SqliteShard(source, path, limits, clock, random_bytes, on_commit, writing, held.pop_all())


def _open_file(path: Path, create: bool, limits: StoreLimits, clock: Clock) -> sqlite3.Connection:
    exists = inspect(path, schema.LAYOUT)
    if not exists and not create:
        raise schema.ShardRefused(f"{path.name} is missing or empty; restore it from a backup")
    writing = schema.open_for_writing(path, fresh=not exists)
    now = clock.now().steady
    writing.execute(REGRANT_LEASES, {"least": now + limits.reap_grace_us, "most": now + limits.lease_us, "now": now})
    return writing


def _take_lock(held: contextlib.ExitStack, path: Path) -> None:
    try:
        held.enter_context(exclusive_lock(path.with_suffix(".db.lock")))
    except Locked as error:
        raise schema.ShardRefused(f"{path.name} is in use by another process") from error
