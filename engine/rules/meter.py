"""What one instance measures of itself, window by window. Times are steady microseconds, handed in."""

from dataclasses import dataclass, field

from contract.engine_link import QueueNews
from engine.rules.autoscale import Window
from kit.clock import SECOND
from kit.percentiles import percentile


@dataclass(slots=True)
class _Told:
    """What the gateway said of the queue, and when that was heard."""

    news: QueueNews
    at: int


@dataclass(slots=True)
class Meter:
    """Integrates busy slots, and collects delays, ends and arrivals until the window is closed."""

    slots: int
    began: int
    """When the window began."""
    patience_us: int
    """How old the gateway's word on the queue may be."""
    busy: int = 0
    _at: int = field(init=False)
    _busy_us: int = 0
    _slots_us: int = 0
    _leased: int = 0
    _delays_ms: list[float] = field(default_factory=list)
    _ended: int = 0
    _service_us: int = 0
    _told: _Told | None = None
    _counted_at: int | None = None
    """Until when arrivals were counted; None before the first word."""
    _arrived: float = 0.0
    _rate: float = 0.0

    def __post_init__(self) -> None:
        self._at = self.began

    def took(self, start_delay_ms: float | None, now: int) -> None:
        """A slot was taken; by a job with this start delay, if it is known."""
        self._run_to(now)
        self.busy += 1
        self._leased += 1
        if start_delay_ms is not None:
            self._delays_ms.append(start_delay_ms)

    def freed(self, since: int, now: int) -> None:
        """A slot taken at `since` fell free."""
        self._run_to(now)
        self.busy -= 1
        self._ended += 1
        self._service_us += now - since

    def resized(self, slots: int, now: int) -> None:
        """There are so many slots from now on."""
        self._run_to(now)
        self.slots = slots

    def told(self, news: QueueNews, now: int) -> None:
        """The gateway spoke of the queue."""
        if self._told is None or self._counted_at is None:
            self._counted_at = now  # what arrived before has no time to be divided by
        else:
            before = self._told.news.arrivals
            self._arrived += news.part * (news.arrivals - before if news.arrivals >= before else news.arrivals)  # less: it began anew
        self._told = _Told(news, now)

    def close(self, now: int, *, judged: bool = True) -> Window:
        """End the window, and begin another. One that is not to be judged has no start delay."""
        self._run_to(now)
        self._count_arrivals()
        window = Window(
            slots=self.slots,
            start_delay_p95_ms=self._p95_ms(now) if judged else None,
            utilisation=min(1.0, self._busy_us / self._slots_us) if self._slots_us else 0.0,
            rate_per_s=self._rate,
            ended=self._ended,
            service_s=self._service_us / SECOND,
        )
        self.began = now
        self._busy_us = self._slots_us = self._leased = self._ended = self._service_us = 0
        self._delays_ms = []
        return window

    def _run_to(self, now: int) -> None:
        passed, self._at = now - self._at, now
        self._busy_us += self.busy * passed
        self._slots_us += self.slots * passed

    def _count_arrivals(self) -> None:
        """The rate between the last words of this window and of one before; as it was, when there was no word in this one."""
        if self._told is not None and self._counted_at is not None and self._told.at > self._counted_at:
            self._rate = self._arrived * SECOND / (self._told.at - self._counted_at)
            self._counted_at, self._arrived = self._told.at, 0.0

    def _p95_ms(self, now: int) -> float | None:
        if self._delays_ms:
            return percentile(sorted(self._delays_ms), 0.95)
        if self._leased or self._told is None or now - self._told.at > self.patience_us:
            return None
        return self._told.news.oldest_waiting_ms or 0.0  # nothing was leased: whatever waits waits at least so long
