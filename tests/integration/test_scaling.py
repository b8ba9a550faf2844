"""The autoscaler on a real gateway: load raises the number of slots, idleness lowers it, and the owner sees why."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from contract.words import JobState
from tests.support.house import PATIENCE_S, signed_in, start, until
from tests.support.inside import add_engine, engine_for, gateway_on

SHORT = {"slots": None, "scaling_window_s": 0.08, "heartbeat_s": 0.08, "slots_max": 6}


@pytest.fixture
async def stack():
    async with AsyncExitStack() as owned:
        yield owned


async def test_load_raises_the_number_of_slots_and_idleness_lowers_it_again(stack: AsyncExitStack, tmp_path):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g"))
    engine = await stack.enter_async_context(engine_for(gateway.address, await add_engine(gateway), tmp_path / "e", **SHORT))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    assert engine.slots == 4
    jobs = [await user.submit(payload={"sleep_ms": 300}) for _ in range(40)]

    async def all_run() -> bool:
        return engine.busy == engine.slots == 6

    await until(all_run)
    for job in jobs:
        await user.reaches(job, JobState.SUCCEEDED)

    async def lowered() -> bool:
        return engine.slots == 5

    await until(lowered)  # the highest rate is remembered for 90 windows

    async def told() -> bool:
        (instance,) = (await gateway._parts.owner.status()).engines[0].instances
        assert instance.scaling is not None
        return instance.slots == engine.slots and instance.scaling.change == engine.changes[-1]

    await until(told)
    steps = [(change.before, change.after) for change in engine.changes]
    assert [after - before > 0 for before, after in steps] == sorted([after > before for before, after in steps], reverse=True)
    assert engine.changes[-1].reason.startswith("-1 because start delays were under 45 ms")


async def test_a_fixed_number_of_slots_stays_whatever_waits(stack: AsyncExitStack, tmp_path):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g"))
    engine = await stack.enter_async_context(
        engine_for(gateway.address, await add_engine(gateway), tmp_path / "e", **{**SHORT, "slots": 1})
    )
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    for job in [await user.submit(payload={"sleep_ms": 300}) for _ in range(4)]:
        await user.reaches(job, JobState.SUCCEEDED)

    async def measured() -> bool:
        (instance,) = (await gateway._parts.owner.status()).engines[0].instances
        return instance.scaling is not None and bool(instance.scaling.rate_per_s or instance.scaling.mean_service_s)

    await until(measured)
    assert (engine.slots, engine.changes) == (1, ())


async def test_the_knobs_of_the_roadmap_reach_the_engine_and_the_status_page(tmp_path):
    knobs = {"CORE_MAX_WORKERS": "5", "SLO_TARGET_LATENCY": "0.2", "SCALING_HEADROOM": "1.5", "FLOWORK_ENGINE_SCALING_WINDOW_S": "0.1"}
    data = tmp_path / "data"
    served = await start(
        tmp_path / "log", "serve", "--data", str(data), "--port", "0", "--json", "--allow-echo", "--insecure-storage", environment=knobs
    )
    try:
        assert served.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            ready = json.loads(await served.process.stdout.readline())
        assert ready["slots"] == 4

        async def lowered() -> bool:
            asked = await start(tmp_path / "status.log", "status", "--data", str(data))
            page, _ = await asked.process.communicate()
            return b" of 1..5 (auto): -1 because start delays were under 60 ms and utilisation under 50 % for 6 windows" in page

        await until(lowered)
    finally:
        served.terminate()
        assert await served.ended() == 0
