"""The gateway's spans: a submit, the wait of a job, the end of an attempt, the event that tells of it.

All hang on the traceparent that a job was stored with, which names the span of its submit.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from contract.traces import attempt_span, wait_span
from contract.words import JobState
from kit import trace_context
from kit.clock import Clock
from kit.spans import Span, SpanKind, Spans, Value
from kit.trace_context import TraceContext

TRACED: Final = frozenset({("POST", "/api/v1/jobs"), ("POST", "/api/v1/jobs:batch")})
"""Requests that have a span: those that begin jobs. Polls and heartbeats would drown everything."""
LEASE_LOST: Final = "job.lease_lost"


@dataclass(frozen=True, slots=True)
class RequestSpans:
    """Spans of requests, and which traces are sampled. `ratio` is the share of those that begin here."""

    spans: Spans
    clock: Clock
    ratio: float
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    def trace(self, remote: TraceContext | None) -> TraceContext:
        """The request's own place: in the caller's trace, sampled if the caller says so, else in a new one."""
        if remote is not None:
            return trace_context.child(remote, self.random_bytes)
        return trace_context.begin(self.random_bytes, self.ratio)

    def answered(
        self, trace: TraceContext, remote: TraceContext | None, route: str | None, method: str, status: int, scheme: str, seconds: float
    ) -> None:
        """A request of somebody signed in was answered just now. A stranger's is not told of: anybody could fill the collector."""
        if (method, route) not in TRACED or not self.spans.recording(trace):
            return
        now = self.clock.now().wall
        self.spans.keep(
            Span(
                name=f"{method} {route}",
                context=trace,
                parent_id=None if remote is None else remote.span_id,
                kind=SpanKind.SERVER,
                began=now - round(seconds * 1_000_000),
                ended=now,
                attributes={
                    "http.request.method": method,
                    "http.route": route or "",
                    "http.response.status_code": status,
                    "url.scheme": scheme,
                },
                error=str(status) if status >= 500 else None,
            )
        )


@dataclass(frozen=True, slots=True)
class Leased:
    """What is known of an attempt from its lease. Wall times in microseconds."""

    job: str
    kind: str
    attempt: int
    instance: str
    token: str
    traceparent: str
    ready_at: int
    started_at: int

    @property
    def attributes(self) -> dict[str, Value]:
        """What every span of the attempt says."""
        return {"flowork.job.id": self.job, "flowork.job.kind": self.kind, "flowork.attempt": self.attempt}


@dataclass(frozen=True, slots=True)
class _Finishing:
    attempt: TraceContext | None
    began: int


@dataclass(slots=True)
class JobSpans:
    """Spans of jobs, made as the pulse hears of their changes. What it remembers is of sampled jobs that run now."""

    spans: Spans
    clock: Clock
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    _running: dict[str, tuple[Leased, TraceContext]] = field(default_factory=dict)
    """With the span of the submit."""
    _finishing: dict[str, _Finishing] = field(default_factory=dict)

    def leased(self, lease: Leased) -> None:
        """A job was handed out, and not by a repeated answer: its wait is over."""
        submit = trace_context.parse(lease.traceparent)
        if submit is None or not self.spans.recording(submit):
            return
        self._running[lease.job] = lease, submit
        wait = wait_span(submit, lease.token)
        self.spans.keep(
            Span("job wait", wait, submit.span_id, SpanKind.INTERNAL, lease.ready_at, lease.started_at, attributes=lease.attributes)
        )

    @contextlib.contextmanager
    def finishing(self, reports: Iterable[tuple[str, str | None]]) -> Iterator[None]:
        """Around the transaction that ends attempts: job and, where its engine records it, the attempt's traceparent."""
        began = self.clock.now().wall
        told = {job: _Finishing(attempt, began) for job, text in reports if self._recorded(job, attempt := trace_context.parse(text))}
        self._finishing.update(told)
        try:
            yield
        finally:
            for job, one in told.items():
                if self._finishing.get(job) is one:  # it changed nothing: lost, or known
                    del self._finishing[job]

    def _recorded(self, job: str, attempt: TraceContext | None) -> bool:
        return job in self._running or self.spans.recording(attempt)

    def changed(self, job: dict[str, Any], committed_at: int) -> None:
        """An event of a job (`contract.jobs.Job`) was published just now; its change was committed at that steady time."""
        state = job.get("state")
        if state is None or state == JobState.RUNNING or not (self._running or self._finishing):
            return
        running, finishing = self._running.pop(job["id"], None), self._finishing.pop(job["id"], None)
        above, reported = None, None if finishing is None else self._of_same_trace(finishing.attempt, running)
        now = self.clock.now()
        committed = now.wall - max(0, now.steady - committed_at)
        if reported is None and running is not None:
            code = None if job["error"] is None else job["error"]["code"]
            above = self._attempt(*running, committed, code if finishing is not None else LEASE_LOST)
        if finishing is not None and (parent := reported or above):
            above = self._below(parent, f"finish {job['kind']}", SpanKind.INTERNAL, finishing.began, now.wall, job)
        if above is not None and JobState(state).final:
            self._below(above, "publish job.updated", SpanKind.PRODUCER, committed, now.wall, job)

    @staticmethod
    def _of_same_trace(attempt: TraceContext | None, running: tuple[Leased, TraceContext] | None) -> TraceContext | None:
        """The attempt as its engine names it; an engine has no say in other traces than its job's."""
        return attempt if attempt is None or running is None or attempt.trace_id == running[1].trace_id else None

    def _below(self, parent: TraceContext, name: str, kind: SpanKind, began: int, ended: int, job: dict[str, Any]) -> TraceContext:
        context = trace_context.child(parent, self.random_bytes)
        attributes: dict[str, Value] = {
            "flowork.job.id": job["id"],
            "flowork.job.kind": job["kind"],
            "flowork.job.state": str(job["state"]),
        }
        self.spans.keep(Span(name, context, parent.span_id, kind, began, ended, attributes))
        return context

    def _attempt(self, lease: Leased, submit: TraceContext, at: int, error: str | None) -> TraceContext:
        """An engine that is gone, or records nothing, will not tell of this attempt: the gateway does, by the same id."""
        context = attempt_span(submit, lease.token)
        self.spans.keep(
            Span(
                name=f"process {lease.kind}",
                context=context,
                parent_id=submit.span_id,
                kind=SpanKind.CONSUMER,
                began=lease.started_at,
                ended=at,
                attributes={**lease.attributes, "flowork.instance": lease.instance},
                links=(wait_span(submit, lease.token),),
                error=error,
            )
        )
        return context


@dataclass(frozen=True, slots=True)
class Tracing:
    """The spans of one gateway."""

    requests: RequestSpans
    jobs: JobSpans


def tracing(spans: Spans, clock: Clock, random_bytes: Callable[[int], bytes], ratio: float) -> Tracing:
    """Both, for one collector."""
    return Tracing(RequestSpans(spans, clock, ratio, random_bytes), JobSpans(spans, clock, random_bytes))
