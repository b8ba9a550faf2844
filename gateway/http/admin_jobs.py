"""`/admin/v1/jobs`: everybody's jobs, for the owner at the machine."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from contract.admin_jobs import OwnedJobAnswer, OwnedJobDetailAnswer, OwnedJobPage, Search
from contract.words import JobState, Scope
from gateway.http import bodies
from gateway.http.admin import Gate
from gateway.http.jobs import PAGE_MAX, detail_view
from gateway.operations.all_jobs import AllJobs
from gateway.rules.job import JobRecord
from gateway.rules.views import job_view
from gateway.store.seam import Filter, StoredEvent
from kit.clock import rfc3339
from kit.logs import bind


def router(gate: Gate, all_jobs: AllJobs) -> APIRouter:
    """The routes."""
    routes = gate.routes()
    needs = gate.needs

    @routes.get("/jobs", response_model=OwnedJobPage, **needs(Scope.JOBS_READ))
    async def list_jobs(
        engine: str | None = None,
        state: Annotated[list[JobState] | None, Query()] = None,
        kind: str | None = None,
        user: str | None = None,
        text: Annotated[Search | None, Query()] = None,
        before: str | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response:
        """Everybody's jobs, newest first; `before` is a job's id, and what is older than that job comes."""
        found = await all_jobs.jobs(engine, user, before, limit, Filter(tuple(state or ()), kind, text=text))
        names = all_jobs.names()
        jobs = [_owned(job_view(source, job), job, names) for source, job in found.page.jobs]
        return bodies.raw({"jobs": jobs, "next": found.page.next, "unavailable": found.unavailable})

    @routes.get("/jobs/{job_id}", response_model=OwnedJobDetailAnswer, **needs(Scope.JOBS_READ))
    async def get_job(job_id: str) -> Response:
        """A job with payload, result, output, timeline and log."""
        bind(job_id=job_id)
        engine, detail, events = await all_jobs.job(job_id)
        view = _owned(detail_view(engine, detail), detail.job, all_jobs.names())
        return bodies.raw({"job": {**view, "log": [line for event in events for line in _lines(event)]}})

    @routes.post("/jobs/{job_id}/cancel", response_model=OwnedJobAnswer, **needs(Scope.JOBS_CHANGE))
    async def cancel_job(job_id: str) -> Response:
        """Stop a job: at once while it waits, by its engine while it runs."""
        bind(job_id=job_id)
        return _job(*await all_jobs.cancel(job_id))

    @routes.post("/jobs/{job_id}/redrive", response_model=OwnedJobAnswer, **needs(Scope.JOBS_CHANGE))
    async def redrive_job(job_id: str) -> Response:
        """Begin a dead job anew, with all its attempts."""
        bind(job_id=job_id)
        return _job(*await all_jobs.redrive(job_id))

    @routes.delete("/jobs/{job_id}", status_code=204, **needs(Scope.JOBS_CHANGE))
    async def delete_job(job_id: str) -> Response:
        """Remove a finished job with payload, result and events."""
        bind(job_id=job_id)
        await all_jobs.delete(job_id)
        return Response(status_code=204)

    def _job(engine: str, job: JobRecord) -> Response:
        return bodies.raw({"job": _owned(job_view(engine, job), job, all_jobs.names())})

    return routes


def _owned(view: dict[str, Any], job: JobRecord, names: dict[str, str]) -> dict[str, Any]:
    return {**view, "user": job.user, "user_name": names.get(job.user, job.user)}


def _lines(event: StoredEvent) -> list[dict[str, Any]]:
    at, attempt = rfc3339(event.at), event.data["attempt"]
    return [{"at": at, "attempt": attempt, **line} for line in event.data["lines"]]
