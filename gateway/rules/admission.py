"""May one more job enter a queue (protocol §4, ROADMAP §3)?"""

import math
from dataclasses import dataclass

RETRY_AFTER_MAX_S = 60.0
RETRY_AFTER_UNKNOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """A queue at one moment, read in the transaction that would insert."""

    scheduled: int
    queued: int
    running: int


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What the rule measures against."""

    hard_cap: int
    """Most jobs waiting (scheduled and queued)."""
    drained_per_s: float | None
    """Jobs leaving the queue each second, as measured lately; None while unknown."""
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Let it in."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Keep it out; `retry_after_s` is when a place should be free."""

    reason: str
    retry_after_s: float


def decide(load: Load, limits: AdmissionLimits) -> Admit | Reject:
    """Judge one job against the load of its queue: draining first, then fullness."""
    if limits.draining:
        return Reject("draining", RETRY_AFTER_UNKNOWN_S)
    excess = load.scheduled + load.queued + 1 - limits.hard_cap
    if excess <= 0:
        return Admit()
    if not limits.drained_per_s:
        return Reject("full", RETRY_AFTER_UNKNOWN_S)
    return Reject("full", min(RETRY_AFTER_MAX_S, max(1.0, math.ceil(excess / limits.drained_per_s))))
