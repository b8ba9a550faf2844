"""One user floods a queue while another submits one job a second: how many of the flooder's jobs overtake the other's.

Start delays and the order of starts are those of the gateway's rows: `started_at - submitted_at`, and which of the
flooder's jobs started in between.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from app.client.admin import open_admin
from app.client.api import ApiClient
from bench.common import spread, surroundings
from bench.served import PATIENCE_S, USER_RATE_PER_S, Offered, all_jobs, at_rest, paired, serving, submit, submit_batch
from contract import limits
from contract.jobs import BatchItem, Job, JobDraft
from contract.words import JobState, Role

SLOTS, JOB_MS = 8, 100
FLOOD, HARD_CAP = 10_000, 20_000
ALONE_JOBS, BESIDE_JOBS = 10, 15
WARM_UP_JOBS = 2 * SLOTS
JOB = JobDraft(engine="home", kind="echo", payload={"sleep_ms": JOB_MS})


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flood", type=int, default=FLOOD, help="jobs of the flooder (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=BESIDE_JOBS, help="jobs of the other beside the flood (default: %(default)s)")
    parser.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds between the other's jobs (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One process serves, this one is both users."""
    return asyncio.run(_measure(arguments.flood, arguments.jobs, arguments.every))


async def _measure(flood: int, jobs: int, every_s: float) -> dict[str, Any]:
    settings: dict[str, Any] = {"hard_cap": HARD_CAP, "admission_max_wait_s": 3600, "submit_burst": flood + 500}
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        async with serving(data, SLOTS, **settings) as served, open_admin(data) as admin:
            async with paired(admin, served.address, "flooder") as flooder, paired(admin, served.address, "other") as other:
                await admin.share("home", "other", Role.RUNNER, None)
                await _one_by_one(other, WARM_UP_JOBS, JOB_MS / 1000)
                await at_rest(admin, PATIENCE_S)
                alone = await _one_by_one(other, min(ALONE_JOBS, jobs), every_s)
                await at_rest(admin, PATIENCE_S)
                acknowledged = await _flood(flooder, flood)
                beside = await _one_by_one(other, jobs, every_s)
                waited = await _ended(other, beside)
                others = await all_jobs(other)
                starts = await _starts(flooder)
    alone_jobs, beside_jobs = ([others[job] for job in part.jobs()] for part in (alone, beside))
    overtaken = [_between(starts, job) for job in beside_jobs if job.started_at is not None]
    alone_p95, beside_p95 = (spread([_delay_ms(job) for job in part])["p95"] for part in (alone_jobs, beside_jobs))
    failed = len(alone.refused()) + len(beside.refused()) + (0 if waited else 1) + (flood - acknowledged)
    return {
        "alone_p95": alone_p95,
        "beside_flood_p95": beside_p95,
        "job_ms": JOB_MS,
        "slots": SLOTS,
        "overtaken_max": max(overtaken, default=None),
        "flood_left": acknowledged - len(starts),
        "failed": failed,
        **surroundings({**settings, "flood": flood, "jobs": jobs, "every_s": every_s, "user_rate_per_s": USER_RATE_PER_S}),
        "raw": {"overtaken": overtaken, "alone_ms": [*map(_delay_ms, alone_jobs)], "beside_ms": [*map(_delay_ms, beside_jobs)]},
    }


async def _flood(api: ApiClient, jobs: int) -> int:
    """How many were taken."""
    run = secrets.token_hex(4)
    taken = 0
    for first in range(0, jobs, limits.BATCH_MAX_ITEMS):
        numbers = range(first, min(jobs, first + limits.BATCH_MAX_ITEMS))
        items = [BatchItem(**JOB.model_dump(), idempotency_key=f"{run}-{number}") for number in numbers]
        taken += sum(answer.job is not None for answer in await submit_batch(api, items))
    return taken


async def _one_by_one(api: ApiClient, jobs: int, every_s: float) -> Offered:
    run, offered = secrets.token_hex(4), Offered()
    began = time.perf_counter()
    for number in range(jobs):
        await asyncio.sleep(max(0.0, began + number * every_s - time.perf_counter()))
        offered.answers.append(await submit(api, JOB, f"{run}-{number}"))
    return offered


async def _ended(api: ApiClient, offered: Offered) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            for job in offered.jobs():
                while not (await api.job(job)).state.final:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True


async def _starts(api: ApiClient) -> list[float]:
    """When the flooder's jobs began, in order."""
    jobs = (await all_jobs(api)).values()
    return sorted(_at(job.started_at) for job in jobs if job.started_at is not None and job.state is not JobState.QUEUED)


def _between(starts: Collection[float], job: Job) -> int:
    """Of these, begun after the job was committed and before it began itself."""
    ordered = list(starts)
    return bisect_left(ordered, _at(job.started_at)) - bisect_right(ordered, _at(job.submitted_at))


def _at(timestamp: str | None) -> float:
    assert timestamp is not None
    return datetime.fromisoformat(timestamp).timestamp()


def _delay_ms(job: Job) -> float:
    return (_at(job.started_at) - _at(job.submitted_at)) * 1000
