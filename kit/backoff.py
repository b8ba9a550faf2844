"""Exponential backoff with full jitter."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits drawn evenly from 0 to a ceiling that doubles from `base_s` to `cap_s` (seconds)."""

    base_s: float
    cap_s: float

    def wait_s(self, attempt: int, uniform: Callable[[], float]) -> float:
        """The wait after failure number `attempt` (1 is the first). `uniform` gives 0..1."""
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 64))
        return ceiling * uniform()
