"""Is a canary worse than the rest? And what each instance is in a rollout."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kit.percentiles import percentile


class RolloutState(StrEnum):
    """How far the rollout of one version is."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    REPLACED = "replaced"
    """It was promoted once; another version has been promoted since."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One version of one engine, being tried or judged. Times are wall microseconds."""

    engine: str
    version: str
    percent: int
    """Of the claims, for canaries, while others wait too."""
    state: RolloutState
    started_at: int
    ended_at: int | None = None
    reason: str | None = None
    """Why it was rolled back."""


class Ended(Protocol):
    """An attempt that has ended."""

    @property
    def service_s(self) -> float:
        """From the lease to the end."""

    @property
    def failed(self) -> bool:
        """By the engine's or the job's fault."""


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse a canary may be."""

    attempts: int = 20
    """So many of each side, before anybody is judged."""
    failures: int = 3
    """Fewer failures, or fewer slow attempts, are chance."""
    error_rate: float = 0.05
    """Beyond the rest's, as a fraction of the attempts."""
    sigmas: float = 2.0
    """And the difference must be so many standard errors (two-proportion z): a few more failures than the others had, of few
    attempts, is chance. It is asked again and again, so the plain difference would fire on noise sooner or later."""
    slower: float = 1.5
    """p95 of the service time, as a multiple of the rest's ..."""
    slower_s: float = 0.05
    """... plus this, so that very short jobs are not judged by the scheduler's grain."""


def judge(canary: Sequence[Ended], rest: Sequence[Ended], margins: Margins) -> str | None:
    """Why the canary is to be rolled back, in words for its owner; None while it is not worse, or not known well enough."""
    if min(len(canary), len(rest)) < margins.attempts:
        return None
    return _failing(canary, rest, margins) or _slow(canary, rest, margins)


def _failing(canary: Sequence[Ended], rest: Sequence[Ended], margins: Margins) -> str | None:
    failed, others = sum(attempt.failed for attempt in canary), sum(attempt.failed for attempt in rest)
    rate, other_rate = failed / len(canary), others / len(rest)
    pooled = (failed + others) / (len(canary) + len(rest))
    error = math.sqrt(pooled * (1 - pooled) * (1 / len(canary) + 1 / len(rest)))
    difference = rate - other_rate
    if failed < margins.failures or difference <= margins.error_rate or difference < margins.sigmas * error:
        return None
    return f"{failed} of {len(canary)} attempts failed ({rate:.0%}); of the others' {others} of {len(rest)} ({other_rate:.0%})"


def _slow(canary: Sequence[Ended], rest: Sequence[Ended], margins: Margins) -> str | None:
    times, other_times = sorted(a.service_s for a in canary), sorted(a.service_s for a in rest)
    p95, other_p95 = percentile(times, 0.95), percentile(other_times, 0.95)
    bound = other_p95 * margins.slower + margins.slower_s
    if p95 <= bound or sum(time > bound for time in times) < margins.failures:
        return None
    return f"p95 of the service time is {p95 * 1000:.0f} ms; of the others {other_p95 * 1000:.0f} ms"


def is_canary(version: str, flagged: bool, running: str | None, promoted: str | None) -> bool:
    """Does an instance get the canary's share? Of a rollout's version, or flagged; but not once its version is everybody's."""
    return version == running or (flagged and version != promoted)
