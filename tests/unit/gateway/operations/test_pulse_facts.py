"""What listeners are told: each fact once, when it happens, with its figures."""

import pytest

from contract.engine_link import FinishRequest, Lease
from contract.errors import LeaseConflict, LeaseLost, QueueFull
from contract.words import Outcome
from gateway.operations.reap import Reaper
from kit.clock import SECOND, SleepWatch, rfc3339
from tests.support.queue import LEASE_S
from tests.unit.gateway.operations.conftest import LAB, Rooms


async def finish(rooms: Rooms, lease: Lease, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=outcome))


def heard(rooms: Rooms, *facts: str) -> list[tuple[object, ...]]:
    return [told for told in rooms.listener.told if told[0] in facts]


async def test_a_job_is_told_when_it_is_leased_and_when_it_ends(rooms: Rooms):
    await rooms.job()
    rooms.clock.advance(0.25)
    (lease,) = (await rooms.claim()).leases
    rooms.clock.advance(1)
    await finish(rooms, lease)
    assert heard(rooms, "leased", "ended") == [("leased", LAB, 250.0), ("ended", LAB, "succeeded", None, 1250.0)]


async def test_the_time_of_a_scheduled_job_begins_when_it_is_due(rooms: Rooms):
    await rooms.job(run_at=rfc3339(rooms.clock.wall + 60 * SECOND))
    rooms.clock.advance(60)
    await rooms.directory.stores[LAB].reap()
    rooms.clock.advance(0.5)
    (lease,) = (await rooms.claim()).leases
    await finish(rooms, lease)
    assert heard(rooms, "leased", "ended") == [("leased", LAB, 500.0), ("ended", LAB, "succeeded", None, 500.0)]


async def test_a_submit_is_told_once_as_accepted_and_then_as_replayed(rooms: Rooms):
    for _ in range(2):
        await rooms.submit(key="same")
    assert rooms.listener.told == [("submitted", LAB, "accepted"), ("submitted", LAB, "replayed")]


async def test_a_refused_submit_is_told_by_its_reason(rooms: Rooms):
    rooms.admission.hard_cap = 1
    await rooms.submit()
    with pytest.raises(QueueFull):
        await rooms.submit()
    assert heard(rooms, "refused") == [("refused", LAB, QueueFull.code)]


async def test_a_claim_asked_again_is_told_as_replayed_and_an_empty_one_is_not(rooms: Rooms):
    attempt = "9" * 32
    await rooms.claim(attempt_id=attempt)
    await rooms.claim(attempt_id=attempt)
    assert heard(rooms, "claim_replayed") == []
    await rooms.job()
    other = "8" * 32
    first, again = await rooms.claim(attempt_id=other), await rooms.claim(attempt_id=other)
    assert first.leases == again.leases != []
    assert heard(rooms, "claim_replayed") == [("claim_replayed", LAB)]


async def test_a_report_that_comes_too_late_is_told_as_fenced_whichever_way_it_comes(rooms: Rooms):
    await rooms.job()
    (lease,) = (await rooms.claim()).leases
    await finish(rooms, lease)
    await finish(rooms, lease)  # the same again is no fence
    assert heard(rooms, "finish_fenced") == []
    with pytest.raises(LeaseConflict):
        await finish(rooms, lease, Outcome.GIVEN_BACK)
    gone = lease.model_copy(update={"token": "0" * 32})
    with pytest.raises(LeaseLost):
        await finish(rooms, gone)
    report = FinishRequest(token=gone.token, outcome=Outcome.SUCCEEDED).model_dump() | {"job": lease.job}
    await rooms.claim(finished=[report])
    assert heard(rooms, "finish_fenced") == [("finish_fenced", LAB)] * 3


async def test_leases_that_run_out_are_told(rooms: Rooms):
    watch = SleepWatch(rooms.clock, 3600 * SECOND)
    reaper = Reaper(rooms.directory, rooms.sources, rooms.clock, watch, 0, rooms.listener)  # type: ignore[arg-type]
    await rooms.job()
    await rooms.job()
    await rooms.claim(max=2)
    rooms.clock.advance(LEASE_S * 2)
    await reaper._reap(LAB)
    assert heard(rooms, "leases_lost") == [("leases_lost", LAB, 2)]
