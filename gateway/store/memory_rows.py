"""What `MemoryStore` keeps beside the jobs."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.rules.job import JobRecord
from gateway.rules.timeline import AttemptRecord
from gateway.store.seam import Filter, StoredEvent


@dataclass(slots=True)
class Tenant:
    """A user."""

    turn: int = 0
    last_event: int = 0
    events: list[tuple[bytes | None, StoredEvent]] = field(default_factory=list)
    """With the job it belongs to; None for news of deleted ones."""


@dataclass(slots=True)
class Key:
    """An idempotency key."""

    fingerprint: bytes
    job: bytes
    forget_at: int
    tombstone: JobRecord | None = None


@dataclass(slots=True)
class Body:
    """What belongs to a job."""

    payload: bytes
    result: bytes | None = None
    outputs: dict[int, str] = field(default_factory=dict)
    """By delivery."""
    attempts: dict[int, AttemptRecord] = field(default_factory=dict)
    """By delivery."""


def page(jobs: Iterable[JobRecord], before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
    """Newest first."""
    found = [
        job
        for job in jobs
        if (before is None or job.uuid < before)
        and (not where.states or job.state in where.states)
        and (where.kind is None or job.kind == where.kind)
    ]
    return sorted(found, key=lambda job: job.uuid, reverse=True)[:limit]


def searched(job: JobRecord, where: Filter) -> bool:
    """What the text of a filter finds."""
    if where.user is not None and job.user != where.user:
        return False
    if where.text is None or job.user in where.named:
        return True
    return where.text in job.kind.lower() or where.text in job.traceparent or (where.hex is not None and where.hex in job.uuid.hex())
