"""How long attempts hold a slot, and how they end: what admission, rollouts and the status page go by. In memory, measured anew."""

import statistics
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from contract.errors import EngineUserNotAllowed
from contract.words import JobState
from kit.clock import SECOND, Clock

WINDOW_US = 15 * 60 * SECOND
KEPT_MAX = 20_000
MEAN_OF = 500
"""The mean service time is of the latest attempts, so that it follows a change of load."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that has ended."""

    at: int
    """Steady time of its end."""
    instance: str
    service_s: float
    """From the lease to the end."""
    failed: bool
    """By the engine's or the job's fault; a cancel, a refusal and a give-back are no failures."""


@dataclass(slots=True)
class _Begun:
    instance: str
    at: int
    number: int


@dataclass(slots=True)
class Attempts:
    """The attempts of the last 15 minutes, per engine."""

    clock: Clock
    _running: dict[str, _Begun] = field(default_factory=dict)
    _ended: dict[str, deque[Attempt]] = field(default_factory=dict)
    _means: dict[str, tuple[int, float | None]] = field(default_factory=dict)

    def begun(self, job: str, instance: str, at: int, number: int) -> bool:
        """A job was handed to an instance as its so-manieth attempt; `at` is the steady time of the lease.

        Returns:
            False when this is known: a repeated claim got the same lease again.
        """
        begun = _Begun(instance, at, number)
        again = self._running.get(job) == begun
        self._running[job] = begun
        return not again

    def changed(self, engine: str, job: dict[str, Any], at: int) -> None:
        """A job of which an event tells is as `job` says (`contract.jobs.Job`)."""
        if job["state"] == JobState.RUNNING:
            return
        begun = self._running.pop(job["id"], None)
        if begun is None:
            return
        ended = self._ended.setdefault(engine, deque(maxlen=KEPT_MAX))
        ended.append(Attempt(at, begun.instance, max(0, at - begun.at) / SECOND, _failed(job, begun.number)))

    def running(self, instance: str) -> int:
        """Jobs that were handed to an instance since this process runs, and have not ended."""
        return sum(begun.instance == instance for begun in self._running.values())

    def mean_service_s(self, engine: str) -> float | None:
        """How long an attempt holds a slot, at most a second old; None while nothing ended in 15 minutes."""
        now = self.clock.now().steady
        taken_at, mean = self._means.get(engine, (now - SECOND, None))
        if now - taken_at >= SECOND:
            latest = self.of(engine)[-MEAN_OF:]
            mean = statistics.fmean(attempt.service_s for attempt in latest) if latest else None
            self._means[engine] = (now, mean)
        return mean

    def of(self, engine: str, instances: Collection[str] | None = None, since: int = 0) -> list[Attempt]:
        """Attempts that ended in the last 15 minutes and not before steady time `since`, oldest first; of some instances or all."""
        ended = self._ended.get(engine, deque())
        since = max(since, self.clock.now().steady - WINDOW_US)
        while ended and ended[0].at < self.clock.now().steady - WINDOW_US:
            ended.popleft()
        return [attempt for attempt in ended if attempt.at >= since and (instances is None or attempt.instance in instances)]


def _failed(job: dict[str, Any], number: int) -> bool:
    match job["state"]:
        case JobState.DEAD:
            return job["error"] is None or job["error"]["code"] != EngineUserNotAllowed.code
        case JobState.QUEUED:
            # Waiting for a retry, or its lease was lost; what is given back does not count as an attempt.
            return job["run_at"] is not None or job["attempt"] >= number
    return False
