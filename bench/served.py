"""`flowork serve` as users start it, and users of it, for measurements from another process."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.client.admin import AdminClient
from app.client.api import ApiClient, open_api
from app.client.pairing import pair_here
from app.crypto.device_keys import DeviceKeys
from contract.jobs import BatchAnswer, BatchItem, BatchRequest, Job, JobDraft, JobPage
from contract.people import OfferMake

PATIENCE_S = 20.0
USER_RATE_PER_S = 10_000
"""One user here stands for many, whose own buckets of requests would not be full."""


@dataclass(frozen=True, slots=True)
class Served:
    """A serving process."""

    address: str
    pid: int


@asynccontextmanager
async def serving(
    data: Path, slots: int, *, module: str = "app", environment: Mapping[str, str] | None = None, **settings: object
) -> AsyncIterator[Served]:
    """The process (of `module`), with `settings` of the gateway beside the raised request rate, and other variables."""
    command = [sys.executable, "-m", module, "serve", "--data", str(data), "--port", "0", "--slots", str(slots), "--allow-echo", "--json"]
    command.append("--insecure-storage")
    changed = {"user_rate_per_s": USER_RATE_PER_S, "user_burst": USER_RATE_PER_S, **settings}
    named = {f"FLOWORK_GATEWAY_{name.upper()}": str(value) for name, value in changed.items()}
    full = {**os.environ, **named, **(environment or {})}
    with (data.parent / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=log, env=full)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        yield Served(json.loads(line)["address"], process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def paired(admin: AdminClient, address: str, name: str) -> AsyncIterator[ApiClient]:
    """A new user with one device, signed in."""
    keys = await asyncio.to_thread(DeviceKeys, secrets.token_bytes(32), secrets.token_bytes(32))
    async with open_api(address, keys, await admin.gateway_key()) as api:
        await pair_here(admin, api, name, OfferMake(name=name))
        yield api


@dataclass(frozen=True, slots=True)
class Answered:
    """What a submit was told."""

    status: int
    code: str
    retry_after: str | None
    job: str | None


@dataclass(slots=True)
class Offered:
    """Submits at a timetable that answers do not hold up."""

    answers: list[Answered] = field(default_factory=list)

    def jobs(self) -> set[str]:
        """Acknowledged ones."""
        return {answer.job for answer in self.answers if answer.job is not None}

    def refused(self) -> list[Answered]:
        """The others."""
        return [answer for answer in self.answers if answer.job is None]


async def submit(api: ApiClient, draft: JobDraft, key: str) -> Answered:
    """One submit, with the answer as it stands on the wire: a client's defaults would hide a missing header."""
    body = draft.model_dump_json(exclude_none=True).encode()
    status, headers, document = await post(api, "/api/v1/jobs", body, {"Idempotency-Key": key})
    job = document["job"]["id"] if status in {200, 201} else None
    return Answered(status, document.get("code", ""), headers.get("Retry-After"), job)


async def submit_batch(api: ApiClient, items: list[BatchItem]) -> list[Answered]:
    """A batch; one refused as a whole gives the same answer for each item."""
    body = BatchRequest(items=items).model_dump_json(exclude_none=True).encode()
    status, headers, document = await post(api, "/api/v1/jobs:batch", body)
    if status != 200:
        return [Answered(status, document.get("code", ""), headers.get("Retry-After"), None)] * len(items)
    answered = []
    for result in BatchAnswer.model_validate(document).results:
        problem = result.problem
        wait = None if problem is None or problem.retry_after is None else str(problem.retry_after)
        answered.append(Answered(result.status, problem.code if problem else "", wait, result.job.id if result.job else None))
    return answered


async def post(
    api: ApiClient, path: str, body: bytes, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """Status, headers and document of a signed-in request."""
    assert api._tokens is not None
    access = api._tokens.access_token
    proof = api._keys.session.proof("POST", api.gateway + path, access, body)
    sent = {**(headers or {}), "DPoP": proof, "Authorization": f"DPoP {access}", "Content-Type": "application/json"}
    async with api._session.post(path, data=body, headers=sent) as response:
        return response.status, response.headers, await response.json(content_type=None)


async def all_jobs(api: ApiClient) -> dict[str, Job]:
    """Every job of a user, by id."""
    found: dict[str, Job] = {}
    cursor = ""
    while True:
        page = await api._call("GET", f"/api/v1/jobs?limit=200{cursor}", JobPage)
        found |= {job.id: job for job in page.jobs}
        if page.next is None:
            return found
        cursor = f"&cursor={page.next}"


async def at_rest(admin: AdminClient, within_s: float) -> bool:
    """Wait until no job waits or runs; False when the time is over."""
    try:
        async with asyncio.timeout(within_s):
            while any(engine.scheduled or engine.queued or engine.running for engine in (await admin.status()).engines):
                await asyncio.sleep(0.1)
    except TimeoutError:
        return False
    return True
