"""Service levels: keeps 15 minutes of seconds in memory and 24 hours of minutes on disk, judges the promises, and says when one burns."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Final

from contract.errors import StorageFailed, StorageFull
from contract.levels import Counts, Levels, LevelView, PointView, Series
from contract.words import JobState
from gateway.rules import slo
from gateway.rules.slo import Alert, Level, Point, Said, Slo, Switched, Tally
from gateway.store.minutes import Minutes
from gateway.telemetry.signals import Listener
from kit.clock import SECOND, Clock, rfc3339
from kit.logs import Log
from kit.percentiles import RollingSamples

log = Log("levels")
TICK_S: Final = 1.0
WINDOW_US: Final = 15 * 60 * SECOND
DAY_US: Final = 24 * 3600 * SECOND
MINUTE_US: Final = 60 * SECOND
SECONDS_KEPT: Final = 15 * 60
SAMPLES_MAX: Final = 50_000
JUDGED_EVERY: Final = 10
"""Ticks. Sorting fifteen minutes of samples takes tens of milliseconds on a busy gateway."""
GAP_MAX_US: Final = 5 * SECOND
"""A tick that comes later than this after the last one was held up by more than work; the time between is nobody's uptime or downtime."""

Notify = Callable[[Level, Said], None]
"""Where an alert goes."""


def to_log(level: Level, said: Said) -> None:
    """Alerts as log lines."""
    if said is Said.BURNS:
        log.warning("slo.burns", slo=level.slo, value=level.value, target=level.target)
    else:
        log.info("slo.well", slo=level.slo, value=level.value, target=level.target)


@dataclass(frozen=True, slots=True)
class Look:
    """The queues and slots at one moment, over all engines."""

    depth: int
    busy: int
    slots: int
    wait_ms: float | None
    """The longest expected wait; None where it cannot be told."""


@dataclass(slots=True)
class _Minute:
    """What gathers until the minute is over."""

    seconds: list[Point] = field(default_factory=list)
    start_delays: list[float] = field(default_factory=list)
    end_to_ends: list[float] = field(default_factory=list)
    switched: Switched = field(default_factory=Switched)


