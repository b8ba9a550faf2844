"""Processes die, are told to stop, or start twice; what was acknowledged is done all the same."""

import asyncio
import json
import sqlite3
from collections import Counter

import pytest

from app.client.admin import open_admin
from app.client.api import ApiClient
from contract.errors import FloworkError, GatewayUnreachable, ShardUnavailable
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import EventName, JobState
from tests.support.house import House, User, house, signed_in, start, until

CLIENTS = 4
BEFORE_KILL = 40


async def all_events(api: ApiClient) -> list[Event]:
    """Everything that ever happened to this user's jobs."""
    events: list[Event] = []
    cursor = "e30"  # {}: from the beginning
    while page := await api.events(cursor, wait_ms=0):
        events += page.events
        cursor = page.next
        if not page.events:
            return events
    return events


async def test_a_job_whose_engine_was_killed_runs_again_after_its_lease_and_ends_once(home: House, user: User):
    job = await user.submit(payload={"sleep_ms": 60_000})
    quick = await user.submit(payload={"sleep_ms": 1, "reply": "q"})
    await user.sees(job, JobState.RUNNING)
    await user.reaches(quick, JobState.SUCCEEDED)
    assert home.engine is not None
    home.engine.kill()
    await home.engine.ended()
    await home.restart_engine()
    async with signed_in(home, home.engine_name) as again:

        async def second_attempt() -> bool:
            detail = await again.api.job(job.id)
            return detail.state is JobState.RUNNING and detail.attempt == 2

        await until(second_attempt)
        await again.api.cancel(job.id)
        await again.reaches(job, JobState.CANCELLED)
        moves = [(event.data["state"], event.data["attempt"]) for event in await all_events(again.api) if event.data["id"] == job.id]
    assert Counter(state for state, _ in moves)["running"] == 3  # two attempts, and the cancel asked of the second
    assert moves[-1] == ("cancelled", 2)


async def test_every_acknowledged_job_ends_exactly_once_though_the_gateway_was_killed_under_load(home: House):
    acknowledged: dict[str, str] = {}
    """Key -> job id."""
    enough = asyncio.Event()

    async def client(number: int, user: User) -> None:
        for n in range(60):
            key = f"c{number}-{n}"
            draft = JobDraft(engine=home.engine_name, kind="echo", payload={"reply": key, "sleep_ms": 5})
            while True:
                try:
                    acknowledged[key] = (await user.api.submit(draft, key)).job.id
                    break
                except (GatewayUnreachable, FloworkError):
                    await asyncio.sleep(0.02)
            if len(acknowledged) >= BEFORE_KILL:
                enough.set()

    async with signed_in(home, home.engine_name) as user:
        clients = [asyncio.create_task(client(number, user)) for number in range(CLIENTS)]
        await asyncio.wait_for(enough.wait(), 30)
        assert home.gateway is not None
        before = dict(acknowledged)
        home.gateway.kill()
        await home.gateway.ended()
        await home.start_gateway()
        await asyncio.wait_for(asyncio.gather(*clients), 60)
        assert len(set(acknowledged.values())) == CLIENTS * 60
        assert {key: acknowledged[key] for key in before} == before

        async def all_done() -> bool:
            async with open_admin(home.data) as admin:
                return all(engine.queued + engine.running == 0 for engine in (await admin.status()).engines)

        await until(all_done, patience_s=60)
        ends = Counter(
            event.data["id"]
            for event in await all_events(user.api)
            if event.name is EventName.JOB_UPDATED and event.data["state"] == JobState.SUCCEEDED
        )
        assert ends == Counter(dict.fromkeys(acknowledged.values(), 1))
        for key, job_id in list(acknowledged.items())[::20]:
            assert (await user.api.job(job_id)).result == key


async def test_the_first_signal_lets_running_jobs_finish_and_keeps_what_waits(tmp_path):
    async with house(tmp_path, apart=False, slots=1) as home:
        async with signed_in(home, "home") as user:
            running = await user.submit(payload={"sleep_ms": 700, "reply": "finished"})
            waiting = await user.submit(payload={"reply": "waited"})
            await user.sees(running, JobState.RUNNING)
            assert home.gateway is not None
            home.gateway.terminate()
            assert await home.gateway.ended() == 0
        await home.start_gateway()
        async with signed_in(home, "home") as user:
            done = await user.reaches(running, JobState.SUCCEEDED)
            assert (done.result, done.attempt) == ("finished", 1)
            assert (await user.reaches(waiting, JobState.SUCCEEDED)).attempt == 1


async def test_an_engine_apart_drains_on_its_own(tmp_path):
    async with house(tmp_path, apart=True, slots=1) as home, signed_in(home, "remote") as user:
        running = await user.submit(payload={"sleep_ms": 500, "reply": "finished"})
        await user.sees(running, JobState.RUNNING)
        waiting = await user.submit()
        assert home.engine is not None
        home.engine.terminate()
        assert await home.engine.ended() == 0
        assert (await user.api.job(running.id)).state is JobState.SUCCEEDED
        assert (await user.api.job(waiting.id)).state is JobState.QUEUED


