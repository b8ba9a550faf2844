"""`JobStore`: what a queue of one engine promises, whoever keeps it.

Implementations: `shard.SqliteShard` (a file) and `memory.MemoryStore` (tests, models). One conformance suite holds both
to this page. Every method is one transaction: when it returns, the change and its events are durable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from contract import limits
from contract.kinds import Usage
from contract.words import AppendStatus, EventName, FinishStatus, Outcome
from gateway.rules.admission import Admit, Load, Reject
from gateway.rules.job import Draft, JobRecord
from gateway.rules.life import Failure, Retry
from gateway.rules.spending import Taken
from gateway.rules.timeline import AttemptRecord, Phase
from gateway.settings import GatewaySettings
from kit.backoff import Backoff
from kit.clock import MILLISECOND, SECOND

Judge = Callable[[Load], Admit | Reject]
"""The admission decision, asked inside the transaction that inserts."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The settings a store acts on; microseconds."""

    lease_us: int
    reap_grace_us: int
    keep_final_us: int
    keep_idempotency_us: int
    keep_receipts_us: int
    keep_claims_us: int
    events_per_job: int
    answer_bytes: int
    retry: Retry


def store_limits(settings: GatewaySettings, uniform: Callable[[], float]) -> StoreLimits:
    """What the owner set; `uniform` spreads retries."""
    return StoreLimits(
        lease_us=settings.lease_ms * MILLISECOND,
        reap_grace_us=settings.heartbeat_grace_ms * MILLISECOND,
        keep_final_us=round(settings.keep_results_s * SECOND),
        keep_idempotency_us=limits.IDEMPOTENCY_KEEP_S * SECOND,
        keep_receipts_us=limits.RECEIPT_KEEP_S * SECOND,
        keep_claims_us=limits.CLAIM_REPLAY_KEEP_S * SECOND,
        events_per_job=limits.EVENTS_PER_JOB,
        answer_bytes=limits.CLAIM_ANSWER_MAX_BYTES - limits.PAYLOAD_MAX_BYTES,
        retry=Retry(Backoff(settings.retry_base_s, settings.retry_cap_s), uniform),
    )


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of one user, numbered without gaps."""

    user: str
    seq: int
    name: EventName
    at: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job is in, durably."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key is known with the same request: this is its job."""

    job: JobRecord


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key is known with another request."""


Submitted = Accepted | Replayed | KeyReused | Reject


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that an instance names."""

    uuid: bytes
    token: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, as its engine says."""

    uuid: bytes
    token: bytes
    outcome: Outcome
    result: bytes | None
    """JSON, with succeeded only."""
    failure: Failure | None
    phases: tuple[Phase, ...] = field(default=(), compare=False)
    """What the engine timed; not part of what makes two reports the same."""
    usage: Usage | None = field(default=None, compare=False)
    """What the attempt took of providers; counted once, with the report that counts."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and what rides on it."""

    instance: str
    attempt_id: str
    kinds: tuple[str, ...]
    max: int
    began: int
    """Steady time at which the request began."""
    reports: tuple[Report, ...] = ()
    running: tuple[HeldLease, ...] = ()
    reconcile: bool = True
    """False when the same request asks again after a wake."""


@dataclass(frozen=True, slots=True)
class Granted:
    """One leased job with its body."""

    job: JobRecord
    payload: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought."""

    leases: tuple[Granted, ...] = ()
    finished: tuple[FinishStatus, ...] = ()
    """In the order of the reports."""
    lost: tuple[bytes, ...] = ()
    cancel: tuple[bytes, ...] = ()
    epoch: int = 1
    now_ready: bool = False
    """Something in this transaction made jobs claimable by others."""
    replayed: bool = False
    """This attempt was answered before; the leases are those of then."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a heartbeat brought."""

    extended: tuple[bytes, ...] = ()
    lost: tuple[bytes, ...] = ()
    cancel: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Append:
    """Progress, log lines and output of one running job."""

    uuid: bytes
    token: bytes
    output: tuple[int, str] | None = None
    log: tuple[int, tuple[dict[str, str], ...]] | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """Where the store stands."""

    status: AppendStatus
    output_offset: int = 0
    log_offset: int = 0


