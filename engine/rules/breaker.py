"""The circuit breaker of one model at one provider: who fails again and again is left alone for a while, then tried once.

closed -> (so many failures in a row) -> open -> (its time is over) -> half open, one probe -> closed, or open again.
"""

from dataclasses import dataclass
from enum import StrEnum


class Circuit(StrEnum):
    """How it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`failures` in a row open it, for `open_us` microseconds."""

    failures: int
    open_us: int


class Breaker:
    """Times are microseconds of a clock that never goes back. Each ticket of `admit` comes back with exactly one of `succeeded`,
    `failed` and `left`.
    """

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._row = 0
        self._opened: int | None = None
        self._tickets = 0
        self._probe: int | None = None

    def state(self, now: int) -> Circuit:
        """Now."""
        if self._opened is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._opened + self._limits.open_us else Circuit.HALF_OPEN

    def wait_us(self, now: int) -> int:
        """Until a call may be admitted; 0 when one may be now. While a probe runs nobody knows: then it is a whole pause."""
        match self.state(now):
            case Circuit.CLOSED:
                return 0
            case Circuit.OPEN:
                assert self._opened is not None
                return self._opened + self._limits.open_us - now
            case Circuit.HALF_OPEN:
                return 0 if self._probe is None else self._limits.open_us

    def admit(self, now: int) -> int | None:
        """A ticket for one call, or None. While it is half open that call is the probe."""
        if self.wait_us(now) > 0:
            return None
        self._tickets += 1
        if self._opened is not None:
            self._probe = self._tickets
        return self._tickets

    def succeeded(self) -> None:
        """A call got an answer; also one that refuses what was asked."""
        self._row, self._opened, self._probe = 0, None, None

    def failed(self, ticket: int, now: int) -> None:
        """The provider was ill. Calls that were under way when it opened do not keep it open for longer."""
        self._row += 1
        if ticket == self._probe or (self._opened is None and self._row >= self._limits.failures):
            self._opened, self._probe = now, None

    def left(self, ticket: int) -> None:
        """The call was given up by whoever made it: it says nothing, and another may be the probe."""
        if ticket == self._probe:
            self._probe = None
