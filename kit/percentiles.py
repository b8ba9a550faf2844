"""Percentiles of a rolling window of samples."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending samples; `share` is 0..1, at least one sample."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


class RollingSamples:
    """The samples of the last `window_us`, at most `limit` of them (the oldest go first); 16 bytes each.

    Times are steady microseconds and do not go back.
    """

    def __init__(self, window_us: int, limit: int) -> None:
        self._window = window_us
        self._limit = limit
        self._times = array("q")
        self._values = array("d")
        self._first = 0
        """Where the samples that count begin; what lies before is cut off now and then."""

    def add(self, at: int, value: float) -> None:
        """Note a sample taken at steady time `at`."""
        self._times.append(at)
        self._values.append(value)
        self._first = max(self._first, len(self._times) - self._limit)
        self._drop_before(at - self._window)

    def values(self, now: int) -> list[float]:
        """Ascending samples still inside the window at steady time `now`."""
        self._drop_before(now - self._window)
        return sorted(self._values[self._first :])

    def rate_per_s(self, now: int, span_us: int) -> float | None:
        """Samples each second over the last `span_us`; None when there are none."""
        recent = len(self._times) - max(self._first, bisect_right(self._times, now - span_us))
        return recent * 1_000_000 / span_us if recent > 0 else None

    def _drop_before(self, time: int) -> None:
        while self._first < len(self._times) and self._times[self._first] < time:
            self._first += 1
        if self._first * 2 > len(self._times):
            del self._times[: self._first], self._values[: self._first]
            self._first = 0
