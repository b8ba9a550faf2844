"""What the pulse tells listeners: start delays, and how long jobs took from becoming claimable to their end."""

from contract.engine_link import FinishRequest, Lease
from contract.words import Outcome
from kit.clock import SECOND, rfc3339
from tests.unit.gateway.operations.conftest import LAB, Rooms


async def finish(rooms: Rooms, lease: Lease) -> None:
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED))


async def test_a_job_is_told_when_it_is_leased_and_when_it_ends(rooms: Rooms):
    await rooms.job()
    rooms.clock.advance(0.25)
    (lease,) = (await rooms.claim()).leases
    rooms.clock.advance(1)
    await finish(rooms, lease)
    assert rooms.listener.told == [("leased", LAB, 250.0), ("ended", LAB, "succeeded", None, 1250.0)]


async def test_the_time_of_a_scheduled_job_begins_when_it_is_due(rooms: Rooms):
    await rooms.job(run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
    rooms.clock.advance(60)
    await rooms.directory.stores[LAB].reap()
    rooms.clock.advance(0.5)
    (lease,) = (await rooms.claim()).leases
    await finish(rooms, lease)
    assert rooms.listener.told == [("leased", LAB, 500.0), ("ended", LAB, "succeeded", None, 500.0)]
