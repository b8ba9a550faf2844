"""Spans to a collector: OTLP over HTTP with protobuf bodies, from a thread of its own (OpenTelemetry Protocol 1.x).

Written on OpenTelemetry's messages instead of its SDK: see docs/adr/0015-traces.md.
"""

import asyncio
import contextlib
import http.client
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from kit.logs import Log
from kit.otlp_wire import Post, Poster, attributes, resource, scope
from kit.spans import Service, Span, Spans
from kit.trace_context import TraceContext

log = Log("spans")
WAITING_MAX: Final = 4096
"""Spans kept for a collector; what comes beyond is dropped. About 4 MB."""
BATCH_MAX: Final = 512
GATHER_S: Final = 1.0
"""From the first waiting span to the push that takes it along."""
PATIENCE_MAX_S: Final = 30.0
"""The longest wait between two tries while the collector does not answer."""
STOP_S: Final = 2.0
TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
"""By the protocol; everything else is a final no to this batch."""


class Unsent(Exception):
    """The collector did not take a batch; the message is a word for the log."""


class SpanSender:
    """`Spans` for one collector. One line of log when it stops taking them, one when it takes them again."""

    def __init__(self, post: Post, service: Service, gather_s: float = GATHER_S, waiting_max: int = WAITING_MAX) -> None:
        self._post = post
        self._service = service
        self._gather_s = gather_s
        self._waiting_max = waiting_max
        self._waiting: deque[Span] = deque()
        self._some = threading.Event()
        self._stop = threading.Event()
        self._dropped = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"spans-{service.name}", daemon=True)

    @property
    def dropped(self) -> int:
        """Spans that were not sent since it began."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Spans that are still to be sent."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, seconds: float = STOP_S) -> bool:
        """Try once more to send what waits, and end; False when that took too long and was given up."""
        self._stop.set()
        self._some.set()
        self._thread.join(seconds)
        if lost := self._dropped + len(self._waiting):
            log.warning("spans.lost", spans=lost)
        return not self._thread.is_alive()

    def recording(self, trace: TraceContext | None) -> bool:
        return trace is not None and trace.sampled

    def keep(self, span: Span) -> None:
        if len(self._waiting) >= self._waiting_max:
            self._dropped += 1
            return
        self._waiting.append(span)
        if not self._some.is_set():
            self._some.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._some.wait()
            self._stop.wait(min(self._gather_s * 2**self._failures, PATIENCE_MAX_S))
            self._some.clear()
            self._push()
            if self._waiting:
                self._some.set()
        self._push()  # what came between the last push and the stop

    def _push(self) -> None:
        """Send what waits; the first batch that is not taken goes back, to be tried later."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            try:
                self._send(batch)
            except Unsent as error:
                self._waiting.extendleft(reversed(batch))
                self._failures = min(self._failures + 1, 16)
                if self._failures == 1:
                    log.warning("spans.unsent", reason=str(error))
                return
            if self._failures:
                self._failures = 0
                log.info("spans.sent_again", dropped=self._dropped)

    def _send(self, batch: Sequence[Span]) -> None:
        try:
            status = self._post(encoded(self._service, batch))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unsent(type(error).__name__) from error
        if status in TRY_AGAIN:
            raise Unsent(f"status {status}")
        if status >= 300:
            self._dropped += len(batch)
            log.warning("spans.refused", status=status, spans=len(batch))


@contextlib.asynccontextmanager
async def sending(endpoint: str, headers: Mapping[str, str], service: Service) -> AsyncIterator[Spans]:
    """A sender for the length of the block."""
    poster = Poster(endpoint, "/v1/traces", headers)
    sender = SpanSender(poster, service)
    sender.start()
    try:
        yield sender
    finally:
        if not await asyncio.to_thread(sender.stop):
            poster.break_off()


def encoded(service: Service, spans: Iterable[Span]) -> bytes:
    """One `ExportTraceServiceRequest`."""
    whole = ResourceSpans(resource=resource(service), scope_spans=[ScopeSpans(scope=scope(service), spans=map(_wire_span, spans))])
    body: bytes = ExportTraceServiceRequest(resource_spans=[whole]).SerializeToString()
    return body


def _wire_span(span: Span) -> WireSpan:
    return WireSpan(
        trace_id=bytes.fromhex(span.context.trace_id),
        span_id=bytes.fromhex(span.context.span_id),
        parent_span_id=bytes.fromhex(span.parent_id or ""),
        flags=1,  # sampled: no other is ever sent
        name=span.name,
        kind=WireSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.began * 1000,
        end_time_unix_nano=max(span.began, span.ended) * 1000,
        attributes=attributes(span.attributes if span.error is None else {**span.attributes, "error.type": span.error}),
        links=[WireSpan.Link(trace_id=bytes.fromhex(link.trace_id), span_id=bytes.fromhex(link.span_id)) for link in span.links],
        status=None if span.error is None else Status(code=Status.STATUS_CODE_ERROR, message=span.error),
    )
