"""Loads for the simulation: jobs each second as a function of virtual time, and how long a job takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600.0
Rate = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Load:
    """One scenario."""

    seconds: float
    rate: Rate
    """Jobs each second at a time."""
    peak: float
    """Never more than this."""
    service_s: float = 0.2
    """The mean; service times are exponential."""


def loads(*, long: bool) -> dict[str, Load]:
    """All scenarios. With `long` the day lasts 24 hours, and the others repeat for longer."""
    day = (24 if long else 4) * HOUR
    length = (8 if long else 2) * HOUR
    return {
        "step": Load(length, lambda t: 40.0 if 0.25 * HOUR <= t < 0.75 * HOUR else 5.0, 40),
        "ramp": Load(length, lambda t: 2 + 53 * (1 - abs(1 - 2 * t / length)), 55),
        "burst": Load(length, lambda t: 60.0 if t % 600 >= 580 else 3.0, 60),
        "diurnal": Load(day, lambda t: 2 + 28 * (1 - math.cos(2 * math.pi * t / day)) / 2, 30),
        "flapping": Load(length, lambda t: 30.0 if t % 120 >= 60 else 5.0, 30),
        "sparse": Load(length, lambda _: 0.3, 0.3, service_s=2.0),
        "unreachable": Load(2 * HOUR, lambda t: 100.0 if 600 <= t < 1800 else 5.0, 100),
    }