@dataclass(frozen=True, slots=True)
class Reaped:
    """What time alone changed."""

    promoted: int = 0
    expired: int = 0
    lost: int = 0
    deleted: int = 0
    more: bool = False
    """A batch was full: ask again at once."""
    next_in_us: int | None = None
    """Microseconds until something is due again; None when nothing ever is."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A job with its bodies."""

    job: JobRecord
    payload: bytes
    result: bytes | None
    output_delivery: int | None = None
    output: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    """Those that have ended, oldest first."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs a listing shows; empty fields do not filter."""

    states: tuple[str, ...] = ()
    kind: str | None = None
    user: str | None = None
    """Of everybody's jobs only, as what follows."""
    text: str | None = None
    """It must be part of the kind, the id or the trace id, unless the user is among `named`."""
    named: tuple[str, ...] = ()
    """Users whom the text names."""

    @property
    def hex(self) -> str | None:
        """The text as it would stand in a UUID's hex digits: a job's id ends with its UUID."""
        return None if self.text is None else self.text.rpartition("_")[2].replace("-", "") or None


@dataclass(slots=True)
class Committed:
    """What a commit tells the rest of the gateway."""

    events: list[StoredEvent] = field(default_factory=list)
    at: int = 0
    """Steady time right after the commit."""
    due_in_us: int | None = None
    """Microseconds until the earliest thing that this commit made due (`JobStore.reap`); None when it made nothing due."""
    calls: int = 0
    """How many callers shared it; 0 when the store does not tell."""
    waited_us: int = 0
    """How long the first of them waited until the writer began."""
    took_us: int = 0
    """How long COMMIT took, with its fsync."""
    usages: list[Usage] = field(default_factory=list)
    """What the attempts that ended in it took of providers."""


class JobStore(Protocol):
    """One engine's queue."""

    source: str
    """The engine id."""

    async def submit(self, user: str, drafts: Sequence[Draft], judge: Judge) -> list[Submitted]:
        """Per draft: replay its key, refuse its key, or ask `judge` and insert job, body, key and event together."""

    async def claim(self, claim: Claim) -> Claimed:
        """Apply the reports, reconcile, then lease up to `max` jobs: round robin between users, priority inside one.

        The same (instance, attempt_id) gives the same leases again, without those that were lost meanwhile.
        """

    async def renew(self, instance: str, leases: Sequence[HeldLease]) -> Renewed:
        """Extend leases that an instance names; one that lapsed without being claimed again lives on."""

    async def finish(self, report: Report) -> FinishStatus:
        """End an attempt, by compare-and-swap on its token; the same report again is `ok` again."""

    async def take_back(self, instances: Sequence[str]) -> int:
        """Take every lease from these instances, as if it had run out, and for good; how many there were."""

    async def append(self, items: Sequence[Append]) -> list[Appended]:
        """Add progress, log lines and output to running jobs; nothing of an item whose offset is off."""

    async def cancel(self, user: str, uuid: bytes) -> JobRecord | None:
        """Ask to stop; the job as it then is. None when the user has no such job."""

    async def redrive(self, user: str, uuid: bytes) -> JobRecord | None:
        """Begin a dead job anew; the job as it then is. None when the user has no such job. Raises JobStateConflict."""

    async def delete(self, user: str, uuid: bytes) -> bool:
        """Remove a finished job with bodies and events. False when the user has no such job. Raises JobStateConflict."""

    async def purge(self, user: str, states: Sequence[str], before: int | None, limit: int) -> int:
        """Remove up to `limit` finished jobs of a user; how many went."""

    async def reap(self) -> Reaped:
        """Do what time asks for: promote, expire, take back leases, forget; in bounded batches."""

    async def job(self, user: str, uuid: bytes) -> Detail | None:
        """One job with its bodies, for its own user."""

    async def jobs(self, user: str, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        """A page of a user's jobs, newest first, older than UUID `before`."""

    async def everybodys(self, before: bytes | None, limit: int, where: Filter) -> list[JobRecord]:
        """A page of all jobs, newest first, older than UUID `before`; for the owner at the machine."""

    async def user_of(self, uuid: bytes) -> str | None:
        """Whose job it is; None when there is none."""

    async def log_of(self, uuid: bytes) -> list[StoredEvent]:
        """What a job logged, as it was told its user, in order; the oldest may be forgotten."""

    async def events(self, user: str, after: int, limit: int) -> list[StoredEvent]:
        """A user's events with `seq > after`, in order."""

    async def last_event(self, user: str) -> int:
        """The number of a user's latest event; 0 when there is none."""

    async def spent(self, user: str, day: int) -> Taken:
        """What a user's attempts that ended on a UTC day (`rules.spending.day_of`) took of providers."""

    async def load(self, user: str | None = None) -> Load:
        """The queue as the next job of `user` would find it; without one, of somebody who has none there."""

    async def close(self) -> None:
        """Finish what is in flight, then let go of the file."""
