"""What is kept of each attempt of a job: when it waited, when it ran, how it ended, what its engine timed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contract import limits
from contract.words import AttemptOutcome, JobState, Outcome
from gateway.rules.job import JobRecord
from kit.clock import MILLISECOND, Now, rfc3339


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of an attempt, in milliseconds since the engine took the lease up."""

    name: str
    began_ms: float
    took_ms: float


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that has ended. Wall times in microseconds."""

    delivery: int
    attempt: int
    instance: str | None
    ready_at: int | None
    """When the job became claimable before it."""
    started_at: int
    ended_at: int
    outcome: AttemptOutcome
    code: str | None
    phases: tuple[Phase, ...] = ()


def reported(before: JobRecord, after: JobRecord, outcome: Outcome, phases: tuple[Phase, ...], now: Now) -> AttemptRecord:
    """An attempt whose engine told its end."""
    told = AttemptOutcome.CANCELLED if after.state is JobState.CANCELLED else AttemptOutcome(outcome)
    code = after.error_code if told in {AttemptOutcome.FAILED, AttemptOutcome.REFUSED} else None
    return _record(before, told, code, phases, now)


def unreported(before: JobRecord | None, after: JobRecord, now: Now) -> AttemptRecord | None:
    """The attempt that a change ends without its engine's word: it never reached its instance, or its lease was lost."""
    if before is None or before.state is not JobState.RUNNING or after.state is JobState.RUNNING:
        return None
    back = after.attempt < before.attempt
    return _record(before, AttemptOutcome.GIVEN_BACK if back else AttemptOutcome.LOST, None, (), now)


def _record(job: JobRecord, outcome: AttemptOutcome, code: str | None, phases: tuple[Phase, ...], now: Now) -> AttemptRecord:
    started = now.wall if job.started_at is None else job.started_at
    return AttemptRecord(job.deliveries, job.attempt, job.instance, job.ready_at, started, now.wall, outcome, code, phases)


def note(known: dict[int, AttemptRecord], new: AttemptRecord, most: int = limits.ATTEMPTS_KEPT) -> None:
    """Add one to a job's attempts by delivery, of which the latest `most` stay.

    One that seemed lost may end after all: its beginning stays as it was written down first.
    """
    first = known.get(new.delivery, new)
    known[new.delivery] = replace(new, instance=first.instance, ready_at=first.ready_at, started_at=first.started_at)
    for delivery in [delivery for delivery in known if delivery <= new.delivery - most]:
        del known[delivery]


def timeline(job: JobRecord, attempts: Sequence[AttemptRecord]) -> list[dict[str, Any]]:
    """Render them, oldest first, with the one that runs now; keys and types are those of `contract.jobs.AttemptView`."""
    if job.state is not JobState.RUNNING:
        return [_view(attempt) for attempt in attempts]
    past = [_view(attempt) for attempt in attempts if attempt.delivery != job.deliveries]
    return [*past, _running(job, (attempt for attempt in attempts if attempt.delivery == job.deliveries))]


def _running(job: JobRecord, same: Iterable[AttemptRecord]) -> dict[str, Any]:
    """The attempt that runs; `same` is how it was written down while it seemed lost."""
    ready = next((attempt.ready_at for attempt in same), job.ready_at)
    return _beginning(job.attempt, job.deliveries, job.instance, ready, job.started_at or 0)


def _view(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        **_beginning(attempt.attempt, attempt.delivery, attempt.instance, attempt.ready_at, attempt.started_at),
        "finished_at": rfc3339(attempt.ended_at),
        "took_ms": max(0, attempt.ended_at - attempt.started_at) / MILLISECOND,
        "outcome": str(attempt.outcome),
        "code": attempt.code,
        "phases": [{"name": each.name, "began_ms": each.began_ms, "took_ms": each.took_ms} for each in attempt.phases],
    }


def _beginning(attempt: int, delivery: int, instance: str | None, ready_at: int | None, started_at: int) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "delivery": delivery,
        "instance": instance,
        "claimable_at": None if ready_at is None else rfc3339(ready_at),
        "claimed_at": rfc3339(started_at),
        "waited_ms": None if ready_at is None else max(0, started_at - ready_at) / MILLISECOND,
        "finished_at": None,
        "took_ms": None,
        "outcome": None,
        "code": None,
        "phases": [],
    }
