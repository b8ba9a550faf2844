"""Spans, kept for tests to look at."""

from dataclasses import dataclass, field

from kit.spans import Span
from kit.trace_context import TraceContext


@dataclass
class KeptSpans:
    """`kit.spans.Spans`."""

    all: list[Span] = field(default_factory=list)

    def recording(self, trace: TraceContext | None) -> bool:
        return trace is not None and trace.sampled

    def keep(self, span: Span) -> None:
        self.all.append(span)

    def named(self, name: str) -> Span:
        """The one of that name."""
        (found,) = [span for span in self.all if span.name == name]
        return found
