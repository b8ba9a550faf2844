"""The autoscaler at work: windows on a manual clock, slots that change, and what is told of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from contract.engine_link import QueueNews, Scaling
from engine.rules.autoscale import ScalingLimits
from engine.runtime.autoscaler import CHANGES_KEPT, Autoscaler
from engine.runtime.slots import Slots
from kit.clock import rfc3339
from tests.support.fake_link import lease

WINDOW_S = 10.0
LIMITS = ScalingLimits(least=1, most=16, target_ms=150, headroom=1.3)
IDLE = QueueNews(oldest_waiting_ms=None, arrivals=0, part=1)


@dataclass
class Scaled:
    """An autoscaler, and what happens in its windows."""

    room: Any
    slots: Slots
    autoscaler: Autoscaler

    def window(self, delay_ms: float | None = None, news: QueueNews | None = None, seconds: float = WINDOW_S) -> None:
        """Pass a window in which one job with this start delay was run in no time."""
        if delay_ms is not None:
            self.room.meter.took(delay_ms, self.room.clock.steady)
            self.room.meter.freed(self.room.clock.steady, self.room.clock.steady)
        self.room.clock.advance(seconds)
        if news is not None:
            self.autoscaler.told(news)
        self.autoscaler.tick()


@pytest.fixture
def make(room) -> Callable[..., Scaled]:
    def made(count: int = 4, limits: ScalingLimits = LIMITS, window_s: float = WINDOW_S, automatic: bool = True) -> Scaled:
        slots = room.slots(count)
        room.meter.patience_us = 10**9
        return Scaled(room, slots, Autoscaler(slots, room.meter, room.clock, limits, window_s, automatic=automatic))

    return made


async def test_slow_starts_add_a_slot_and_say_why(make):
    scaled = make()
    for _ in range(2):
        scaled.window(500)
    assert (scaled.slots.count, scaled.autoscaler.changes, scaled.autoscaler.shown.reason) == (4, (), None)
    scaled.window(500)
    assert scaled.slots.count == 5
    (change,) = scaled.autoscaler.changes
    assert (change.at, change.before, change.after) == (rfc3339(scaled.room.clock.wall), 4, 5)
    assert change.reason == "+1 because start delays were over 450 ms for 3 windows"
    assert scaled.autoscaler.shown.change == change


async def test_idleness_takes_a_slot_every_six_windows_down_to_the_minimum(make):
    scaled = make(3)
    counts = []
    for _ in range(20):
        scaled.window(news=IDLE)
        counts.append(scaled.slots.count)
    assert counts == [3] * 5 + [2] * 6 + [1] * 9


async def test_a_window_is_not_closed_before_its_time(make):
    scaled = make()
    for _ in range(30):
        scaled.window(500, seconds=0.9)
    assert scaled.slots.count == 4


async def test_arrivals_make_room_for_the_highest_rate(make):
    scaled = make()
    scaled.window(news=IDLE)
    began = scaled.room.clock.steady
    scaled.room.meter.took(1, began)
    scaled.room.clock.advance(1)
    scaled.room.meter.freed(began, scaled.room.clock.steady)
    scaled.window(news=IDLE.model_copy(update={"arrivals": 66}), seconds=9)
    assert scaled.slots.count == 9  # 1.3 x 6.6 jobs/s x 1 s
    assert scaled.autoscaler.changes[-1].reason == "+5 so that 1.3 times the highest rate fits (6.6 jobs/s)"
    assert (scaled.autoscaler.shown.rate_per_s, scaled.autoscaler.shown.mean_service_s) == (6.6, 1)


async def test_a_night_between_two_looks_is_not_taken_for_a_slow_window(make):
    scaled = make()
    for _ in range(2):
        scaled.window(500)
    scaled.window(500, seconds=8 * 3600)
    assert (scaled.slots.count, scaled.autoscaler.shown.start_delay_p95_ms) == (4, None)


async def test_a_new_instance_tells_its_limits_and_nothing_it_did_not_measure(make):
    assert make().autoscaler.shown == Scaling(automatic=True, least=1, most=16)


async def test_a_fixed_number_is_kept_and_measured_all_the_same(make):
    scaled = make(4, ScalingLimits(4, 4, 150, 1.3), automatic=False)
    for _ in range(12):
        scaled.window(500)
    shown = scaled.autoscaler.shown
    assert (scaled.slots.count, shown.automatic, shown.start_delay_p95_ms, shown.utilisation) == (4, False, 500, 0)
    assert shown.reason == "more slots are needed, but 4 is the maximum"


async def test_the_last_hundred_changes_are_kept(make):
    scaled = make(1, ScalingLimits(1, 1000, 150, 1.3))
    for _ in range(3 * (CHANGES_KEPT + 2)):
        scaled.window(500)
    assert [change.after for change in scaled.autoscaler.changes] == list(range(4, CHANGES_KEPT + 4))


async def test_it_runs_by_itself(make, room):
    scaled = make(window_s=0.001)
    task = asyncio.create_task(scaled.autoscaler.run())
    try:
        async with asyncio.timeout(20):
            while scaled.slots.count == 4:
                room.meter.took(500, room.clock.steady)
                room.meter.freed(room.clock.steady, room.clock.steady)
                began = room.meter.began
                room.clock.advance(0.001)
                while room.meter.began == began:
                    await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert scaled.slots.count == 5


async def test_jobs_are_measured_by_the_slots_that_run_them(room):
    slots = room.slots(2)
    gate = asyncio.Event()

    async def wait(job, payload):
        await gate.wait()

    room.serve("work", wait)
    room.start(slots, lease(1, start_delay_ms=12))
    room.clock.advance(5)
    gate.set()
    await slots.idle.wait()
    window = room.meter.close(room.clock.steady)
    assert (window.start_delay_p95_ms, window.utilisation, window.ended, window.service_s) == (12, 0.5, 1, 5)


async def test_lowering_the_number_stops_no_job_and_opens_no_slot(room):
    slots = room.slots(2)
    gate = asyncio.Event()

    async def wait(job, payload):
        await gate.wait()
        return "done"

    room.serve("work", wait)
    for number in (1, 2):
        room.start(slots, lease(number))
    slots.changed.clear()
    slots.resize(1)
    assert (slots.busy, slots.free, slots.changed.is_set()) == (2, 0, True)
    gate.set()
    assert [(await room.finished(number)).result for number in (1, 2)] == ["done", "done"]
    await slots.idle.wait()
    assert slots.free == 1


async def test_as_many_threads_may_run_as_there_will_ever_be_slots(room):
    assert room.slots(1, most=3)._thread_pool()._max_workers == 3


async def test_a_number_that_the_owner_fixes_holds_until_it_is_chosen_again(make):
    scaled = make(4)
    scaled.autoscaler.fix(2)
    assert (scaled.slots.count, scaled.autoscaler.shown.automatic, scaled.autoscaler.shown.most) == (2, False, 2)
    for _ in range(4):
        scaled.window(5000)
    assert scaled.slots.count == 2
    scaled.autoscaler.choose()
    assert (scaled.slots.count, scaled.autoscaler.shown.automatic, scaled.autoscaler.shown.most) == (2, True, 16)
    for _ in range(3):
        scaled.window(5000)
    assert scaled.slots.count == 3
    assert next(change.reason for change in scaled.autoscaler.changes) == "the owner fixed the number"


async def test_choosing_again_comes_back_within_the_limits(make):
    scaled = make(4)
    scaled.autoscaler.fix(20)
    assert scaled.slots.count == 20
    scaled.autoscaler.choose()
    assert scaled.slots.count == 16
