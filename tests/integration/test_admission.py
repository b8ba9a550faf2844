"""What keeps a job out, as a client meets it: status, code, Retry-After, and nothing left behind. And `engine: "any"`."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.client.api import ApiClient, open_api
from contract.admin import EngineAdded
from contract.jobs import JobDraft, JobPage
from contract.words import JobState
from gateway.wiring import Gateway
from tests.support.devices import KEYS, device, signed_headers
from tests.support.house import until
from tests.support.inside import add_engine, engine_for, gateway_on, pair

ECHO = {"engine": "lab", "kind": "echo"}


@dataclass
class Desk:
    """A gateway with an engine `lab` that nobody serves yet, and its user."""

    gateway: Gateway
    lab: EngineAdded
    api: ApiClient
    keys: Iterator[str]

    async def post(self, path: str, document: dict[str, Any], key: str = "") -> tuple[int, dict[str, Any], aiohttp.ClientResponse]:
        body = json.dumps(document).encode()
        headers = {**signed_headers(self.api, "POST", path, body), "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        async with self.api._session.post(path, data=body, headers=headers) as response:
            return response.status, await response.json(content_type=None), response

    async def submit(self, key: str | None = None, **changes: Any) -> tuple[int, dict[str, Any], aiohttp.ClientResponse]:
        return await self.post("/api/v1/jobs", {**ECHO, **changes}, key or next(self.keys))

    async def batch(self, count: int) -> tuple[int, dict[str, Any], aiohttp.ClientResponse]:
        return await self.post("/api/v1/jobs:batch", {"items": [{**ECHO, "idempotency_key": next(self.keys)} for _ in range(count)]})

    async def jobs(self) -> list[str]:
        return [job.id for job in (await self.api._call("GET", "/api/v1/jobs?limit=200", JobPage)).jobs]

    async def refused(self, code: str, **changes: Any) -> int:
        """A submit is refused for this reason, says when to come back, and leaves nothing; the seconds."""
        before, key = await self.jobs(), next(self.keys)
        status, problem, response = await self.submit(key, **changes)
        assert (status, problem["code"]) == (429, code)
        assert response.headers["Retry-After"] == str(problem["retry_after"])
        assert int(response.headers["Retry-After"]) >= 1
        assert await self.jobs() == before
        return problem["retry_after"]


@asynccontextmanager
async def desk(data: Path, **settings: Any) -> AsyncIterator[Desk]:
    async with gateway_on(data, **settings) as gateway:
        lab = next((row for row in gateway._parts.operations.sharing.sources.engines() if row.name == "lab"), None)
        added = await add_engine(gateway) if lab is None else EngineAdded(id=lab.id, name="lab", token="")
        async with open_api(gateway.address, KEYS, gateway.gateway_key) as api:
            await api.sign_in()
            yield Desk(gateway, added, api, map("key-{}".format, range(100_000)))


async def test_a_full_queue_and_a_full_share_are_told_apart(tmp_path: Path):
    async with desk(tmp_path / "g", hard_cap=5) as site:
        for n in range(4):
            assert (await site.submit(f"k{n}"))[0] == 201
        await site.refused("queue.share_full")
        await pair(site.gateway, device(8), "other")
        async with open_api(site.gateway.address, device(8), site.gateway.gateway_key) as other:
            await other.sign_in()
            await other.submit(JobDraft(**ECHO), "theirs")  # the place that was left for others
        await site.refused("queue.full")
        assert (await site.submit("k0"))[0] == 200


@pytest.mark.parametrize(("setting", "code"), [("memory_free_min_bytes", "server.low_memory"), ("disk_free_min_bytes", "server.low_disk")])
async def test_a_machine_short_of_something_refuses_and_goes_on_when_it_is_over(tmp_path: Path, setting: str, code: str):
    async with desk(tmp_path / "g", **{setting: 2**60}) as site:
        await site.refused(code)
    async with desk(tmp_path / "g") as site:
        assert (await site.submit())[0] == 201


async def test_a_queue_that_would_keep_a_job_waiting_refuses_until_it_does_not(tmp_path: Path):
    async with desk(tmp_path / "g", admission_max_wait_s=0.2) as site, engine_for(site.gateway.address, site.lab, tmp_path / "e", slots=1):
        assert (await site.submit(payload={"sleep_ms": 400}))[0] == 201
        capacity = site.gateway._parts.operations.submit.admission.capacity

        async def measured() -> bool:
            return capacity.mean_service_s(site.lab.id) is not None

        await until(measured, "an attempt was measured")
        (_, running, _), (_, waiting, _) = await site.submit(payload={"sleep_ms": 20_000}), await site.submit()
        await site.refused("queue.slow")
        await site.api.cancel(running["job"]["id"])

        async def done() -> bool:
            return (await site.api.job(waiting["job"]["id"])).state is JobState.SUCCEEDED

        await until(done)
        assert (await site.submit())[0] == 201


async def test_more_jobs_than_the_budget_are_refused_as_a_whole_and_fit_after_the_time_told(tmp_path: Path):
    async with desk(tmp_path / "g", submit_burst=500, user_rate_per_s=0.02) as site:  # 10 jobs a second in the long run
        assert (await site.batch(496))[0] == 200
        before = await site.jobs()
        status, problem, response = await site.batch(10)
        assert (status, problem["code"], problem["retry_after"]) == (429, "rate.submits", 1)
        assert response.headers["Retry-After"] == "1"
        assert response.headers["RateLimit"] == '"submits";r=0;t=1'
        assert await site.jobs() == before

        async def fits() -> bool:
            return (await site.batch(10))[0] == 200

        await until(fits)


async def test_any_engine_is_one_choice_for_each_key_over_a_restart(tmp_path: Path):
    async with desk(tmp_path / "g") as site:
        await add_engine(site.gateway, "den")
        answers = await asyncio.gather(*(site.submit("k", engine="any") for _ in range(6)))
        (job,) = {document["job"]["id"] for _, document, _ in answers}
        assert sorted(status for status, _, _ in answers) == [200] * 5 + [201]
        chosen = answers[0][1]["job"]["engine"]
        for _ in range(5):
            assert (await site.submit(engine=chosen))[0] == 201
    async with desk(tmp_path / "g") as site:
        status, again, _ = await site.submit("k", engine="any")
        assert (status, again["job"]["id"]) == (200, job)
        assert (await site.submit("k2", engine="any"))[1]["job"]["engine"] != chosen


async def test_any_engine_that_serves_the_kind_and_has_a_free_slot(tmp_path: Path):
    async with desk(tmp_path / "g") as site:
        den = await add_engine(site.gateway, "den")
        async with (
            engine_for(site.gateway.address, site.lab, tmp_path / "lab", slots=1),
            engine_for(site.gateway.address, den, tmp_path / "den", slots=1),
        ):
            capacity = site.gateway._parts.operations.submit.admission.capacity

            async def up() -> bool:
                return capacity.slots(site.lab.id) == capacity.slots(den.id) == 1

            await until(up, "both engines are up")
            answers = [await site.submit(engine="any", payload={"sleep_ms": 20_000}) for _ in range(2)]
            assert {document["job"]["engine"] for _, document, _ in answers} == {site.lab.id, den.id}
            status, problem, _ = await site.submit("typo", engine="any", kind="ehco")
            assert (status, problem["code"]) == (422, "job.kind_unserved")
            for _, document, _ in answers:
                await site.api.cancel(document["job"]["id"])
