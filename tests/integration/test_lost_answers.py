"""Answers get lost between engine and gateway; jobs must not, and none may run twice for it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from contract.words import JobState
from tests.support.house import signed_in, until
from tests.support.inside import add_engine, engine_for, gateway_on, wire_to


@pytest.fixture
async def stack():
    async with AsyncExitStack() as owned:
        yield owned


async def test_a_lost_claim_answer_costs_no_job_and_no_attempt(stack: AsyncExitStack, tmp_path):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lease_ms=30_000))
    added = await add_engine(gateway)
    wire = await stack.enter_async_context(wire_to(gateway.address))
    losses = []

    def first_lease(path: str, answer) -> bool:
        if path.endswith("/claim") and answer.get("leases") and not losses:
            losses.append([lease["token"] for lease in answer["leases"]])
            return True
        return False

    wire.lose_answer = first_lease
    await stack.enter_async_context(engine_for(wire.address, added, tmp_path / "e"))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"reply": "once"})
    await user.sees(job, JobState.SUCCEEDED)
    assert len(losses) == 1
    replayed = next(answer["leases"] for path, _, answer in wire.passed if path.endswith("/claim") and answer["leases"])
    assert [lease["token"] for lease in replayed] == losses[0]
    detail = await user.api.job(job.id)
    assert (detail.attempt, detail.result) == (1, "once")
    assert [event.data["state"] for event in user.seen] == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("slots", [1, 4])
async def test_a_lost_finish_answer_ends_the_job_once(stack: AsyncExitStack, tmp_path, slots: int):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lease_ms=30_000))
    added = await add_engine(gateway)
    wire = await stack.enter_async_context(wire_to(gateway.address))
    losses = []

    def first_two_ends(path: str, answer) -> bool:
        ends = path.endswith("/finish") or (path.endswith("/claim") and answer.get("finished"))
        if ends and len(losses) < 2:
            losses.append(path)
            return True
        return False

    wire.lose_answer = first_two_ends
    await stack.enter_async_context(engine_for(wire.address, added, tmp_path / "e", slots=slots))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    jobs = [await user.submit(payload={"reply": n, "sleep_ms": 20}) for n in range(3)]
    for job in jobs:
        await user.reaches(job, JobState.SUCCEEDED)
    assert len(losses) == 2

    async def all_acknowledged() -> bool:
        (status,) = (await gateway._parts.owner.status()).engines
        return status.running == 0 and status.queued == 0

    await until(all_acknowledged)
    for n, job in enumerate(jobs):
        detail = await user.api.job(job.id)
        assert (detail.attempt, detail.result) == (1, n)


async def test_a_cut_wire_costs_nothing_but_time(stack: AsyncExitStack, tmp_path):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lease_ms=30_000))
    added = await add_engine(gateway)
    wire = await stack.enter_async_context(wire_to(gateway.address))
    await stack.enter_async_context(engine_for(wire.address, added, tmp_path / "e"))
    user = await stack.enter_async_context(signed_in(gateway, "lab"))
    job = await user.submit(payload={"sleep_ms": 300, "reply": "kept"})
    await user.sees(job, JobState.RUNNING)
    wire.cut = True
    waiting = await user.submit(payload={"reply": "later"})
    await asyncio.wait_for(_lost_some(wire), 10)
    wire.cut = False
    for one in (job, waiting):
        await user.reaches(one, JobState.SUCCEEDED)
        assert (await user.api.job(one.id)).attempt == 1


async def _lost_some(wire) -> None:
    while not any(path.endswith(("/finish", "/claim")) for path in wire.lost):
        await asyncio.sleep(0.01)


async def test_a_claimer_that_hung_up_is_given_nothing(stack: AsyncExitStack, tmp_path):
    gateway = await stack.enter_async_context(gateway_on(tmp_path / "g", lease_ms=30_000))
    added = await add_engine(gateway)
    host, port = gateway.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = b'{"instance":"%s","attempt_id":"%s","announce":{"version":"0","slots":1,"kinds":["echo"]},"max":1,"wait_ms":25000}' % (
        b"a" * 32,
        b"b" * 32,
    )
    head = (
        f"POST /internal/v1/claim HTTP/1.1\r\nHost: {host}:{port}\r\nX-Engine-Id: {added.id}\r\nX-Engine-Token: {added.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()

    async def polling() -> bool:
        (status,) = (await gateway._parts.owner.status()).engines
        return len(status.instances) == 1

    await until(polling)
    writer.close()
    await writer.wait_closed()
    user = await stack.enter_async_context(signed_in(gateway, "lab"))

    async def nobody_waits() -> bool:
        return not gateway._parts.wake._waiters

    await until(nobody_waits)
    job = await user.submit()
    assert (await user.api.job(job.id)).state is JobState.QUEUED
    await stack.enter_async_context(engine_for(gateway.address, added, tmp_path / "e"))
    await user.sees(job, JobState.SUCCEEDED)
    assert (await user.api.job(job.id)).attempt == 1
