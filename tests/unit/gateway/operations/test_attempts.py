"""How long attempts hold a slot, and how they end."""

import asyncio

import pytest

from contract.engine_link import Failure, FinishRequest
from contract.words import Outcome
from gateway.operations.attempts import WINDOW_US, Attempts
from kit.clock import SECOND
from tests.unit.gateway.operations.conftest import LAB


def attempts(rooms) -> Attempts:
    return rooms.attempts


async def ended(rooms, outcome: Outcome, error: Failure | None = None, after_s: float = 2.0):
    (lease,) = (await rooms.claim()).leases
    rooms.clock.advance(after_s)
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=outcome, error=error))


@pytest.mark.parametrize(
    ("outcome", "error", "failed"),
    [
        (Outcome.SUCCEEDED, None, False),
        (Outcome.FAILED, Failure(code="x", message="x"), True),
        (Outcome.FAILED, Failure(code="x", message="x", retryable=False), True),
        (Outcome.REFUSED, Failure(code="x", message="x"), True),
        (Outcome.REFUSED, Failure(code="engine.user_not_allowed", message="x"), False),
        (Outcome.GIVEN_BACK, None, False),
    ],
)
async def test_an_attempt_is_timed_from_lease_to_end_and_judged(rooms, outcome: Outcome, error: Failure | None, failed: bool):
    await rooms.job()
    rooms.clock.advance(60)
    await ended(rooms, outcome, error)
    (attempt,) = attempts(rooms).of(LAB)
    assert (attempt.instance, attempt.service_s, attempt.failed) == (f"{1:032x}", 2.0, failed)


async def test_a_lost_lease_is_a_failure_of_its_instance(rooms):
    await rooms.job()
    await rooms.claim()
    rooms.clock.advance(3600)
    await rooms.directory.stores[LAB].reap()
    assert [attempt.failed for attempt in attempts(rooms).of(LAB)] == [True]


async def test_what_runs_counts_when_it_ends_and_a_replayed_claim_only_once(rooms):
    await rooms.job()
    request = rooms.request(1)
    for _ in range(2):
        answer = await rooms.claiming.claim(rooms.caller(), request, asyncio.Event())
    assert attempts(rooms).of(LAB) == []
    assert attempts(rooms).mean_service_s(LAB) is None
    rooms.clock.advance(4)
    (lease,) = answer.leases
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED))
    assert len(attempts(rooms).of(LAB)) == 1
    assert attempts(rooms).mean_service_s(LAB) == 4.0


async def test_the_mean_is_of_the_latest_and_forgets_after_fifteen_minutes(rooms):
    for seconds in (1.0, 3.0):
        await rooms.job()
        await ended(rooms, Outcome.SUCCEEDED, after_s=seconds)
    assert attempts(rooms).mean_service_s(LAB) == 2.0
    assert attempts(rooms).of(LAB, instances={"somebody"}) == []
    assert len(attempts(rooms).of(LAB, since=rooms.clock.steady)) == 1
    rooms.clock.advance(WINDOW_US / SECOND + 1)
    assert attempts(rooms).mean_service_s(LAB) is None


async def test_what_an_instance_holds_is_counted_and_a_lease_that_is_given_again_is_known(rooms):
    await rooms.job()
    (lease,) = (await rooms.claim()).leases
    assert (attempts(rooms).running(f"{1:032x}"), attempts(rooms).running(f"{2:032x}")) == (1, 0)
    assert attempts(rooms).begun("j", "i", 5, 1)
    assert not attempts(rooms).begun("j", "i", 5, 1)
    assert attempts(rooms).begun("j", "i", 9, 2)
    await rooms.reporting.finish(LAB, lease.job, FinishRequest(token=lease.token, outcome=Outcome.SUCCEEDED))
    assert attempts(rooms).running(f"{1:032x}") == 0
