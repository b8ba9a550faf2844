"""Percentiles of a rolling window of samples."""

import itertools
import math
from collections import deque
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending samples; `share` is 0..1, at least one sample."""
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


class RollingSamples:
    """The samples of the last `window_us`, at most `limit` of them (the oldest go first)."""

    def __init__(self, window_us: int, limit: int) -> None:
        self._window = window_us
        self._samples: deque[tuple[int, float]] = deque(maxlen=limit)

    def add(self, at: int, value: float) -> None:
        """Note a sample taken at steady time `at`."""
        self._samples.append((at, value))

    def values(self, now: int) -> list[float]:
        """Ascending samples still inside the window at steady time `now`."""
        while self._samples and self._samples[0][0] < now - self._window:
            self._samples.popleft()
        return sorted(value for _, value in self._samples)

    def rate_per_s(self, now: int, span_us: int) -> float | None:
        """Samples each second over the last `span_us`; None when there are none."""
        recent = sum(1 for _ in itertools.takewhile(lambda sample: sample[0] > now - span_us, reversed(self._samples)))
        return recent * 1_000_000 / span_us if recent else None
