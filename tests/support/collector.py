"""An OTLP collector: HTTP with protobuf bodies, keeping what came (OpenTelemetry Protocol 1.x)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from kit.spans import SpanKind

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Seen:
    """One span that came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the first one of a trace."""
    kind: SpanKind
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    links: tuple[str, ...]
    """Span ids."""
    failed: bool
    resource: dict[str, Any]

    @property
    def service(self) -> str:
        return str(self.resource["service.name"])


@dataclass
class Collector:
    """What a running collector was sent. Set `status` or `hold` to make it ill."""

    endpoint: str = ""
    """For `OtlpSettings.endpoint`, `FLOWORK_OTLP_ENDPOINT`."""
    spans: list[Seen] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers (names in lower case) of every request, refused ones too."""
    status: int = 200
    """What is answered; what came with another status than 200 is not kept."""
    hold: asyncio.Event | None = None
    """Answers wait until it is set."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def of_trace(self, trace_id: str) -> list[Seen]:
        return [span for span in self.spans if span.trace_id == trace_id]

    async def until(self, holds: Callable[["Collector"], Any], what: str = "", patience_s: float = PATIENCE_S) -> Any:
        """Wait until the condition is true; what it gave."""
        try:
            async with asyncio.timeout(patience_s):
                while not (answer := holds(self)):
                    self._changed.clear()
                    await self._changed.wait()
                return answer
        except TimeoutError:
            names = sorted((span.trace_id[:8], span.service, span.name) for span in self.spans)
            raise AssertionError(f"the collector did not get {what or holds}; it has {names} of {len(self.requests)} requests") from None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.path, {name.lower(): value for name, value in request.headers.items()}))
        self._changed.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.status == 200:
            self._keep(request.path, body)
            self._changed.set()
        return web.Response(status=self.status, content_type="application/x-protobuf")

    def _keep(self, path: str, body: bytes) -> None:
        match path:
            case "/v1/traces":
                self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            case "/v1/metrics":
                self.metrics.append(ExportMetricsServiceRequest.FromString(body))


def _spans(request: ExportTraceServiceRequest) -> list[Seen]:
    return [
        Seen(
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            kind=SpanKind(span.kind),
            began_ns=span.start_time_unix_nano,
            ended_ns=span.end_time_unix_nano,
            attributes=_values(span.attributes),
            links=tuple(link.span_id.hex() for link in span.links),
            failed=span.status.code == 2,
            resource=_values(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    def value(one: KeyValue) -> Any:
        return getattr(one.value, one.value.WhichOneof("value") or "string_value")

    return {one.key: value(one) for one in attributes}


@contextlib.asynccontextmanager
async def collecting(port: int = 0) -> AsyncIterator[Collector]:
    """A collector for the length of the block, on a free port unless one is given."""
    collector = Collector()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/{path:.*}", collector.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        if collector.hold is not None:
            collector.hold.set()
        await runner.cleanup()
