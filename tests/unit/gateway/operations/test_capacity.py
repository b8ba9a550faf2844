"""What engines can serve, and how fast jobs begin while others wait: measured, never made up."""

import pytest

from contract.engine_link import FinishRequest, InstanceStats
from contract.words import Directive, Outcome

LAB, DEN = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


async def run_one(rooms, seconds: float, engine: str = "lab") -> None:
    """A job on an instance with four slots."""
    source = {"lab": LAB, "den": DEN}[engine]
    await rooms.job(engine=engine)
    (lease,) = (await rooms.claim(instance=int(source[0], 16), engine=source)).leases
    rooms.clock.advance(seconds)
    await rooms.reporting.finish(source, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED))


async def test_capacity_is_that_of_the_engines_that_are_up_together_and_unknown_before_anything_ended(rooms):
    assert rooms.capacity.per_second() is None
    await run_one(rooms, 2.0)
    assert rooms.capacity.per_second() == pytest.approx(2.0)
    await run_one(rooms, 4.0, "den")
    assert rooms.capacity.per_second() == pytest.approx(3.0)
    rooms.clock.advance(31)  # nobody is heard any more
    assert rooms.capacity.per_second() is None


async def test_an_instance_that_drains_or_is_deaf_lends_no_slots(rooms):
    await rooms.claim()
    (instance,) = rooms.presence.of(LAB)
    assert rooms.capacity.slots(LAB) == 4
    instance.directive = Directive.DRAIN
    assert (rooms.capacity.slots(LAB), rooms.capacity.announced_slots(LAB)) == (0, 4)
    instance.directive = Directive.RUN
    for _ in range(4):
        rooms.clock.advance(20)
        rooms.presence.beat(LAB, instance.id, InstanceStats(slots=4, busy=0))
    assert (rooms.capacity.slots(LAB), rooms.capacity.announced_slots(LAB)) == (0, 4)


async def test_a_pace_is_known_while_jobs_wait_and_forgotten_when_none_did(rooms):
    for _ in range(12):
        await rooms.job()
    for _ in range(12):
        rooms.clock.advance(0.2)
        await rooms.claim()
    rooms.clock.advance(0.1)
    assert rooms.delays.pace_per_s(LAB) == pytest.approx(5.0)
    assert rooms.delays.pace_per_s(DEN) is None
    rooms.clock.advance(6)
    assert rooms.delays.pace_per_s(LAB) is None
