"""A clock that stands still until a test moves it."""

from kit.clock import SECOND, Now


class ManualClock:
    """Starts on 2026-01-01; `advance` moves all three clocks, `sleep_machine` all but the awake one."""

    def __init__(self) -> None:
        self.wall = 1_767_225_600 * SECOND
        self.steady = 1_000 * SECOND
        self._awake = 500 * SECOND

    def now(self) -> Now:
        return Now(self.wall, self.steady)

    def awake(self) -> int:
        return self._awake

    def advance(self, seconds: float) -> None:
        micros = round(seconds * SECOND)
        self.wall += micros
        self.steady += micros
        self._awake += micros

    def sleep_machine(self, seconds: float) -> None:
        micros = round(seconds * SECOND)
        self.wall += micros
        self.steady += micros

    def step_wall(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND)
