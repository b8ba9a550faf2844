"""`/api/v1/jobs` and `/api/v1/events`: jobs for people."""

import json
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Query, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from contract import limits
from contract.errors import FloworkError, IdempotencyKeyMissing, RequestInvalid
from contract.events import EventPage
from contract.jobs import (
    BatchAnswer,
    BatchRequest,
    IdempotencyKey,
    JobAnswer,
    JobDetailAnswer,
    JobDraft,
    JobPage,
    PurgeAnswer,
    PurgeRequest,
)
from contract.words import JobState
from gateway.http import bodies
from gateway.http.callers import People
from gateway.http.drain import draining_header
from gateway.operations.change import Change
from gateway.operations.sessions import Principal
from gateway.operations.submit import Submit, Taken
from gateway.operations.watch import Watch
from gateway.rules.ingress import Ingress
from gateway.rules.job import JobRecord
from gateway.rules.spending import taken_by
from gateway.rules.timeline import timeline
from gateway.rules.views import job_id_of, job_view
from gateway.store.seam import Detail, Filter
from kit.clock import from_rfc3339
from kit.logs import bind

PAGE_MAX = 200


class CountSubmits(Protocol):
    """Counts the jobs of a submit; see `Throttle.submits`."""

    def __call__(self, user: str, address: str, *, local: bool, jobs: int) -> None: ...


_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)


async def idempotency_key(request: Request) -> str:
    """The mandatory header; see `checked_key`.

    Raises:
        IdempotencyKeyMissing, RequestInvalid.
    """
    text = request.headers.get("idempotency-key")
    if not text:
        raise IdempotencyKeyMissing
    return checked_key(text)


def checked_key(text: str) -> str:
    """The key that a header names; the quotes of the IETF draft's structured string are taken off.

    Raises:
        RequestInvalid.
    """
    if len(text) > 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    try:
        return _KEY.validate_python(text)
    except ValidationError as error:
        raise RequestInvalid("Idempotency-Key: 1 to 255 visible ASCII characters.") from error


