"""Machines sleep: whichever side does, no job's end is told twice and none is run by two engines at once."""

from contextlib import AsyncExitStack

import pytest

from contract.words import JobState
from tests.support.house import signed_in, until
from tests.support.inside import SleepyClock, add_engine, engine_for, gateway_on

NIGHT_S = 8 * 3600


@pytest.fixture
async def stack():
    async with AsyncExitStack() as owned:
        yield owned


async def test_after_a_night_on_one_machine_the_running_job_goes_on_and_runs_once(stack: AsyncExitStack, tmp_path):
    clock = SleepyClock()
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", clock=clock))
    added = await add_engine(gateway)
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e", clock=clock))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"sleep_ms": 2500, "reply": "morning"}, timeout_s=60)
    await user.sees(job, JobState.RUNNING)
    clock.sleep_machine(NIGHT_S)
    done = await user.reaches(job, JobState.SUCCEEDED)
    assert (done.result, done.attempt) == ("morning", 1)


async def test_an_engine_that_slept_through_its_lease_cannot_end_the_job_another_has(stack: AsyncExitStack, tmp_path):
    sleeper = SleepyClock()
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g"))
    added = await add_engine(gateway)
    asleep = await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e1", clock=sleeper, slots=1, heartbeat_s=3600))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"sleep_ms": 2600, "reply": "done"}, timeout_s=60)
    await user.sees(job, JobState.RUNNING)
    # Its heart does not beat and its clock stands still: to the gateway it is gone, and it does not know.
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e2", slots=1))
    await user.sees(job, JobState.QUEUED)
    await user.sees(job, JobState.RUNNING)
    sleeper.sleep_machine(NIGHT_S)

    async def let_go() -> bool:
        return asleep.busy == 0

    await until(let_go)
    done = await user.sees(job, JobState.SUCCEEDED)
    assert done.data["attempt"] == 2
    assert [event.data["state"] for event in user.seen].count("succeeded") == 1


async def test_a_gateway_that_slept_takes_no_lease_back_before_engines_could_renew(stack: AsyncExitStack, tmp_path):
    clock = SleepyClock()
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", clock=clock))
    added = await add_engine(gateway)
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e"))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"sleep_ms": 2000, "reply": "kept"})
    await user.sees(job, JobState.RUNNING)
    clock.sleep_machine(NIGHT_S)
    done = await user.reaches(job, JobState.SUCCEEDED)
    assert (done.attempt, done.result) == (1, "kept")


async def test_a_job_scheduled_for_the_night_starts_after_the_wake(stack: AsyncExitStack, tmp_path, monkeypatch):
    from datetime import UTC, datetime, timedelta

    from gateway.operations import reap

    monkeypatch.setattr(reap, "LOOK_AGAIN_S", 0.1)
    clock = SleepyClock()
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", clock=clock))
    added = await add_engine(gateway)
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e", clock=clock))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(run_at=(datetime.now(UTC) + timedelta(hours=3)).isoformat())
    assert job.state is JobState.SCHEDULED
    clock.sleep_machine(NIGHT_S)
    await user.reaches(job, JobState.SUCCEEDED)