class ServiceLevels(Listener):
    """Listens to what happens; `run` closes the seconds and minutes.

    Args:
        look: the queues now.
        ready: whether a sign-in and a claim would succeed now.
        notify: hears of alerts.
    """

    def __init__(
        self, clock: Clock, minutes: Minutes, look: Callable[[], Awaitable[Look]], ready: Callable[[], bool], notify: Notify
    ) -> None:
        self._clock = clock
        self._minutes = minutes
        self._look = look
        self._ready = ready
        self._notify = notify
        self._counted = _Counting()
        self._window = Tally()
        self._ticks = 0
        self._second_delays: list[float] = []
        self._second_ends: list[float] = []
        self._seconds: deque[Point] = deque(maxlen=SECONDS_KEPT)
        self._day: deque[Point] = deque()
        self._delays = RollingSamples(WINDOW_US, SAMPLES_MAX)
        self._ends = RollingSamples(WINDOW_US, SAMPLES_MAX)
        self._minute = _Minute()
        self._month = ("", Switched())
        self._alerts: dict[Slo, Alert] = {}
        self._awake = clock.awake()
        self._minute_ends = clock.now().wall + MINUTE_US

    async def begin(self) -> None:
        """Take up what an earlier run left: the charts, and the time it was down if it did not end in order."""
        now = self._clock.now().wall
        self._day.extend(await self._minutes.points(now - DAY_US))
        self._month = (_month(now), await self._minutes.month(_month(now)))
        died = await self._minutes.died()
        if died is not None and died < now:
            down_s = (now - max(died, _begin_of_month(now))) / SECOND
            self._minute.switched += Switched(on_s=down_s)
            log.warning("levels.was_down", seconds=round(down_s))
        await self._keep(now, None)  # from now on this run is the one that is alive

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Close a second, and the minute when it is over."""
        now = self._clock.now()
        self._count_time()
        look = await self._look()
        tally, self._counted = self._counted.tally(), _Counting()
        point = Point(
            at=now.wall,
            depth=look.depth,
            busy=look.busy,
            slots=look.slots,
            start_delay_ms=slo.p95(sorted(self._second_delays)),
            end_to_end_ms=slo.p95(sorted(self._second_ends)),
            wait_ms=look.wait_ms,
            tally=tally,
        )
        self._second_delays, self._second_ends = [], []
        self._window += tally
        if len(self._seconds) == SECONDS_KEPT:
            self._window -= self._seconds[0].tally
        self._seconds.append(point)
        self._minute.seconds.append(point)
        if now.wall >= self._minute_ends:
            self._minute_ends = now.wall + MINUTE_US
            await self._close_minute()
        self._ticks += 1
        if self._ticks % JUDGED_EVERY == 0:
            self._say(now.steady)

    async def close(self) -> None:
        """Keep what has gathered, and write down that this run ends in order."""
        self._count_time()
        if self._minute.seconds:
            await self._close_minute()
        try:
            await self._minutes.ended(self._clock.now().wall)
        except (StorageFull, StorageFailed) as error:
            log.warning("levels.not_kept", code=error.code)

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:  # noqa: ARG002
        """See `Listener`."""
        self._counted.answers += 1
        self._counted.answers_5xx += status >= 500

    def leased(self, engine: str, start_delay_ms: float) -> None:  # noqa: ARG002
        """See `Listener`."""
        self._second_delays.append(start_delay_ms)
        self._minute.start_delays.append(start_delay_ms)
        self._delays.add(self._clock.now().steady, start_delay_ms)

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:  # noqa: ARG002
        """See `Listener`."""
        self._counted.ended[_end(state, code)] += 1
        if end_to_end_ms is not None and state in {JobState.SUCCEEDED, JobState.DEAD}:
            self._second_ends.append(end_to_end_ms)
            self._minute.end_to_ends.append(end_to_end_ms)
            self._ends.add(self._clock.now().steady, end_to_end_ms)

    def levels(self) -> list[Level]:
        """Every promise, measured now."""
        steady = self._clock.now().steady
        delays, ends = self._delays.values(steady), self._ends.values(steady)
        window, day = self._window, _sum([*self._day, *self._minute.seconds])
        waits = sorted(point.wait_ms for point in self._seconds if point.wait_ms is not None)
        month = self._month[1] + self._minute.switched
        return [
            slo.duration(Slo.START_DELAY, delays),
            slo.duration(Slo.END_TO_END, ends),
            slo.level(Slo.ERROR_RATE, window.error_rate, window.counted, day),
            slo.level(Slo.AVAILABILITY, month.availability, round(month.on_s), month),
            slo.duration(Slo.QUEUE_WAIT, waits),
        ]

    def view(self) -> Levels:
        """What is shown everywhere."""
        return Levels(
            levels=[LevelView(**asdict(level)) for level in self.levels()],
            counts=Counts(**asdict(self._window)),
            utilisation=slo.utilisation(self._seconds),
        )

    def series(self, *, day: bool) -> Series:
        """The seconds of 15 minutes, or the minutes of a day."""
        return Series(points=[_view(point) for point in (self._day if day else self._seconds)])

    def _count_time(self) -> None:
        awake = self._clock.awake()
        gone, self._awake = awake - self._awake, awake
        if 0 < gone <= GAP_MAX_US:
            self._minute.switched += Switched(gone / SECOND, gone / SECOND if self._ready() else 0.0)

    async def _close_minute(self) -> None:
        minute = self._minute
        point = slo.fold(minute.seconds, sorted(minute.start_delays), sorted(minute.end_to_ends))
        self._day.append(point)
        while self._day and self._day[0].at < point.at - DAY_US:
            self._day.popleft()
        await self._keep(point.at, point)

    async def _keep(self, at: int, point: Point | None) -> None:
        month, switched = _month(at), self._minute.switched
        known = self._month[1] if self._month[0] == month else Switched()
        self._month = (month, known + switched)
        self._minute = _Minute()
        try:
            await self._minutes.add(at, point, month, switched)
        except (StorageFull, StorageFailed) as error:
            log.warning("levels.not_kept", code=error.code)  # a chart with a gap is better than no gateway

    def _say(self, steady: int) -> None:
        for level in self.levels():
            self._alerts[level.slo], said = slo.alert(self._alerts.get(level.slo, Alert()), level.state, steady)
            if said is not None:
                self._notify(level, said)


@dataclass(slots=True)
class _Counting:
    """A tally that is still being added to."""

    answers: int = 0
    answers_5xx: int = 0
    ended: Counter[str] = field(default_factory=Counter)

    def tally(self) -> Tally:
        return Tally(self.answers, self.answers_5xx, **self.ended)


def _end(state: JobState, code: str | None) -> str:
    """The field of a tally."""
    if state is JobState.DEAD:
        return "failed" if slo.by_fault(code) else "refused"
    return str(state)


def _sum(points: Sequence[Point]) -> Tally:
    total = Tally()
    for point in points:
        total += point.tally
    return total


def _view(point: Point) -> PointView:
    told, tally = asdict(point), point.tally
    del told["tally"]
    ended = tally.succeeded + tally.failed + tally.refused + tally.cancelled + tally.expired
    return PointView(**{**told, "at": rfc3339(point.at)}, ended=ended, errors=tally.answers_5xx + tally.failed)


def _month(wall: int) -> str:
    return f"{datetime.fromtimestamp(wall // SECOND, UTC):%Y-%m}"


def _begin_of_month(wall: int) -> int:
    first = datetime.fromtimestamp(wall // SECOND, UTC).replace(day=1, hour=0, minute=0, second=0)
    return int(first.timestamp()) * SECOND
