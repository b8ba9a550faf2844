"""What tests of the queue share: drafts, claims, reports, deterministic chance, and both stores."""

import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.words import Outcome
from gateway.rules.admission import Admit, Load, Reject
from gateway.rules.job import Draft, JobRecord
from gateway.rules.life import Failure, Retry
from gateway.store.memory import MemoryStore
from gateway.store.seam import Accepted, Claim, Claimed, Committed, Granted, HeldLease, JobStore, Report, StoreLimits
from gateway.store.shard import SqliteShard, open_shard
from kit.backoff import Backoff
from kit.clock import SECOND
from tests.support.clock import ManualClock

SOURCE = "abcdefghijklmnop"
LEASE_S = 30
GRACE_S = 12
KEEP_FINAL_S = 7 * 24 * 3600
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def limits(**changes: Any) -> StoreLimits:
    values: dict[str, Any] = {
        "lease_us": LEASE_S * SECOND,
        "reap_grace_us": GRACE_S * SECOND,
        "keep_final_us": KEEP_FINAL_S * SECOND,
        "keep_idempotency_us": 48 * 3600 * SECOND,
        "keep_receipts_us": 3600 * SECOND,
        "keep_claims_us": 300 * SECOND,
        "events_per_job": 1000,
        "answer_bytes": 7 * 1024 * 1024,
        # The ceiling itself: tests of the jitter are in tests/unit/kit.
        "retry": Retry(Backoff(1.0, 300.0), lambda: 1.0),
    }
    return StoreLimits(**{**values, **changes})


def draft(key: str = "key-1", **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "kind": "echo",
        "payload": b"null",
        "priority": 3,
        "run_at": None,
        "expires_in_us": None,
        "max_attempts": 3,
        "timeout_s": 300.0,
        "traceparent": TRACE,
        "key": key,
        "fingerprint": b"f",
    }
    return Draft(**{**values, **changes})


def admit(_load: Load) -> Admit | Reject:
    return Admit()


def held(granted: Granted) -> HeldLease:
    assert granted.job.token is not None
    return HeldLease(granted.job.uuid, granted.job.token)


def report(granted: Granted, outcome: Outcome = Outcome.SUCCEEDED, result: bytes | None = None, failure: Failure | None = None) -> Report:
    assert granted.job.token is not None
    if outcome is Outcome.SUCCEEDED and result is None:
        result = b'"done"'
    return Report(granted.job.uuid, granted.job.token, outcome, result, failure)


def failed(granted: Granted, *, retryable: bool = True, retry_after_s: float | None = None) -> Report:
    return report(granted, Outcome.FAILED, failure=Failure("test.failed", "It failed.", retryable, retry_after_s))


@dataclass
class Queue:
    """A store with its clock, and short words for what tests do with it."""

    store: JobStore
    clock: ManualClock
    commits: list[Committed] = field(default_factory=list)
    attempts: Callable[[], str] = field(default_factory=lambda: map("attempt-{}".format, itertools.count()).__next__)
    keys: Callable[[], str] = field(default_factory=lambda: map("auto-{}".format, itertools.count()).__next__)

    async def submit(self, user: str = "ann", **changes: Any) -> JobRecord:
        changes.setdefault("key", self.keys())
        (outcome,) = await self.store.submit(user, [draft(**changes)], admit)
        assert isinstance(outcome, Accepted), outcome
        return outcome.job

    async def claim(self, most: int = 1, instance: str = "i-1", **changes: Any) -> Claimed:
        values = {"attempt_id": self.attempts(), "kinds": ("echo",), "began": self.clock.now().steady, **changes}
        return await self.store.claim(Claim(instance=instance, max=most, **values))

    async def lease(self, instance: str = "i-1", **changes: Any) -> Granted:
        claimed = await self.claim(1, instance, reconcile=False, **changes)
        assert len(claimed.leases) == 1, claimed
        return claimed.leases[0]

    async def state(self, job: JobRecord) -> JobRecord:
        detail = await self.store.job(job.user, job.uuid)
        assert detail is not None
        return detail.job


def chance(seed: int = 7) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def memory_queue(store_limits: StoreLimits | None = None) -> Queue:
    clock = ManualClock()
    commits: list[Committed] = []
    return Queue(MemoryStore(SOURCE, store_limits or limits(), clock, chance(), commits.append), clock, commits)


async def reopen(
    path: Path, clock: ManualClock, commits: list[Committed], store_limits: StoreLimits | None = None, seed: int = 8, create: bool = False
) -> SqliteShard:
    return await open_shard(
        SOURCE, path, create=create, limits=store_limits or limits(), clock=clock, random_bytes=chance(seed), on_commit=commits.append
    )


@asynccontextmanager
async def file_queue(path: Path, store_limits: StoreLimits | None = None) -> AsyncIterator[Queue]:
    clock = ManualClock()
    commits: list[Committed] = []
    store = await reopen(path, clock, commits, store_limits, seed=7, create=True)
    try:
        yield Queue(store, clock, commits)
    finally:
        await store.close()
