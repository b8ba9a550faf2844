"""More submits than the engine can serve: what is accepted starts soon, the rest is told when to come back, nothing is lost.

Capacity is set by slots (8 x 100 ms), then by the CPU (64 slots x 0 ms). Start delays are those of the gateway's rows:
`started_at - submitted_at`.
"""

import argparse
import asyncio
import itertools
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.live import live_events
from bench.common import spread, surroundings
from bench.served import PATIENCE_S, USER_RATE_PER_S, Offered, Served, all_jobs, at_rest, paired, serving, submit, submit_batch
from contract.jobs import BatchItem, Job, JobDraft
from contract.words import JobState

SLOTS, SLEEP_MS, OFFERED_PER_S, MAX_WAIT_S = 8, 100, 240.0, 0.4
IN_FLIGHT = 2 * SLOTS
CALM_PER_S, CALM_S = 20.0, 3.0
PEAK_S, SETTLE_S, RECOVERY_S = 6.0, 2.0, 6.0
NORMAL_OVER_CALM, NORMAL_LEAST_MS = 2.0, 20.0
BEYOND_SLOTS, BEYOND_S, BATCH, BATCHES_PER_S, HARD_CAP = 64, 5.0, 100, 40.0, 3000
SLEEPING = JobDraft(engine="home", kind="echo", payload={"sleep_ms": SLEEP_MS})


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=12.0, help="of overload; other phases are no longer (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One process serves, this one submits."""
    return asyncio.run(_measure(arguments.seconds))


async def _measure(seconds: float) -> dict[str, Any]:
    by_slots = await _by_slots(seconds)
    by_cpu = await _by_cpu(min(BEYOND_S, seconds))
    settings = {
        "seconds": seconds,
        "slots": SLOTS,
        "sleep_ms": SLEEP_MS,
        "offered_per_s": OFFERED_PER_S,
        "admission_max_wait_s": MAX_WAIT_S,
        "user_rate_per_s": USER_RATE_PER_S,
        "synchronous": "FULL",
        "beyond_cpu": {
            "slots": BEYOND_SLOTS,
            "offered_per_s": BATCH * BATCHES_PER_S,
            "seconds": min(BEYOND_S, seconds),
            "hard_cap": HARD_CAP,
        },
    }
    failed = by_slots.pop("failed") + by_cpu["lost"] + (0 if by_cpu["alive"] else 1)
    return {**by_slots, "beyond_cpu": by_cpu, "failed": failed, **surroundings(settings)}


