"""What a gateway measures of its promises, as window, command line, `/metrics` and status show it (protocol §9)."""

from contract.wire import Answer


class LevelView(Answer):
    """One promise, measured."""

    slo: str
    """`start_delay`, `end_to_end`, `queue_wait` (the expected wait): milliseconds, p95 of 15 minutes; `error_rate`: share, 15 minutes;
    `availability`: share, this month."""
    value: float | None
    """None while nothing was measured."""
    target: float
    state: str
    """`met`, `burning`, or `unknown` (too little to judge by)."""
    budget_left: float | None = None
    """Of the error budget: 1 is all of it, below 0 is overspent. `error_rate` over 24 hours, `availability` over the month."""
    p50: float | None = None
    """Of what is measured in milliseconds: half of it took no longer."""


class Counts(Answer):
    """What was counted in the last 15 minutes."""

    answers: int
    answers_5xx: int
    succeeded: int
    failed: int
    """Jobs that ended dead by our or the provider's fault."""
    refused: int
    """Jobs that ended dead because of what was asked."""
    cancelled: int
    expired: int


class PointView(Answer):
    """A second (of the last 15 minutes) or a minute (of the last 24 hours) of the charts."""

    at: str
    depth: int
    busy: float
    slots: float
    start_delay_ms: float | None
    end_to_end_ms: float | None
    wait_ms: float | None
    ended: int
    """Jobs that reached a final state within it."""
    errors: int
    """5xx answers and failed jobs within it."""


class Levels(Answer):
    """Every promise, and what lies behind it."""

    levels: list[LevelView]
    counts: Counts
    utilisation: float | None
    """Busy slots over slots in the seconds with demand of the last 15 minutes; 0.65 to 0.80 is what one aims at."""


class Series(Answer):
    """A chart's points, oldest first."""

    points: list[PointView]
