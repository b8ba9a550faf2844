"""What happens in one attempt, timed: its phases for the report, its spans for a collector."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from contract import limits
from contract.engine_link import FinishReport, Lease, Phase
from contract.traces import attempt_span, wait_span
from contract.words import Outcome
from engine.rules.failures import JobFailed
from engine.rules.kinds import Value
from kit import trace_context
from kit.clock import MILLISECOND, Clock, Now
from kit.spans import NO_SPANS, Span, SpanKind, Spans
from kit.trace_context import TraceContext

RUN: Final = "run"
"""The phase that every attempt has: the handler's."""
NAME_MAX: Final = 64
LET_GO: Final = "job.lease_lost"


@dataclass(frozen=True, slots=True)
class Tracing:
    """What the timelines of an engine share."""

    clock: Clock
    spans: Spans = NO_SPANS
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


class Call:
    """`engine.rules.kinds.Call`: one call while it is made."""

    def __init__(self, traceparent: str, attributes: dict[str, Value]) -> None:
        self.traceparent = traceparent
        self.attributes = attributes

    def tell(self, attributes: Mapping[str, Value]) -> None:
        self.attributes.update(attributes)


class Timeline:
    """Of one attempt, from its making. Calls may come from any thread."""

    def __init__(self, lease: Lease, tracing: Tracing) -> None:
        self._lease = lease
        self._tracing = tracing
        self._began = tracing.clock.now()
        submit = trace_context.parse(lease.traceparent)
        self._submit = submit if submit is not None and tracing.spans.recording(submit) else None
        self._attempt = attempt_span(self._submit, lease.token) if self._submit is not None else None
        self._phases: list[Phase] = []

    @property
    def recorded(self) -> str | None:
        """The attempt's traceparent, if its span is kept."""
        return None if self._attempt is None else str(self._attempt)

    @property
    def traceparent(self) -> str:
        """What others are told to continue."""
        return self.recorded or self._lease.traceparent

    @property
    def phases(self) -> list[Phase]:
        """What has ended, in the order in which it began; what holds others comes before them."""
        return sorted(self._phases, key=lambda phase: (phase.began_ms, -phase.took_ms))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Around the handler."""
        began = self._tracing.clock.now()
        try:
            yield
        finally:
            self._phase(RUN, began, self._tracing.clock.now(), limits.PHASES_MAX)

    @contextlib.contextmanager
    def call(self, name: str, attributes: Mapping[str, Value]) -> Iterator[Call]:
        """Around a call to somebody else; see `engine.rules.kinds.Job.call`."""
        context = None if self._attempt is None else trace_context.child(self._attempt, self._tracing.random_bytes)
        made = Call(str(context or self.traceparent), dict(attributes))
        began, error = self._tracing.clock.now(), None
        try:
            yield made
        except BaseException as failure:
            error = failure.code if isinstance(failure, JobFailed) else type(failure).__name__
            raise
        finally:
            ended = self._tracing.clock.now()
            self._phase(name, began, ended, limits.PHASES_MAX - 1)
            if context is not None and self._attempt is not None:
                self._keep(name, context, self._attempt, SpanKind.CLIENT, began, ended, made.attributes, error)

    def ended(self, report: FinishReport | None) -> None:
        """The attempt is over; None: it was let go, and nothing may be said of the job."""
        if self._attempt is None or self._submit is None:
            return
        attributes: dict[str, Value] = {
            "flowork.job.id": self._lease.job,
            "flowork.job.kind": self._lease.kind,
            "flowork.attempt": self._lease.attempt,
            "flowork.outcome": "let_go" if report is None else str(report.outcome),
        }
        wait = wait_span(self._submit, self._lease.token)
        name, now = f"process {self._lease.kind}", self._tracing.clock.now()
        self._keep(name, self._attempt, self._submit, SpanKind.CONSUMER, self._began, now, attributes, _error(report), (wait,))

    def _phase(self, name: str, began: Now, ended: Now, most: int) -> None:
        """One phase more, while there are fewer than so many: the report carries no more."""
        if len(self._phases) >= most:
            return
        plain = "".join(letter if " " <= letter <= "~" else "?" for letter in name)[:NAME_MAX] or "?"
        self._phases.append(Phase(name=plain, began_ms=_ms(began.steady - self._began.steady), took_ms=_ms(ended.steady - began.steady)))

    def _keep(
        self,
        name: str,
        context: TraceContext,
        parent: TraceContext,
        kind: SpanKind,
        began: Now,
        ended: Now,
        attributes: dict[str, Value],
        error: str | None,
        links: tuple[TraceContext, ...] = (),
    ) -> None:
        until = began.wall + ended.steady - began.steady  # a civil clock that is set meanwhile must not make it longer or shorter
        self._tracing.spans.keep(Span(name, context, parent.span_id, kind, began.wall, until, attributes, links, error))


def _error(report: FinishReport | None) -> str | None:
    if report is None:
        return LET_GO
    failed = report.outcome in {Outcome.FAILED, Outcome.REFUSED} and report.error is not None
    return report.error.code if failed and report.error is not None else None


def _ms(microseconds: int) -> float:
    return max(0, microseconds) / MILLISECOND
