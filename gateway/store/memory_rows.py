"""What `MemoryStore` keeps beside the jobs."""

from dataclasses import dataclass, field

from gateway.rules.job import JobRecord
from gateway.rules.timeline import AttemptRecord
from gateway.store.seam import StoredEvent


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
