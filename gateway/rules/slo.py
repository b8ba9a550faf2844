"""Service levels: what is measured, what is promised, and when a promise burns (ROADMAP §2, protocol §9)."""

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from contract.job_failures import JOB_FAILURES
from kit.clock import SECOND
from kit.percentiles import percentile

FEW: Final = 20
"""Below so many events a percentile or a rate says nothing about a promise."""
WELL_AFTER_S: Final = 60
"""A promise that burnt is kept again once it was met for so long: an alert must not flutter."""
INPUT_CODES: Final = frozenset(code for code, failure in JOB_FAILURES.items() if failure.asker)
INPUT_PREFIXES: Final = ("input.", "request.")


class Slo(StrEnum):
    """The promises."""

    START_DELAY = "start_delay"
    END_TO_END = "end_to_end"
    ERROR_RATE = "error_rate"
    AVAILABILITY = "availability"
    QUEUE_WAIT = "queue_wait"


RATIOS: Final = frozenset({Slo.ERROR_RATE, Slo.AVAILABILITY})
"""Promises about a share of 1; the others are about milliseconds."""
TARGETS: Final = {
    Slo.START_DELAY: 500.0,  # ms, p95
    Slo.END_TO_END: 1500.0,  # ms, p95
    Slo.ERROR_RATE: 0.01,
    Slo.AVAILABILITY: 0.999,
    Slo.QUEUE_WAIT: 500.0,  # ms, p95 of the expected wait: 2 x 250 ms
}


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted in a span of time."""

    answers: int = 0
    """HTTP answers to people and engines."""
    answers_5xx: int = 0
    succeeded: int = 0
    failed: int = 0
    """Jobs that ended dead by our or the provider's fault."""
    refused: int = 0
    """Jobs that ended dead because of what was asked."""
    cancelled: int = 0
    expired: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*map(operator.add, _counts(self), _counts(other)))

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(*map(operator.sub, _counts(self), _counts(other)))

    @property
    def error_rate(self) -> float | None:
        """The worse of 5xx among answers and of failed among ended jobs, 0..1; None while nothing was counted.

        Each by itself: the many answers of long polls must not hide that every second job fails.
        """
        ended = self.succeeded + self.failed
        rates = [bad / of for bad, of in ((self.answers_5xx, self.answers), (self.failed, ended)) if of]
        return max(rates, default=None)

    @property
    def counted(self) -> int:
        """How much there is to judge by."""
        return max(self.answers, self.succeeded + self.failed)


_counts = operator.attrgetter(*(field.name for field in fields(Tally)))


@dataclass(frozen=True, slots=True)
class Point:
    """One second or one minute of the charts. None where nothing was measured."""

    at: int
    """Wall time of its end, microseconds."""
    depth: int
    """Jobs waiting: in a minute, the most at the end of a second."""
    busy: float
    """Slots taken: in a minute, the mean."""
    slots: float
    start_delay_ms: float | None
    """p95 of what was leased within it."""
    end_to_end_ms: float | None
    """p95 of what ended within it."""
    wait_ms: float | None
    """The longest expected wait of an engine's queue."""
    tally: Tally


def fold(points: Sequence[Point], start_delays: Sequence[float], end_to_ends: Sequence[float]) -> Point:
    """One minute out of its seconds (at least one); the percentiles are of the minute's own samples, ascending."""
    tally = Tally()
    for point in points:
        tally += point.tally
    return Point(
        at=points[-1].at,
        depth=max(point.depth for point in points),
        busy=math.fsum(point.busy for point in points) / len(points),
        slots=math.fsum(point.slots for point in points) / len(points),
        start_delay_ms=p95(start_delays),
        end_to_end_ms=p95(end_to_ends),
        wait_ms=max((point.wait_ms for point in points if point.wait_ms is not None), default=None),
        tally=tally,
    )


def p95(ascending: Sequence[float]) -> float | None:
    """The 95th percentile; None of nothing."""
    return percentile(ascending, 0.95) if ascending else None


def p50(ascending: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return percentile(ascending, 0.5) if ascending else None


def utilisation(points: Iterable[Point]) -> float | None:
    """Busy slots over slots, 0..1, of the seconds with demand for at least one worker; None without such a second (protocol §9)."""
    judged = [point for point in points if point.slots and point.busy + point.depth >= 1]
    slots = math.fsum(point.slots for point in judged)
    return math.fsum(point.busy for point in judged) / slots if slots else None


def by_fault(code: str | None) -> bool:
    """Is a job that ended dead our or the provider's fault, and not that of who asked?"""
    return code is None or not (code in INPUT_CODES or code.startswith(INPUT_PREFIXES))


@dataclass(frozen=True, slots=True)
class Switched:
    """A span in which the owner had the gateway switched on and the machine awake, and how much of it it was ready; seconds."""

    on_s: float = 0.0
    ready_s: float = 0.0

    def __add__(self, other: "Switched") -> "Switched":
        return Switched(self.on_s + other.on_s, self.ready_s + other.ready_s)

    @property
    def availability(self) -> float | None:
        """0..1; None before there was any."""
        return min(1.0, self.ready_s / self.on_s) if self.on_s else None


class State(StrEnum):
    """How a promise stands."""

    MET = "met"
    BURNING = "burning"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Level:
    """One promise, measured."""

    slo: Slo
    value: float | None
    """Milliseconds, or a share 0..1."""
    target: float
    state: State
    budget_left: float | None
    """What is left of the error budget, 1 = all of it, below 0 = overspent; None where there is no budget or nothing was measured."""
    p50: float | None = None
    """Of what is measured in milliseconds: half of it took no longer."""


def level(slo: Slo, value: float | None, counted: int, budget_of: Tally | Switched | None = None) -> Level:
    """Judge one value; `counted` events lie behind it, and `budget_of` is the longer span whose budget is looked at."""
    target = TARGETS[slo]
    if value is None or counted < FEW:
        state = State.UNKNOWN
    elif slo is Slo.AVAILABILITY:
        state = State.MET if value >= target else State.BURNING
    else:
        state = State.MET if value <= target else State.BURNING
    return Level(slo, value, target, state, _budget(slo, budget_of))


def duration(slo: Slo, ascending: Sequence[float]) -> Level:
    """Judge the 95th percentile of milliseconds."""
    return replace(level(slo, p95(ascending), len(ascending)), p50=p50(ascending))


def _budget(slo: Slo, of: Tally | Switched | None) -> float | None:
    match of:
        case Tally():
            used = of.error_rate
            return None if used is None else 1 - used / TARGETS[slo]
        case Switched():
            up = of.availability
            return None if up is None else 1 - (1 - up) / (1 - TARGETS[slo])
    return None


@dataclass(frozen=True, slots=True)
class Alert:
    """What was last said of one promise."""

    burning: bool = False
    met_since: int | None = None
    """Steady time since which a burning promise is met again."""


class Said(StrEnum):
    """What is to be said now."""

    BURNS = "burns"
    WELL = "well"


def alert(before: Alert, state: State, now: int) -> tuple[Alert, Said | None]:
    """Say once that a promise burns, and once that it is well again; `now` is steady microseconds. Without data nothing changes."""
    if state is State.BURNING:
        return Alert(burning=True), None if before.burning else Said.BURNS
    if not before.burning or state is State.UNKNOWN:
        return before, None
    since = now if before.met_since is None else before.met_since
    if now - since >= WELL_AFTER_S * SECOND:
        return Alert(), Said.WELL
    return Alert(burning=True, met_since=since), None
