"""Service levels: seconds and minutes on a clock that the test moves, files that are real."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from contract.words import JobState
from gateway.operations.service_levels import JUDGED_EVERY, SECONDS_KEPT, Look, ServiceLevels, to_log
from gateway.rules.slo import FEW, Level, Said, Slo, State
from gateway.store.minutes import open_minutes
from kit.clock import SECOND, from_rfc3339
from tests.support.clock import ManualClock


class Site:
    """A recorder, what it looks at, and what it said."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.look = Look(0, 0, 4, None)
        self.ready = True
        self.said: list[tuple[Slo, Said]] = []
        self.levels: ServiceLevels

    async def looks(self) -> Look:
        return self.look

    def notify(self, level: Level, said: Said) -> None:
        self.said.append((level.slo, said))

    async def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            await self.levels.tick()

    def of(self, slo: Slo) -> Level:
        return next(level for level in self.levels.levels() if level.slo is slo)


@asynccontextmanager
async def run_on(path: Path, clock: ManualClock, *, ends: bool = True) -> AsyncIterator[Site]:
    """One run of a gateway; without `ends` it dies."""
    site = Site(clock)
    async with open_minutes(path) as minutes:
        site.levels = ServiceLevels(clock, minutes, site.looks, lambda: site.ready, site.notify)
        await site.levels.begin()
        yield site
        if ends:
            await site.levels.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def site(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(run_on(tmp_path / "metrics.db", clock))


async def test_what_happened_within_a_second_is_its_point(site: Site):
    site.look = Look(depth=7, busy=3, slots=4, wait_ms=120.0)
    for delay in (1.0, 2.0, 90.0):
        site.levels.leased("e", delay)
    site.levels.ended("e", JobState.SUCCEEDED, None, 40.0)
    site.levels.ended("e", JobState.DEAD, "job.exception", 50.0)
    site.levels.ended("e", JobState.CANCELLED, None, 1.0)
    site.levels.answered("/x", "GET", 200, 0.1)
    site.levels.answered("/x", "GET", 503, 0.1)
    await site.tick(2)
    first, second = site.levels.series(day=False).points
    assert (first.depth, first.busy, first.slots, first.wait_ms) == (7, 3, 4, 120.0)
    assert (first.start_delay_ms, first.end_to_end_ms, first.ended, first.errors) == (90.0, 50.0, 3, 2)
    assert (second.start_delay_ms, second.end_to_end_ms, second.ended, second.errors) == (None, None, 0, 0)


async def test_after_15_minutes_nothing_is_left_of_a_second_in_what_is_judged(site: Site):
    for _ in range(FEW):
        site.levels.leased("e", 900.0)
        site.levels.ended("e", JobState.DEAD, None, 9000.0)
        site.levels.answered(None, "GET", 500, 0.1)
    await site.tick(SECONDS_KEPT)
    assert {site.of(slo).state for slo in (Slo.START_DELAY, Slo.END_TO_END, Slo.ERROR_RATE)} == {State.BURNING}
    await site.tick()
    assert {site.of(slo).value for slo in (Slo.START_DELAY, Slo.END_TO_END, Slo.ERROR_RATE)} == {None}
    assert site.levels.view().counts.answers == 0


async def test_a_burning_promise_is_said_once_and_once_that_it_is_well(site: Site):
    site.levels.answered(None, "GET", 200, 0.1)
    for _ in range(FEW):
        site.levels.answered(None, "GET", 500, 0.1)
    await site.tick(SECONDS_KEPT)
    assert site.said == [(Slo.ERROR_RATE, Said.BURNS)]
    for _ in range(FEW):
        site.levels.answered(None, "GET", 200, 0.1)
    await site.tick(60 + 2 * JUDGED_EVERY)
    assert site.said == [(Slo.ERROR_RATE, Said.BURNS), (Slo.ERROR_RATE, Said.WELL)]


async def test_minutes_are_kept_and_there_after_a_restart(tmp_path: Path, clock: ManualClock):
    async with run_on(tmp_path / "m.db", clock) as first:
        first.look = Look(3, 1, 4, None)
        first.levels.leased("e", 12.0)
        await first.tick(130)
        told = first.levels.series(day=True).points
        assert [point.depth for point in told] == [3, 3]
        assert told[0].start_delay_ms == 12.0
    clock.advance(3600)
    async with run_on(tmp_path / "m.db", clock) as second:
        again = second.levels.series(day=True).points
        assert again[:2] == told
        assert [point.depth for point in again[2:]] == [3]  # the ten seconds before the stop
    clock.advance(24 * 3600)
    async with run_on(tmp_path / "m.db", clock) as third:
        assert all(from_rfc3339(point.at) >= clock.now().wall - 24 * 3600 * SECOND for point in third.levels.series(day=True).points)


async def test_availability_is_ready_time_over_time_switched_on(tmp_path: Path, clock: ManualClock):
    async with run_on(tmp_path / "m.db", clock) as site:
        await site.tick(300)
        site.ready = False
        await site.tick(100)
        assert site.of(Slo.AVAILABILITY).value == pytest.approx(0.75)
    clock.advance(5000)  # switched off in order: nobody's downtime
    async with run_on(tmp_path / "m.db", clock) as site:
        assert site.of(Slo.AVAILABILITY).value == pytest.approx(0.75)


async def test_after_an_unclean_end_the_time_until_the_restart_was_down(tmp_path: Path, clock: ManualClock):
    async with run_on(tmp_path / "m.db", clock, ends=False) as site:
        await site.tick(120)
    clock.advance(60)
    async with run_on(tmp_path / "m.db", clock) as site:
        assert site.of(Slo.AVAILABILITY).value == pytest.approx(120 / 180, rel=0.02)


async def test_a_machine_that_slept_was_not_down(site: Site, clock: ManualClock):
    await site.tick(60)
    clock.sleep_machine(3600)
    await site.tick(60)
    assert site.of(Slo.AVAILABILITY).value == 1.0


async def test_an_idle_minute_is_one_row(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch):
    async with run_on(tmp_path / "m.db", clock) as site:
        rows: list[tuple] = []
        add = site.levels._minutes.add

        async def counted(*arguments) -> None:
            rows.append(arguments)
            await add(*arguments)

        monkeypatch.setattr(site.levels._minutes, "add", counted)
        await site.tick(600)
        assert len(rows) == 10
        assert all(row[1] is not None for row in rows)


async def test_a_metrics_file_that_is_none_is_put_aside(tmp_path: Path, clock: ManualClock):
    (tmp_path / "m.db").write_bytes(b"nonsense" * 1000)
    async with run_on(tmp_path / "m.db", clock) as site:
        await site.tick()
    assert (tmp_path / "m.db.refused").read_bytes().startswith(b"nonsense")


def test_alerts_are_log_lines(caplog: pytest.LogCaptureFixture):
    level = Level(Slo.ERROR_RATE, 0.5, 0.01, State.BURNING, None)
    to_log(level, Said.BURNS)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("WARNING", "slo.burns")]