async def _by_slots(seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        async with serving(data, SLOTS, admission_max_wait_s=MAX_WAIT_S) as served, open_admin(data) as admin:
            async with paired(admin, served.address, "bench") as api:
                calm = await _offer(api, CALM_PER_S, min(CALM_S, seconds))
                peak_from = time.time()
                await _closed_loop(api, min(PEAK_S, seconds))
                peak_until = time.time()
                await at_rest(admin, PATIENCE_S)
                memory, busy = _memory(served), _busy_s(served)
                over_from = time.time()
                sizes: list[int] = []
                watching = asyncio.create_task(_watch_memory(served, sizes), name="memory")
                over = await _offer(api, OFFERED_PER_S, seconds)
                watching.cancel()
                over_until = time.time()
                grown, busy = _memory(served) - memory, _busy_s(served) - busy
                after = await _offer(api, CALM_PER_S, min(RECOVERY_S, seconds))
                await at_rest(admin, PATIENCE_S)
                jobs = await all_jobs(api)
    calm_p95 = spread(_delays(jobs, calm.jobs()))["p95"] or 0.0
    normal_ms = max(NORMAL_LEAST_MS, NORMAL_OVER_CALM * calm_p95)
    settle_s = min(SETTLE_S, seconds / 2)
    peak = _goodput(jobs.values(), peak_from + settle_s, peak_until)
    goodput = _goodput(jobs.values(), over_from + settle_s, over_until)
    delays = spread(_delays(jobs, over.jobs()))
    refused = over.refused()
    return {
        "accepted_start_delay_p95": delays["p95"],
        "accepted_start_delay_ms": delays,
        "calm_start_delay_p95": calm_p95,
        "peak_per_s": round(peak, 1),
        "goodput_per_s": round(goodput, 1),
        "goodput_ratio": round(goodput / peak, 3) if peak else None,
        "offered": len(over.answers),
        "accepted": len(over.jobs()),
        "refused": len(refused),
        "refused_by_code": dict(Counter(answer.code for answer in refused)),
        "refused_without_retry_after": sum(answer.retry_after is None for answer in refused),
        "normal_ms": round(normal_ms, 1),
        "recovery_s": _recovery_s(jobs, after.jobs(), over_until, normal_ms),
        "server_cpu_share": round(busy / (over_until - over_from), 2),
        "rss_growth_bytes": grown,
        "rss_growth_second_half_bytes": sizes[-1] - sizes[len(sizes) // 2],
        "rss_bytes": memory,
        "raw": {"rss_bytes_each_second": sizes},
        "failed": _lost(jobs, calm, over, after) + sum(answer.status >= 500 for answer in over.answers),
    }


async def _by_cpu(seconds: float) -> dict[str, Any]:
    """Jobs that do nothing, offered faster than the machine serves them; everything acknowledged must have ended well."""
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        async with serving(data, BEYOND_SLOTS, hard_cap=HARD_CAP, user_share=1.0) as served, open_admin(data) as admin:
            async with paired(admin, served.address, "bench") as api:
                began = time.perf_counter()
                offered = await _offer_batches(api, seconds)
                took = time.perf_counter() - began
                alive = psutil.pid_exists(served.pid)
                rested = await at_rest(admin, PATIENCE_S)
                done_in = time.perf_counter() - began
                jobs = await all_jobs(api)
                start = (await admin.status()).engines[0].start_delay_ms
    refused = offered.refused()
    return {
        "offered": len(offered.answers),
        "offered_for_s": round(took, 1),
        "accepted": len(offered.jobs()),
        "refused_by_code": dict(Counter(answer.code for answer in refused)),
        "refused_without_retry_after": sum(answer.retry_after is None for answer in refused),
        "jobs_per_s": round(len(offered.jobs()) / done_in, 1),
        "start_delay_ms": {"p50": start.p50, "p95": start.p95, "p99": start.p99},
        "at_rest": rested,
        "lost": _lost(jobs, offered),
        "alive": alive,
    }


async def _offer(api: ApiClient, rate: float, seconds: float) -> Offered:
    """An open loop: arrivals keep their timetable however long answers take."""
    offered = Offered()
    run = secrets.token_hex(4)

    async def one(number: int) -> None:
        offered.answers.append(await submit(api, SLEEPING, f"{run}-{number}"))

    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            group.create_task(one(number))
    return offered


async def _closed_loop(api: ApiClient, seconds: float) -> None:
    """As many jobs as keep every slot busy, and no more: one comes for each that ends."""
    run, numbers = secrets.token_hex(4), itertools.count()
    async with live_events(api) as arrived:
        for _ in range(IN_FLIGHT):
            await submit(api, SLEEPING, f"{run}-{next(numbers)}")
        until = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            while time.perf_counter() < until:
                event = await arrived.get()
                if JobState(event.data.get("state", JobState.QUEUED)).final:
                    group.create_task(submit(api, SLEEPING, f"{run}-{next(numbers)}"))


async def _offer_batches(api: ApiClient, seconds: float) -> Offered:
    offered = Offered()
    run = secrets.token_hex(4)

    async def one(number: int) -> None:
        items = [BatchItem(engine="home", kind="echo", idempotency_key=f"{run}-{number}-{n}") for n in range(BATCH)]
        offered.answers.extend(await submit_batch(api, items))

    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(round(BATCHES_PER_S * seconds)):
            await asyncio.sleep(max(0.0, began + number / BATCHES_PER_S - time.perf_counter()))
            group.create_task(one(number))
    return offered


def _memory(served: Served) -> int:
    return int(psutil.Process(served.pid).memory_info().rss)


async def _watch_memory(served: Served, sizes: list[int]) -> None:
    """What grows because windows of minutes fill (proofs seen, samples) stops growing; a leak does not."""
    while True:
        sizes.append(_memory(served))
        await asyncio.sleep(1.0)


def _busy_s(served: Served) -> float:
    """CPU seconds of the process so far."""
    times = psutil.Process(served.pid).cpu_times()
    return float(times.user + times.system)


def _at(timestamp: str | None) -> float:
    assert timestamp is not None
    return datetime.fromisoformat(timestamp).timestamp()


def _delay_ms(job: Job) -> float:
    return (_at(job.started_at) - _at(job.submitted_at)) * 1000


def _delays(jobs: dict[str, Job], ids: Iterable[str]) -> list[float]:
    return [_delay_ms(jobs[job]) for job in ids if job in jobs and jobs[job].started_at is not None]


def _goodput(jobs: Iterable[Job], since: float, until: float) -> float:
    """Jobs that succeeded each second between two wall times."""
    ended = [_at(job.finished_at) for job in jobs if job.state is JobState.SUCCEEDED]
    return sum(since <= at < until for at in ended) / (until - since)


def _lost(jobs: dict[str, Job], *offered: Offered) -> int:
    """Acknowledged jobs that did not end well."""
    acknowledged = set().union(*(each.jobs() for each in offered))
    return sum(job not in jobs or jobs[job].state is not JobState.SUCCEEDED for job in acknowledged)


def _recovery_s(jobs: dict[str, Job], after: set[str], ended: float, normal_ms: float) -> float:
    """From the end of the overload to the submit of the last job whose start was not back to normal."""
    slow = [_at(jobs[job].submitted_at) - ended for job in after if job in jobs and _delay_ms(jobs[job]) > normal_ms]
    return round(max(slow, default=0.0), 3)
