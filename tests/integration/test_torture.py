"""Gateway and engine are killed again and again under load; the history must show every acknowledged job done, once."""

import asyncio
import random
from collections import Counter

import pytest

from app.client.admin import open_admin
from app.client.api import ApiClient, open_api
from contract.errors import FloworkError
from contract.jobs import JobDraft
from contract.words import EventName, JobState
from tests.support.devices import KEYS
from tests.support.house import House, house, until

CLIENTS = 4
SEED = 20261123


class Load:
    """Clients that repeat each submit until it was acknowledged, as a careful program would."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.acknowledged: dict[str, str] = {}
        self.over = asyncio.Event()

    async def client(self, number: int) -> None:
        async with open_api(self.home.address, KEYS, self.home.gateway_key) as api:
            await self.surely(api.sign_in)
            count = 0
            while not self.over.is_set():
                key = f"c{number}-{count}"
                draft = JobDraft(engine=self.home.engine_name, kind="echo", payload={"reply": key, "sleep_ms": 10})
                taken = await self.surely(lambda draft=draft, key=key: api.submit(draft, key))
                self.acknowledged[key] = taken.job.id
                count += 1

    async def surely(self, act):
        while True:
            try:
                return await act()
            except FloworkError:
                await asyncio.sleep(0.02)


async def history(api: ApiClient) -> Counter[tuple[str, str]]:
    """(job, state) -> how often it was told."""
    told: Counter[tuple[str, str]] = Counter()
    cursor = "e30"
    while (page := await api.events(cursor, wait_ms=0)).events:
        told.update((event.data["id"], event.data["state"]) for event in page.events if event.name is EventName.JOB_UPDATED)
        cursor = page.next
    return told


async def killed_again_and_again(home: House, kills: int) -> None:
    chance = random.Random(SEED)
    load = Load(home)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    for _ in range(kills):
        enough = len(load.acknowledged) + chance.randrange(3, 25)

        async def more(enough: int = enough) -> bool:
            return len(load.acknowledged) >= enough

        await until(more)
        if chance.random() < 0.5:
            home.gateway.kill()
            await home.gateway.ended()
            await home.start_gateway()
        else:
            home.engine.kill()
            await home.engine.ended()
            await home.start_engine()
    load.over.set()
    await asyncio.gather(*clients)

    async def all_done() -> bool:
        async with open_admin(home.data) as admin:
            return all(engine.queued + engine.running + engine.scheduled == 0 for engine in (await admin.status()).engines)

    await until(all_done, patience_s=120)
    async with open_api(home.address, KEYS, home.gateway_key) as api:
        await api.sign_in()
        told = await history(api)
    jobs = set(load.acknowledged.values())
    assert len(jobs) == len(load.acknowledged), "two keys were given one job"
    assert {job for job, _ in told} == jobs, "there are jobs that nobody was told of, or acknowledged ones are gone"
    ends = {job: told[job, JobState.SUCCEEDED] for job in jobs}
    assert {job: count for job, count in ends.items() if count != 1} == {}


async def test_a_dozen_kills(tmp_path):
    async with house(tmp_path, apart=True) as home:
        await killed_again_and_again(home, 12)


@pytest.mark.slow
async def test_two_hundred_kills(tmp_path):
    async with house(tmp_path, apart=True) as home:
        await killed_again_and_again(home, 200)
