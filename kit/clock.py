"""Two clocks in one reading, and the RFC 3339 text of a time.

*Wall* is civil time: schedules, expiry and what people see. *Steady* counts without jumps and keeps counting while the
machine sleeps: leases. *Awake* stands still during sleep; the difference of the two tells that the machine slept.
"""

import ctypes
import ctypes.util
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

SECOND = 1_000_000
MILLISECOND = 1_000


class Now(NamedTuple):
    """One reading, in microseconds. `wall` since the epoch; `steady` from an arbitrary start of this process."""

    wall: int
    steady: int


class Clock(Protocol):
    """Where a program takes its time from; tests hand in a manual one."""

    def now(self) -> Now:
        """Read wall and steady time together."""

    def awake(self) -> int:
        """Microseconds that the machine has been awake, from an arbitrary start."""


def _steady_ns() -> Callable[[], int]:
    """The system's monotonic clock that includes suspend."""
    if sys.platform == "darwin":  # pragma: no cover - CLOCK_MONOTONIC_RAW is mach_continuous_time's clock on macOS
        clock = time.CLOCK_MONOTONIC_RAW
        return lambda: time.clock_gettime_ns(clock)
    if sys.platform == "win32":  # pragma: no cover
        return _windows_ns("QueryInterruptTimePrecise") or _ticks_ns()
    boottime = time.CLOCK_BOOTTIME
    return lambda: time.clock_gettime_ns(boottime)


def _awake_ns() -> Callable[[], int]:
    """The system's monotonic clock that stands still during suspend."""
    if sys.platform == "win32":  # pragma: no cover
        return _windows_ns("QueryUnbiasedInterruptTimePrecise") or time.monotonic_ns
    if sys.platform == "darwin":  # pragma: no cover
        clock = time.CLOCK_UPTIME_RAW
        return lambda: time.clock_gettime_ns(clock)
    return time.monotonic_ns


def _windows_ns(name: str) -> Callable[[], int] | None:  # pragma: no cover
    """A function of kernelbase that writes a time in units of 100 ns; None where there is none: wine 8 lacks both."""
    read = getattr(ctypes.WinDLL("kernelbase"), name, None)  # type: ignore[attr-defined,unused-ignore]
    if read is None:
        return None

    def now() -> int:
        value = ctypes.c_ulonglong()
        read(ctypes.byref(value))
        return value.value * 100

    return now


def _ticks_ns() -> Callable[[], int]:  # pragma: no cover
    """Counts suspend too, in steps of 10 to 16 ms."""
    read = ctypes.WinDLL("kernel32").GetTickCount64  # type: ignore[attr-defined,unused-ignore]
    read.restype = ctypes.c_ulonglong
    return lambda: int(read()) * 1_000_000


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._steady = _steady_ns()
        self._awake = _awake_ns()

    def now(self) -> Now:
        return Now(time.time_ns() // 1000, self._steady() // 1000)

    def awake(self) -> int:
        return self._awake() // 1000


class SleepWatch:
    """Notices that the machine slept: steady time ran on while awake time stood still."""

    def __init__(self, clock: Clock, tolerance_us: int) -> None:
        self._clock = clock
        self._tolerance = tolerance_us
        self._gap = clock.now().steady - clock.awake()

    def slept(self) -> int:
        """Microseconds slept since it last said so; 0 while they are within the tolerance."""
        gap = self._clock.now().steady - self._clock.awake()
        grown = gap - self._gap
        if grown <= self._tolerance:
            return 0
        self._gap = gap
        return grown


def rfc3339(wall: int) -> str:
    """UTC with microseconds and `Z`."""
    seconds, micros = divmod(wall, SECOND)
    return f"{_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=512)  # most times that are written are of the same few seconds
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_rfc3339(text: str) -> int:
    """Microseconds since the epoch.

    Raises:
        ValueError: not a date, or without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
