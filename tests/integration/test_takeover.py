"""A newer Flowork takes the place of the one that runs: nothing is lost or doubled, and whatever fails leaves the old one serving."""

import asyncio
import json
import os
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from app.client.admin import open_admin
from app.client.api import ApiClient
from contract.errors import FloworkError
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import EventName, JobState
from tests.support.house import House, Program, house, signed_in, start, until

CLIENTS = 3


async def take_over(home: House, *more: str, name: str = "new") -> Program:
    """Start the newer one; it may fail."""
    command = ["serve", "--data", str(home.data), "--json", "--slots", str(home.slots), "--allow-echo", "--insecure-storage", "--take-over"]
    program = await start(home.data.with_suffix(f".{name}.log"), *command, "--port", str(home.port), *more)
    home.programs.append(program)
    return program


async def serves(program: Program) -> dict:
    """What it says once it serves."""
    assert program.process.stdout is not None
    line = await asyncio.wait_for(program.process.stdout.readline(), 60)
    assert line, program.log.read_text()
    return dict(json.loads(line))


async def ends_of(api: ApiClient) -> Counter[str]:
    """How often each job was said to have succeeded."""
    ends: Counter[str] = Counter()
    cursor = "e30"
    while (page := await api.events(cursor, wait_ms=0)).events:
        ends.update(each.data["id"] for each in page.events if _succeeded(each))
        cursor = page.next
    return ends


def _succeeded(event: Event) -> bool:
    return event.name is EventName.JOB_UPDATED and event.data.get("state") == JobState.SUCCEEDED


async def test_under_load_the_new_one_serves_every_acknowledged_job_once_and_the_old_one_exits_0(tmp_path: Path):
    acknowledged: dict[str, str] = {}
    done = asyncio.Event()

    async def client(number: int, api: ApiClient) -> None:
        for n in range(10_000):
            key = f"c{number}-{n}"
            draft = JobDraft(engine="home", kind="echo", payload={"reply": key, "sleep_ms": 5})
            while key not in acknowledged:
                try:
                    acknowledged[key] = (await api.submit(draft, key)).job.id
                except FloworkError:
                    await asyncio.sleep(0.02)
            if done.is_set():
                return

    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        old = home.gateway
        assert old is not None
        clients = [asyncio.create_task(client(number, user.api)) for number in range(CLIENTS)]
        new = await take_over(home)
        told = await serves(new)
        assert await old.ended() == 0
        after = len(acknowledged)

        async def goes_on() -> bool:
            return len(acknowledged) > after + 20

        await until(goes_on)
        done.set()
        await asyncio.wait_for(asyncio.gather(*clients), 60)
        for job_id in acknowledged.values():

            async def ended(job_id: str = job_id) -> bool:
                return (await user.api.job(job_id)).state is JobState.SUCCEEDED

            await until(ended)
        assert await ends_of(user.api) == Counter(dict.fromkeys(acknowledged.values(), 1))
        assert told["address"] == home.address
        assert told["rehearsed"]["engines"] == 1
        assert told["gap_s"] > 0
        print(f"{len(acknowledged)} jobs; {told['gap_s']:.2f} s without service; rehearsed in {told['rehearsed']['seconds']:.2f} s")
        assert not (home.data / "run" / "rehearsal").exists()
        async with open_admin(home.data) as admin:
            engines = [engine.name for engine in (await admin.status()).engines]
            records = Counter(record.event for record in (await admin.audit(None, 200)).records)
            people = len((await admin.users()).users)
        assert (engines, people) == (["home"], 1)  # the rehearsal left nothing in the original
        assert (records["gateway.snapshot"], records["gateway.handover"]) == (1, 1)


async def test_a_rehearsal_that_fails_leaves_the_old_one_serving(tmp_path: Path):
    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        await user.sees(await user.submit(), JobState.SUCCEEDED)
        # What the new one opens is a copy of this: a table that it needs is gone, as for a program that knows another layout.
        with sqlite3.connect(home.data / "control.db") as control:
            control.execute("ALTER TABLE sources RENAME TO elsewhere")
        new = await take_over(home)
        assert await new.ended() == 1
        words = new.log.read_text()
        assert "The rehearsal on a copy failed" in words
        assert "goes on serving" in words
        assert not (home.data / "run" / "rehearsal").exists()
        with sqlite3.connect(home.data / "control.db") as control:
            control.execute("ALTER TABLE elsewhere RENAME TO sources")
        await user.sees(await user.submit(), JobState.SUCCEEDED)


async def test_a_new_one_that_cannot_listen_leaves_the_old_one_serving_where_it_was(tmp_path: Path):
    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with taken:
            port = taken.sockets[0].getsockname()[1]
            new = await take_over(home, "--port", str(port))
            assert await new.ended() == 1
        assert f"(process {os.getpid()}) listens on 127.0.0.1:{port}" in new.log.read_text(), "who holds it is named"
        assert await serves_again(home) == home.address
        job = await user.submit()
        await user.reaches(job, JobState.SUCCEEDED)
        assert (await take_over_for_good(home))["address"] == home.address


async def test_a_new_one_that_dies_while_the_old_one_lets_go_leaves_the_old_one_serving(tmp_path: Path):
    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        running = await user.submit(payload={"sleep_ms": 1500, "reply": "finished"})
        await user.sees(running, JobState.RUNNING)
        new = await take_over(home)

        async def asked() -> bool:
            async with open_admin(home.data) as admin:
                return any(record.event == "gateway.handover" for record in (await admin.audit(None, 20)).records)

        await until(asked)
        waiting = await user.submit(payload={"reply": "waited"})  # the old one still takes work while it finishes
        new.kill()
        await new.ended()
        assert await serves_again(home) == home.address
        done = await user.reaches(running, JobState.SUCCEEDED)
        assert (done.result, done.attempt) == ("finished", 1)
        assert (await user.reaches(waiting, JobState.SUCCEEDED)).attempt == 1


async def serves_again(home: House) -> str:
    assert home.gateway is not None
    return str((await serves(home.gateway))["address"])


async def take_over_for_good(home: House) -> dict:
    old, new = home.gateway, await take_over(home, name="newer")
    told = await serves(new)
    assert old is not None
    assert await old.ended() == 0
    return told


async def test_only_one_takes_over_at_a_time(tmp_path: Path):
    async with house(tmp_path, apart=False) as home, signed_in(home, "home") as user:
        running = await user.submit(payload={"sleep_ms": 3000})
        await user.sees(running, JobState.RUNNING)
        first = await take_over(home, name="first")

        async def holds() -> bool:
            return (home.data / "run" / "handover.lock").exists()

        await until(holds)
        second = await take_over(home, name="second")
        assert await second.ended() == 1
        assert "Another Flowork is taking over" in second.log.read_text()
        await serves(first)


async def test_with_nobody_to_take_over_from_it_just_serves(tmp_path: Path):
    async with house(tmp_path, apart=False) as home:
        assert home.gateway is not None
        home.gateway.terminate()
        assert await home.gateway.ended() == 0
        told = await serves(await take_over(home))
        assert told["address"] == home.address
        assert "gap_s" not in told


@pytest.mark.parametrize("path", ["/snapshot", "/handover"])
async def test_it_needs_the_scope_for_updates(tmp_path: Path, path: str):
    async with house(tmp_path, apart=False) as home, open_admin(home.data) as admin:
        await admin.status()
        token = next(iter(admin._tokens.values()))
        url, headers = f"/admin/v1{path}", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with admin._session.post(url, headers=headers, data=b'{"version": "1"}') as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "auth.scope_missing")
        assert not (home.data / "run" / "rehearsal").exists()
