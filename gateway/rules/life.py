"""The life of a job: every change of state, as a function from one record to the next (protocol §4).

Both stores apply these, so a transition is decided in one place. `contract.words.TRANSITIONS` is the table they follow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from contract import limits
from contract.words import JobState, Outcome
from gateway.rules.job import Draft, JobRecord
from kit.backoff import Backoff
from kit.clock import SECOND, Now


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as its engine says."""

    code: str
    message: str
    retryable: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How a failed attempt is tried again."""

    backoff: Backoff
    uniform: Callable[[], float]


def accepted(draft: Draft, *, seq: int, uuid: bytes, user: str, now: Now) -> JobRecord:
    """A new job: `scheduled` when its time is still to come, else `queued`."""
    waits = draft.run_at is not None and draft.run_at > now.wall
    return JobRecord(
        seq=seq,
        uuid=uuid,
        user=user,
        kind=draft.kind,
        state=JobState.SCHEDULED if waits else JobState.QUEUED,
        priority=draft.priority,
        due_at=draft.run_at if waits else None,
        expires_at=None if draft.expires_in_us is None else now.wall + draft.expires_in_us,
        attempt=0,
        deliveries=0,
        max_attempts=draft.max_attempts,
        timeout_s=draft.timeout_s,
        token=None,
        lapsed=None,
        instance=None,
        lease_until=None,
        granted_at=None,
        missed=0,
        cancel_at=None,
        submitted_at=now.wall,
        ready_at=None if waits else now.wall,
        started_at=None,
        finished_at=None,
        progress=None,
        error_code=None,
        error_message=None,
        traceparent=draft.traceparent,
        output_len=0,
        log_len=0,
        events=0,
    )


def promoted(job: JobRecord, now: Now) -> JobRecord:
    """Its time has come: claimable from now on."""
    return replace(job, state=JobState.QUEUED, due_at=None, ready_at=now.wall)


def leased(job: JobRecord, *, token: bytes, instance: str, lease_us: int, now: Now) -> JobRecord:
    """Handed to an instance. The attempt is counted here, so that no crash can lose the count."""
    return replace(
        job,
        state=JobState.RUNNING,
        token=token,
        lapsed=None,
        instance=instance,
        lease_until=now.steady + lease_us,
        granted_at=now.steady,
        missed=0,
        started_at=now.wall,
        attempt=job.attempt + 1,
        deliveries=job.deliveries + 1,
        progress=None,
        output_len=0,
        log_len=0,
    )


def renewed(job: JobRecord, *, lease_us: int, now: Now) -> JobRecord:
    """Held on; a lease is never shortened."""
    return replace(job, lease_until=max(job.lease_until or 0, now.steady + lease_us), missed=0)


def revived(job: JobRecord, *, instance: str, lease_us: int, now: Now) -> JobRecord:
    """A lapsed lease whose holder came back before anybody else claimed: it goes on, as if granted now."""
    return replace(
        job,
        state=JobState.RUNNING,
        token=job.lapsed,
        lapsed=None,
        instance=instance,
        granted_at=now.steady,
        lease_until=now.steady + lease_us,
        missed=0,
        due_at=None,
    )


def finished(job: JobRecord, outcome: Outcome, failure: Failure | None, retry: Retry, now: Now) -> JobRecord:
    """The end of an attempt, as its holder reports it."""
    if outcome is Outcome.SUCCEEDED:
        return _ended(job, JobState.SUCCEEDED, None, now)
    if job.cancel_at is not None:
        return _ended(job, JobState.CANCELLED, None, now)
    if outcome is Outcome.GIVEN_BACK:
        return returned(job, now)
    failure = failure or Failure("job.failed", "The engine gave no reason.", retryable=True)
    if outcome is Outcome.REFUSED or not failure.retryable or job.attempt >= job.max_attempts:
        return _ended(job, JobState.DEAD, failure, now)
    wait_s = max(retry.backoff.wait_s(job.attempt, retry.uniform), failure.retry_after_s or 0.0)
    return replace(
        _released(job),
        state=JobState.QUEUED,
        due_at=now.wall + round(wait_s * SECOND),
        error_code=failure.code,
        error_message=failure.message,
    )


def returned(job: JobRecord, now: Now) -> JobRecord:
    """Given back unfinished: as if it had not been handed out."""
    if job.cancel_at is not None:
        return _ended(job, JobState.CANCELLED, None, now)
    return replace(_released(job), state=JobState.QUEUED, attempt=max(0, job.attempt - 1), ready_at=now.wall)


def lease_lost(job: JobRecord, now: Now) -> JobRecord:
    """Nobody renewed in time. The engine may have died of this very job: beyond a bound it is not tried again."""
    if job.cancel_at is not None:
        return _ended(job, JobState.CANCELLED, None, now)
    if job.attempt >= job.max_attempts + limits.LOST_LEASES_ALLOWED:
        return _ended(job, JobState.DEAD, Failure("job.lease_lost", "Engines vanished each time they ran it.", retryable=False), now)
    return replace(_released(job), state=JobState.QUEUED, ready_at=now.wall, lapsed=job.token)


def taken_back(job: JobRecord, now: Now) -> JobRecord:
    """Its holder was thrown out: like a lost lease, but what it has to say of the job counts no more."""
    return replace(lease_lost(job, now), lapsed=None)


def cancelled(job: JobRecord, now: Now) -> JobRecord | None:
    """Asked to stop: at once while it waits, by its engine while it runs. None when there is nothing to change."""
    if job.state.final or job.cancel_at is not None:
        return None
    if job.state is JobState.RUNNING:
        return replace(job, cancel_at=now.wall)
    return _ended(replace(job, cancel_at=now.wall), JobState.CANCELLED, None, now)


def expired(job: JobRecord, now: Now) -> JobRecord:
    """Nobody claimed it in time."""
    return _ended(job, JobState.EXPIRED, None, now)


def redriven(job: JobRecord, now: Now) -> JobRecord | None:
    """A dead job begins anew, with all its attempts. None when it is not dead."""
    if job.state is not JobState.DEAD:
        return None
    return replace(
        job,
        state=JobState.QUEUED,
        attempt=0,
        expires_at=None,
        ready_at=now.wall,
        finished_at=None,
        error_code=None,
        error_message=None,
        progress=None,
    )


def _released(job: JobRecord) -> JobRecord:
    return replace(job, token=None, lapsed=None, instance=None, lease_until=None, granted_at=None, missed=0, progress=None)


def _ended(job: JobRecord, state: JobState, failure: Failure | None, now: Now) -> JobRecord:
    return replace(
        _released(job),
        state=state,
        due_at=None,
        finished_at=now.wall,
        progress=job.progress if state is not JobState.SUCCEEDED else None,
        error_code=failure.code if failure else None,
        error_message=failure.message if failure else None,
    )