async def test_the_second_signal_gives_back_what_runs_without_costing_an_attempt(home: House, user: User):
    job = await user.submit(payload={"sleep_ms": 60_000})
    await user.sees(job, JobState.RUNNING)
    assert home.engine is not None
    home.engine.terminate()

    async def draining() -> bool:
        try:
            async with open_admin(home.data) as admin:
                # Two signals that come at once are one.
                return "engine.stopping" in home.engine.log.read_text() if home.apart else (await admin.status()).state == "draining"
        except GatewayUnreachable:
            return True

    await until(draining)
    home.engine.terminate()
    assert await home.engine.ended() == 0
    await home.restart_engine()
    async with signed_in(home, home.engine_name) as again:

        async def runs_again() -> bool:
            return (await again.api.job(job.id)).state is JobState.RUNNING

        await until(runs_again)
        assert (await again.api.job(job.id)).attempt == 1
        await again.api.cancel(job.id)
        await again.reaches(job, JobState.CANCELLED)


async def test_a_second_flowork_on_the_same_data_folder_says_so_and_harms_nothing(home: House, user: User):
    second = await start(home.data.with_suffix(".second.log"), "serve", "--data", str(home.data), "--port", "0")
    assert await second.ended() == 1
    assert "Another Flowork runs on" in second.log.read_text()
    await user.sees(await user.submit(), JobState.SUCCEEDED)


async def test_a_port_that_is_taken_is_named(home: House, tmp_path):
    command = ["serve", "--data", str(tmp_path / "other"), "--port", str(home.port), "--insecure-storage"]
    second = await start(tmp_path / "second.log", *command)
    assert await second.ended() == 1
    assert f"127.0.0.1:{home.port}" in second.log.read_text()


@pytest.mark.parametrize("harm", ["damaged", "newer", "gone"])
async def test_a_queue_that_cannot_be_opened_is_left_alone_while_the_others_go_on(tmp_path, harm: str):
    async with house(tmp_path, apart=False) as home:
        async with open_admin(home.data) as admin:
            broken = await admin.add_engine("broken")
        async with signed_in(home, "home") as user:
            kept = await user.submit(engine="broken")
        assert home.gateway is not None
        home.gateway.terminate()
        await home.gateway.ended()
        file = home.data / "shards" / f"{broken.id}.db"
        if harm == "damaged":
            file.write_bytes(b"not a database any more " * 1000)
        elif harm == "newer":
            connection = sqlite3.connect(file)
            connection.execute("PRAGMA user_version = 99")
            connection.close()
        else:
            file.rename(tmp_path / "moved.db")
        left = file.read_bytes() if file.exists() else None
        await home.start_gateway()
        async with signed_in(home, "home") as user:
            with pytest.raises(ShardUnavailable) as refused:
                await user.submit(engine="broken")
            assert refused.value.retry_after_s is not None
            with pytest.raises(ShardUnavailable):
                await user.api.job(kept.id)
            await user.sees(await user.submit(engine="home"), JobState.SUCCEEDED)
        async with open_admin(home.data) as admin:
            status = await admin.status()
        assert status.state == "degraded"
        assert {engine.name: engine.state for engine in status.engines} == {"home": "up", "broken": "unavailable"}
        assert (file.read_bytes() if file.exists() else None) == left


async def test_the_demo_runs_and_leaves_nothing_behind(tmp_path):
    demo = await start(tmp_path / "demo.log", "demo", "--json", environment={"TMPDIR": str(tmp_path), "FLOWORK_ENGINE_HEARTBEAT_S": "5"})
    assert demo.process.stdout is not None
    told = json.loads(await demo.process.stdout.read())
    assert await demo.ended() == 0
    assert told["ok"] is True
    assert [job["state"] for job in told["jobs"]] == ["succeeded"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["demo.log"]


async def test_a_stranger_is_told_what_to_do(home: House, tmp_path):
    submit = await start(tmp_path / "log", "submit", "--gateway", home.address, "--kind", "echo", "--data", str(tmp_path / "mine"))
    assert await submit.ended() == 4
    assert "flowork login" in submit.log.read_text()


async def test_submit_on_the_command_line_prints_the_answer(home: House, tmp_path):
    login = await start(tmp_path / "log", "login", "--data", str(home.data))
    assert await login.ended() == 0, login.log.read_text()
    submit = await start(
        tmp_path / "log",
        *("submit", "--data", str(home.data), "--engine", home.engine_name, "--kind", "echo"),
        *("--payload", '{"output":["hello "],"reply":{"n":1}}'),
    )
    assert submit.process.stdout is not None
    out = (await submit.process.stdout.read()).decode()
    assert await submit.ended() == 0, submit.log.read_text()
    assert "hello " in out
    assert '"n": 1' in out
