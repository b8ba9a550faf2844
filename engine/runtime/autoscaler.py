"""Closes a window every few seconds, asks the rules, and sets the number of slots.

Growing is immediate: the claim is asked anew at once. Shrinking stops nothing: a job above the number ends, and its slot is not
filled again.
"""

import asyncio
from collections import deque
from dataclasses import replace

from contract.engine_link import QueueNews, Scaling, ScalingChange
from engine.rules.autoscale import PEAK_WINDOWS, ScalingLimits, Why, Window, aim, decide, mean_service_s
from engine.rules.meter import Meter
from engine.runtime.slots import Slots
from kit.clock import SECOND, Clock, Now, rfc3339
from kit.logs import Log

log = Log("engine.scale")
CHANGES_KEPT = 100
JUDGED_BELOW = 2
"""A window that lasted so many times its length tells nothing: the machine slept, or the loop stood still."""


class Autoscaler:
    """Owner of the number of slots. With equal limits it only measures."""

    def __init__(
        self,
        slots: Slots,
        meter: Meter,
        clock: Clock,
        limits: ScalingLimits,
        window_s: float,
        *,
        automatic: bool,
        chosen: ScalingLimits | None = None,
    ) -> None:
        """`chosen` are the limits while it chooses by itself, if that is not how it begins."""
        self._slots = slots
        self._meter = meter
        self._clock = clock
        self._limits = limits
        self._chosen = chosen or limits
        self._window_us = round(window_s * SECOND)
        self._windows: deque[Window] = deque(maxlen=PEAK_WINDOWS)
        self._changes: deque[ScalingChange] = deque(maxlen=CHANGES_KEPT)
        self._shown = Scaling(automatic=automatic, least=limits.least, most=limits.most)

    @property
    def changes(self) -> tuple[ScalingChange, ...]:
        """The latest changes, oldest first."""
        return tuple(self._changes)

    @property
    def shown(self) -> Scaling:
        """What is told to the gateway; may be read in any thread."""
        return self._shown

    def fix(self, count: int) -> None:
        """Have exactly so many slots, until `choose`. May be more or fewer than it would choose."""
        self._bound(replace(self._limits, least=count, most=count), automatic=False)
        if count != self._slots.count:
            self._change(count, "the owner fixed the number", self._clock.now())

    def choose(self) -> None:
        """Choose the number by what is measured, beginning with the one there is."""
        self._bound(self._chosen, automatic=True)
        within = min(max(self._slots.count, self._chosen.least), self._chosen.most)
        if within != self._slots.count:
            self._change(within, "the owner lets it be chosen again", self._clock.now())

    def _bound(self, limits: ScalingLimits, *, automatic: bool) -> None:
        self._limits = limits
        self._shown = self._shown.model_copy(update={"automatic": automatic, "least": limits.least, "most": limits.most, "reason": None})

    def told(self, news: QueueNews) -> None:
        """The gateway spoke of the queue."""
        self._meter.told(news, self._clock.now().steady)

    async def run(self) -> None:
        """Close windows for ever."""
        while True:
            left_us = self._meter.began + self._window_us - self._clock.now().steady
            await asyncio.sleep(max(0, left_us) / SECOND)
            self.tick()

    def tick(self) -> None:
        """Close the window if its time is over, and act on what it led to."""
        now = self._clock.now()
        lasted_us = now.steady - self._meter.began
        if lasted_us < self._window_us:
            return
        window = self._meter.close(now.steady, judged=lasted_us < JUDGED_BELOW * self._window_us)
        self._windows.append(window)
        windows = list(self._windows)
        mean = mean_service_s(windows)
        decision = decide(windows, self._slots.count, mean, self._limits)
        if decision.slots != self._slots.count:
            self._change(decision.slots, decision.reason, now)
        self._shown = self._shown.model_copy(
            update={
                "start_delay_p95_ms": window.start_delay_p95_ms,
                "utilisation": window.utilisation,
                "aim": aim(window, mean),
                "rate_per_s": window.rate_per_s,
                "mean_service_s": mean,
                "reason": None if decision.why is Why.STEADY else decision.reason,
                "change": self._changes[-1] if self._changes else None,
            }
        )

    def _change(self, slots: int, reason: str, now: Now) -> None:
        before = self._slots.count
        self._slots.resize(slots)
        self._changes.append(ScalingChange(at=rfc3339(now.wall), before=before, after=slots, reason=reason))
        self._shown = self._shown.model_copy(update={"change": self._changes[-1]})
        log.info("engine.scaled", before=before, after=slots, reason=reason)
