"""How many slots an instance should have, judged by what its last windows measured.

From the table of the product's roadmap: +1 after three windows with a 95th percentile of the start delay over three times the
target; -1 after six under 0.3 of it in which under half of the slots were busy; and always room for 1.3 times the highest rate of
the last 90 windows (15 minutes). Minimum and maximum come before headroom, headroom before +1, +1 before -1.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.words import Aim
from engine.settings import EngineSettings

SLOW_TIMES, SLOW_WINDOWS = 3.0, 3
CALM_TIMES, CALM_WINDOWS, CALM_UTILISATION = 0.3, 6, 0.5
PEAK_WINDOWS = 90
"""What is remembered, of rates and of service times: 15 minutes in windows of 10 s."""
AIM_LOW, AIM_HIGH = 0.65, 0.80
FIRST_SLOTS = 4
"""With which an engine begins that chooses by itself."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured between two decisions."""

    slots: int
    """The number of slots meanwhile."""
    start_delay_p95_ms: float | None
    """0 when nothing was leased and nothing waits; None when it is not known."""
    utilisation: float
    """Busy time of the slots over all their time, 0..1."""
    rate_per_s: float
    """Jobs that became claimable each second: this instance's part of them."""
    ended: int
    """Attempts that ended."""
    service_s: float
    """What those took, all together."""


@dataclass(frozen=True, slots=True)
class ScalingLimits:
    """The settings of these rules."""

    least: int
    most: int
    target_ms: float
    """Of the start delay."""
    headroom: float
    """How many times the highest rate must fit; at least 1.3."""

    @property
    def first(self) -> int:
        """How many slots there are at the start."""
        return min(max(FIRST_SLOTS, self.least), self.most)


def scaling_limits(settings: EngineSettings) -> ScalingLimits:
    """What the owner set; a fixed number leaves no choice."""
    least, most = (settings.slots_min, settings.slots_max) if settings.slots is None else (settings.slots, settings.slots)
    return ScalingLimits(least, most, settings.slo_target_latency_s * 1000, settings.headroom_factor)


class Why(StrEnum):
    """Which rule decided."""

    STEADY = "steady"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    HEADROOM = "headroom"
    SLOW = "slow"
    CALM = "calm"
    AT_MAXIMUM = "at_maximum"
    """A rule asked for more than the maximum."""
    KEPT_FOR_HEADROOM = "kept_for_headroom"
    """-1 was due, but the highest rate would not fit."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How many slots there should be from now on."""

    slots: int
    why: Why
    reason: str
    """For a person."""


def decide(windows: Sequence[Window], slots: int, mean_service_s: float | None, limits: ScalingLimits) -> Decision:
    """Judge the windows so far, oldest first.

    A streak is of windows with the present number of slots only: it begins anew after every change.

    Args:
        windows: as far back as they are remembered; only the last `PEAK_WINDOWS` count.
        slots: the present number.
        mean_service_s: how long an attempt holds a slot; None when none has ended, and then headroom has no say.
        limits: the settings.
    """
    if slots < limits.least:
        return Decision(limits.least, Why.MINIMUM, f"raised to the minimum of {limits.least}")
    if slots > limits.most:
        return Decision(limits.most, Why.MAXIMUM, f"lowered to the maximum of {limits.most}")
    peak = max((window.rate_per_s for window in windows[-PEAK_WINDOWS:]), default=0.0)
    needed = slots_for(peak, mean_service_s, limits.headroom)
    slow = _slow(windows, slots, limits)
    if max(needed, slots + slow) > slots == limits.most:
        return Decision(slots, Why.AT_MAXIMUM, f"more slots are needed, but {limits.most} is the maximum")
    if needed > slots:
        target = min(needed, limits.most)
        return Decision(target, Why.HEADROOM, f"+{target - slots} so that {_fits(peak, limits)}")
    if slow:
        said = f"+1 because start delays were over {SLOW_TIMES * limits.target_ms:g} ms for {SLOW_WINDOWS} windows"
        return Decision(slots + 1, Why.SLOW, said)
    if slots == limits.least or not _calm(windows, slots, limits):
        return Decision(slots, Why.STEADY, "nothing to change")
    if needed > slots - 1:
        return Decision(slots, Why.KEPT_FOR_HEADROOM, f"kept so that {_fits(peak, limits)}")
    calm = f"start delays were under {CALM_TIMES * limits.target_ms:g} ms and utilisation under {100 * CALM_UTILISATION:g} %"
    return Decision(slots - 1, Why.CALM, f"-1 because {calm} for {CALM_WINDOWS} windows")


def slots_for(rate_per_s: float, mean_service_s: float | None, headroom: float) -> int:
    """The fewest slots whose capacity, slots over mean service time, is at least `headroom` times a rate; 0 when that is not known."""
    if not mean_service_s or not rate_per_s:
        return 0
    wanted = headroom * rate_per_s
    slots = math.ceil(wanted * mean_service_s)
    if (slots - 1) / mean_service_s >= wanted:  # the product was rounded up over a whole number
        return slots - 1
    return slots if slots / mean_service_s >= wanted else slots + 1


def mean_service_s(windows: Sequence[Window]) -> float | None:
    """How long an attempt holds a slot, over the windows that are remembered; None when none has ended."""
    remembered = windows[-PEAK_WINDOWS:]
    ended = sum(window.ended for window in remembered)
    return sum(window.service_s for window in remembered) / ended if ended else None


def aim(window: Window, mean_service_s: float | None) -> Aim | None:
    """How busy the slots were beside the aim; reported, never acted on. None while demand would not fill one slot."""
    demand = window.rate_per_s * (mean_service_s or 0.0)
    if demand < 1:
        return None
    if window.utilisation < AIM_LOW:
        return Aim.BELOW
    return Aim.WITHIN if window.utilisation <= AIM_HIGH else Aim.ABOVE


def _fits(peak: float, limits: ScalingLimits) -> str:
    return f"{limits.headroom:g} times the highest rate fits ({peak:.3g} jobs/s)"


def _slow(windows: Sequence[Window], slots: int, limits: ScalingLimits) -> bool:
    delays = [window.start_delay_p95_ms for window in _streak(windows, slots, SLOW_WINDOWS)]
    return len(delays) == SLOW_WINDOWS and all(delay is not None and delay > SLOW_TIMES * limits.target_ms for delay in delays)


def _calm(windows: Sequence[Window], slots: int, limits: ScalingLimits) -> bool:
    streak = _streak(windows, slots, CALM_WINDOWS)
    return len(streak) == CALM_WINDOWS and all(
        window.start_delay_p95_ms is not None
        and window.start_delay_p95_ms < CALM_TIMES * limits.target_ms
        and window.utilisation < CALM_UTILISATION
        for window in streak
    )


def _streak(windows: Sequence[Window], slots: int, most: int) -> list[Window]:
    """The latest windows with this number of slots, at most so many."""
    return list(itertools.takewhile(lambda window: window.slots == slots, reversed(windows[-most:])))
