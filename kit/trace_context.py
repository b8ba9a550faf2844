"""W3C Trace Context, level 1: reading, making and continuing `traceparent`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_VERSION_00 = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace."""

    trace_id: str
    span_id: str
    flags: str = "01"

    @property
    def sampled(self) -> bool:
        """Are its spans to be recorded (§3.2.2.5.1)?"""
        return bool(int(self.flags, 16) & 1)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def parse(text: str | None) -> TraceContext | None:
    """Read a `traceparent`; None when it is absent or invalid. Unknown versions are read by their first four fields."""
    match = _VERSION_00.fullmatch(text) if text and len(text) <= 256 else None
    if match is None or (match[4] is not None and text is not None and text.startswith("00-")):
        return None
    return TraceContext(match[1], match[2], match[3])


def begin(random_bytes: Callable[[int], bytes], ratio: float = 1.0) -> TraceContext:
    """Start a new trace; `ratio` is the share of those that are sampled."""
    trace_id = random_bytes(16)
    return TraceContext(trace_id.hex(), random_bytes(8).hex(), "01" if in_share(trace_id, ratio) else "00")


def in_share(trace_id: bytes, ratio: float) -> bool:
    """Does a trace belong to this share of all? By its last 8 bytes alone, as OpenTelemetry's TraceIdRatioBased decides."""
    return int.from_bytes(trace_id[8:]) < round(ratio * 2**64)


def child(parent: TraceContext, random_bytes: Callable[[int], bytes]) -> TraceContext:
    """A new span of the same trace."""
    return TraceContext(parent.trace_id, random_bytes(8).hex(), parent.flags)