def router(people: People, count: CountSubmits, submit: Submit, watch: Watch, change: Change) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["jobs"], responses=bodies.PROBLEMS)
    Caller = Annotated[Principal, Depends(people.signed_in)]

    @routes.post("/jobs", response_model=JobAnswer, status_code=201, openapi_extra=bodies.takes(JobDraft))
    async def submit_job(
        request: Request,
        caller: Caller,
        key: Annotated[str, Depends(idempotency_key)],
        draft: Annotated[JobDraft, Depends(bodies.body(JobDraft, limits.SUBMIT_BODY_MAX_BYTES, bodies.PAYLOAD))],
    ) -> Response:
        """Queue a job. The same Idempotency-Key with the same body answers 200 with the job it made."""
        _count(count, request, caller, 1)
        taken = await submit.one(caller.user, key, draft, str(request.state.trace))
        bind(job_id=job_id_of(taken.engine, taken.job))
        return _taken(taken)

    @routes.post("/jobs:batch", response_model=BatchAnswer, openapi_extra=bodies.takes(BatchRequest))
    async def submit_batch(
        request: Request,
        caller: Caller,
        batch: Annotated[BatchRequest, Depends(bodies.body(BatchRequest, limits.BATCH_BODY_MAX_BYTES, bodies.PAYLOAD))],
    ) -> Response:
        """Queue up to 500 jobs, each with its own key and its own outcome."""
        _count(count, request, caller, len(batch.items))
        outcomes = await submit.many(caller.user, [(item.idempotency_key, item) for item in batch.items], str(request.state.trace))
        return bodies.raw({"results": [_batch_result(outcome) for outcome in outcomes]})

    @routes.get("/jobs", response_model=JobPage)
    async def list_jobs(
        caller: Caller,
        engine: str | None = None,
        state: Annotated[list[JobState] | None, Query()] = None,
        kind: str | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response:
        """One's own jobs, newest first."""
        page = await watch.jobs(caller.user, engine, cursor, limit, Filter(tuple(state or ()), kind))
        return bodies.raw({"jobs": [job_view(source, job) for source, job in page.jobs], "next": page.next})

    @routes.get("/jobs/{job_id}", response_model=JobDetailAnswer)
    async def get_job(caller: Caller, job_id: str) -> Response:
        """A job with payload, result and output."""
        bind(job_id=job_id)
        engine, detail = await watch.job(caller.user, job_id)
        return bodies.raw({"job": detail_view(engine, detail)})

    @routes.post("/jobs/{job_id}/cancel", response_model=JobAnswer)
    async def cancel_job(caller: Caller, job_id: str) -> Response:
        """Stop a job: at once while it waits, by its engine while it runs."""
        bind(job_id=job_id)
        return _job(*await change.cancel(caller.user, job_id))

    @routes.post("/jobs/{job_id}/redrive", response_model=JobAnswer)
    async def redrive_job(caller: Caller, job_id: str) -> Response:
        """Begin a dead job anew, with all its attempts."""
        bind(job_id=job_id)
        return _job(*await change.redrive(caller.user, job_id))

    @routes.delete("/jobs/{job_id}", status_code=204)
    async def delete_job(caller: Caller, job_id: str) -> Response:
        """Remove a finished job with payload, result and events."""
        bind(job_id=job_id)
        await change.delete(caller.user, job_id)
        return Response(status_code=204)

    @routes.post("/jobs:purge", response_model=PurgeAnswer, openapi_extra=bodies.takes(PurgeRequest))
    async def purge_jobs(caller: Caller, wanted: Annotated[PurgeRequest, Depends(bodies.body(PurgeRequest))]) -> Response:
        """Remove finished jobs by state and age."""
        before = None if wanted.finished_before is None else _wall(wanted.finished_before)
        return bodies.raw({"deleted": await change.purge(caller.user, wanted.engine, wanted.states, before)})

    @routes.get("/events", response_model=EventPage, tags=["events"])
    async def get_events(
        caller: Caller,
        after: str | None = None,
        wait_ms: Annotated[int, Query(ge=0, le=limits.CLAIM_WAIT_MAX_MS)] = 0,
    ) -> Response:
        """What was missed since a cursor. `after=latest` gives today's cursor and no events."""
        events, cursor = await watch.events(caller.user, after, wait_ms)
        return bodies.raw({"events": [event.model_dump() for event in events], "next": cursor})

    return routes


def _count(count: CountSubmits, request: Request, caller: Principal, jobs: int) -> None:
    state = request.state
    count(caller.user, state.client, local=state.ingress is Ingress.LOOPBACK, jobs=jobs)


def _taken(taken: Taken) -> Response:
    job = job_view(taken.engine, taken.job)
    answer = {"job": job, "notice": taken.notice}
    if taken.replayed:
        return bodies.raw(answer, 200, {"Idempotent-Replayed": "true", **draining_header(taken.draining)})
    return bodies.raw(answer, 201, {"Location": f"/api/v1/jobs/{job['id']}"})


def _batch_result(outcome: Taken | FloworkError) -> dict[str, Any]:
    if isinstance(outcome, FloworkError):
        return {"status": outcome.status, "problem": outcome.problem()}
    return {"status": 200 if outcome.replayed else 201, "job": job_view(outcome.engine, outcome.job)}


def _job(engine: str, job: JobRecord) -> Response:
    return bodies.raw({"job": job_view(engine, job)})


def detail_view(engine: str, detail: Detail) -> dict[str, Any]:
    """A job with its bodies; keys and types are those of `contract.jobs.JobDetail`."""
    view = job_view(engine, detail.job)
    view["payload"] = json.loads(detail.payload)
    view["result"] = None if detail.result is None else json.loads(detail.result)
    view["output"] = (
        None
        if detail.output_delivery is None
        else {"delivery": detail.output_delivery, "offset": len(detail.output.encode()), "text": detail.output}
    )
    taken = taken_by(detail.job)
    view["usage"] = asdict(taken) if taken else None
    view["attempts"] = timeline(detail.job, detail.attempts)
    return view


def _wall(text: str) -> int:
    try:
        return from_rfc3339(text)
    except ValueError as error:
        raise RequestInvalid("finished_before: not a date that exists.") from error
