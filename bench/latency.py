"""Submit to start, to body, and to the end, at a steady rate through `flowork serve`: real HTTP, FULL, full sign-in."""

import argparse
import asyncio
import itertools
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.live import live_events
from bench.common import spread, surroundings
from bench.served import PATIENCE_S, USER_RATE_PER_S, paired, serving
from contract.errors import FloworkError
from contract.events import Event
from contract.jobs import JobDraft
from contract.words import EventName, JobState

SLOTS = 8
WARM_UP_JOBS = 20


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=50.0, help="submits a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="(default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One process serves, this one submits: the arrivals keep their timetable however long answers take."""
    return asyncio.run(_measure(arguments.rate, arguments.seconds))


@dataclass(slots=True)
class Sent:
    """One submit of the timetable."""

    wall: float
    steady: float
    done: float | None = None
    failure: str | None = None


@dataclass(slots=True)
class Run:
    """What the client saw."""

    by_key: dict[str, Sent] = field(default_factory=dict)
    by_job: dict[str, Sent] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    """Ends that arrived before the submit's own answer."""


async def _measure(rate: float, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        async with serving(data, SLOTS) as served, open_admin(data) as admin:
            async with paired(admin, served.address, "bench") as api:
                await _drive(api, 20.0, WARM_UP_JOBS / 20.0)
                run = await _drive(api, rate, seconds)
                bodies = await _bodies(api, run)
                (engine,) = (await admin.status()).engines
    e2e = [(sent.done - sent.steady) * 1000 for sent in run.by_key.values() if sent.done is not None]
    failures = [sent.failure or "never ended" for sent in run.by_key.values() if sent.failure or sent.done is None]
    start = engine.start_delay_ms
    return {
        "start_delay_ms": {"p50": start.p50, "p95": start.p95, "p99": start.p99},
        "submit_to_body_ms": spread(bodies),
        "e2e_ms": spread(e2e),
        "failed": len(failures),
        "jobs": len(run.by_key),
        **surroundings(
            {
                "rate": rate,
                "seconds": seconds,
                "slots": SLOTS,
                "warm_up_jobs": WARM_UP_JOBS,
                "synchronous": "FULL",
                "user_rate_per_s": USER_RATE_PER_S,
            }
        ),
        "raw": {"submit_to_body_ms": bodies, "e2e_ms": e2e, "failures": failures},
    }


async def _drive(api: ApiClient, rate: float, seconds: float) -> Run:
    run = Run()
    async with live_events(api) as arrived, asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(run, arrived))
        began = time.perf_counter()
        for number in itertools.count():
            due = began + number / rate
            if due >= began + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            key = f"{began}-{number}"
            run.by_key[key] = Sent(time.time(), time.perf_counter())
            group.create_task(_submit(api, run, key))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while any(sent.done is None and sent.failure is None for sent in run.by_key.values()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # what did not end counts as failed
        listening.cancel()
    return run


async def _submit(api: ApiClient, run: Run, key: str) -> None:
    sent = run.by_key[key]
    try:
        job = (await api.submit(JobDraft(engine="home", kind="echo", payload={"stamp": True}), key)).job.id
    except FloworkError as error:
        sent.failure = str(error)
        return
    run.by_job[job] = sent
    sent.done = run.late.pop(job, sent.done)


async def _listen(run: Run, arrived: "asyncio.Queue[Event]") -> None:
    while True:
        event = await arrived.get()
        if event.name is not EventName.JOB_UPDATED or not JobState(event.data["state"]).final:
            continue
        sent = run.by_job.get(event.data["id"])
        if sent is None:
            run.late[event.data["id"]] = time.perf_counter()
            continue
        sent.done = time.perf_counter()
        if event.data["state"] != JobState.SUCCEEDED:
            sent.failure = event.data["state"]


async def _bodies(api: ApiClient, run: Run) -> list[float]:
    """POST sent -> body begun; both processes read the same machine's civil clock."""
    times = []
    for job_id, sent in run.by_job.items():
        job = await api.job(job_id)
        if isinstance(job.result, dict):
            times.append((datetime.fromisoformat(str(job.result["began_at"])).timestamp() - sent.wall) * 1000)
        if sent.done is None:
            sent.failure = f"its end was not seen here; it is {job.state} after {job.attempt} attempt(s)"
    return times
