"""What a person sees of a job: `contract.jobs.Job` as a plain dictionary, cheap enough for every event."""

from typing import Any
from uuid import UUID

from contract.ids import job_id
from gateway.rules.job import JobRecord
from kit.clock import rfc3339


def job_view(engine: str, job: JobRecord) -> dict[str, Any]:
    """Render one record; keys and types are those of `contract.jobs.Job`."""
    return {
        "id": job_id_of(engine, job),
        "engine": engine,
        "kind": job.kind,
        "state": str(job.state),
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "timeout_s": job.timeout_s,
        "submitted_at": rfc3339(job.submitted_at),
        "run_at": _time(job.due_at),
        "expires_at": _time(job.expires_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "cancel_requested": job.cancel_at is not None,
        "progress": job.progress,
        "error": None if job.error_code is None else {"code": job.error_code, "message": job.error_message or ""},
        "trace_id": job.traceparent[3:35],
    }


def job_id_of(engine: str, job: JobRecord) -> str:
    """The id people use."""
    return job_id_of_uuid(engine, job.uuid)


def job_id_of_uuid(engine: str, uuid: bytes) -> str:
    """The id of a job whose record is not at hand."""
    return job_id(engine, UUID(bytes=uuid))


def said_by(engine: str, job: JobRecord) -> dict[str, Any]:
    """Whose words an output or log event carries. Offsets count within a delivery: a job given back keeps its attempt's number."""
    return {"id": job_id_of(engine, job), "attempt": job.attempt, "delivery": job.deliveries}


def _time(wall: int | None) -> str | None:
    return None if wall is None else rfc3339(wall)
