"""Whether and when a call to a provider is tried again."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.rules.provider_failures import ProviderFailed
from kit.backoff import Backoff
from kit.clock import SECOND

WINDOW_US: Final = 60 * SECOND
SHARE: Final = 0.1
FLOOR: Final = 3
BACKOFF: Final = Backoff(0.25, 8.0)
PATIENCE_S: Final = 10.0
"""A provider that asks for a longer wait is left alone: the next one is asked, or the job waits in its queue, not in a slot."""


class RetryBudget:
    """Of one provider: retries of the last minute are at most a tenth of its requests, and three more.

    Retries multiply the load of a provider that is down already; what is more than this is not asked for. Times are microseconds
    of a clock that never goes back.
    """

    def __init__(self, share: float = SHARE, floor: int = FLOOR, window: int = WINDOW_US) -> None:
        self._share = share
        self._floor = floor
        self._window = window
        self._requests: deque[int] = deque()
        self._retries: deque[int] = deque()

    def asked(self, now: int) -> None:
        """A first try is made."""
        self._forget(now)
        self._requests.append(now)

    def take(self, now: int) -> bool:
        """May a retry be made? It counts when it may."""
        self._forget(now)
        if len(self._retries) >= self._floor + int(self._share * len(self._requests)):
            return False
        self._retries.append(now)
        return True

    def _forget(self, now: int) -> None:
        for times in (self._requests, self._retries):
            while times and times[0] <= now - self._window:
                times.popleft()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Of one provider."""

    tries: int
    """In all."""
    backoff: Backoff = BACKOFF
    patience_s: float = PATIENCE_S

    def wait_s(self, error: ProviderFailed, made: int, uniform: Callable[[], float]) -> float | None:
        """Seconds until try number `made + 1`; None when it is not made.

        Full jitter, and never before what the provider asked for. Once text has gone out nothing is tried again.
        """
        if error.begun or not error.verdict.again or made >= self.tries:
            return None
        asked = error.retry_after_s or 0.0
        return None if asked > self.patience_s else max(asked, self.backoff.wait_s(made, uniform))
