"""How many requests a minute a provider gets."""

from collections import deque
from typing import Final

from kit.clock import SECOND

MINUTE_US: Final = 60 * SECOND


class RateWindow:
    """At most so many requests in any minute. Times are microseconds of a clock that never goes back."""

    def __init__(self, requests_per_min: int | None) -> None:
        self._most = requests_per_min
        self._times: deque[int] = deque()

    def wait_us(self, now: int) -> int:
        """Until the next request may be made; 0 when it may now. Takes nothing."""
        while self._times and self._times[0] <= now - MINUTE_US:
            self._times.popleft()
        if self._most is None or len(self._times) < self._most:
            return 0
        return self._times[-self._most] + MINUTE_US - now

    def took(self, now: int) -> None:
        """A request is made."""
        if self._most is not None:
            self._times.append(now)
