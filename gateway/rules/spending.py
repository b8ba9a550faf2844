"""What jobs take of providers: summed for each job, and held against the budget of a user's day (UTC)."""

from dataclasses import dataclass, replace
from typing import Final

from gateway.rules.job import JobRecord
from kit.clock import SECOND

DAY_US: Final = 24 * 3600 * SECOND
KEEP_DAYS: Final = 92
BUDGETED: Final = frozenset({"chat", "embed"})
"""Kinds that take something of providers."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Tokens, and what they cost in millionths of the owner's currency; None where no price is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int | None = None

    def __add__(self, other: "Taken") -> "Taken":
        known = [cost for cost in (self.cost_micros, other.cost_micros) if cost is not None]
        tokens = self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens
        return Taken(*tokens, sum(known) if known else None)

    def __bool__(self) -> bool:
        return self != NOTHING


NOTHING: Final = Taken()


@dataclass(frozen=True, slots=True)
class Limit:
    """A user's budget of a day; None does not limit."""

    cost_micros: int | None
    tokens: int | None


def day_of(wall_us: int) -> int:
    """The number of the UTC day, from the epoch."""
    return wall_us // DAY_US


def seconds_left(wall_us: int) -> float:
    """Until the next UTC midnight."""
    return (DAY_US - wall_us % DAY_US) / SECOND


def exhausted(taken: Taken, limit: Limit) -> bool:
    """Whether a budget is used up. Jobs that are on their way are not counted: they may carry a user a little beyond it."""
    tokens = limit.tokens is not None and taken.input_tokens + taken.output_tokens >= limit.tokens
    return tokens or (limit.cost_micros is not None and (taken.cost_micros or 0) >= limit.cost_micros)


def taken_by(job: JobRecord) -> Taken:
    """What all attempts of a job took."""
    return Taken(job.input_tokens, job.output_tokens, job.cost_micros)


def with_taken(job: JobRecord, more: Taken) -> JobRecord:
    """A job after an attempt that took something."""
    whole = taken_by(job) + more
    return replace(job, input_tokens=whole.input_tokens, output_tokens=whole.output_tokens, cost_micros=whole.cost_micros)
