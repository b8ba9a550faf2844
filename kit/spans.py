"""Spans: what happened from when to when, at which place of a trace. Kept for sampled traces, when a collector is named."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from kit.otlp import OtlpSettings
from kit.trace_context import TraceContext

Value = str | int | float | bool


class SpanKind(IntEnum):
    """Which side of a call a span is; the numbers are those of OTLP."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@dataclass(frozen=True, slots=True)
class Span:
    """One span that has ended. Times in microseconds since the epoch."""

    name: str
    context: TraceContext
    parent_id: str | None
    """None for the first span of a trace."""
    kind: SpanKind
    began: int
    ended: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    links: tuple[TraceContext, ...] = ()
    error: str | None = None
    """A short code of why it failed; never words that may hold a person's data. None: it did not."""


class Spans(Protocol):
    """Where ended spans go. Never waits, never raises."""

    def recording(self, trace: TraceContext | None) -> bool:
        """Is anything of this trace kept? Whoever makes a span asks first."""

    def keep(self, span: Span) -> None:
        """Take a span; from any thread."""


class NoSpans:
    """Nobody collects."""

    def recording(self, trace: TraceContext | None) -> bool:  # noqa: ARG002
        return False

    def keep(self, span: Span) -> None:
        """Forget it."""


NO_SPANS: Final = NoSpans()


@dataclass(frozen=True, slots=True)
class Service:
    """Whose spans these are (OpenTelemetry's resource)."""

    name: str
    version: str
    instance: str


@contextlib.asynccontextmanager
async def open_spans(settings: OtlpSettings, service: Service) -> AsyncIterator[Spans]:
    """What the settings ask for, for the length of the block; its end waits at most two seconds for the collector.

    Raises:
        HeadersRefused.
    """
    if settings.endpoint is None:
        yield NO_SPANS
        return
    from kit.span_sender import sending  # protobuf: loaded only by those who send

    async with sending(settings.endpoint, settings.headers(), service) as spans:
        yield spans
