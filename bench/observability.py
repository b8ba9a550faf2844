"""What seeing costs: CPU seconds of `flowork serve` for 1,000 jobs, with logs, metrics, levels and traces as shipped, and without any."""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from tests.support.collector import Collector, collecting

from app.client.admin import open_admin
from app.client.api import ApiClient
from app.client.live import live_events
from bench.common import surroundings
from bench.served import PATIENCE_S, paired, serving
from contract.jobs import JobDraft
from contract.words import EventName, JobState

PAIRS = 5
JOBS = 1000
WARM_UP = 200
AT_ONCE = 16
SLOTS = 16
SCRAPE_EVERY_S = 5.0
"""Three times as often as Prometheus' own example does."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs with and without, alternating (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=JOBS, help="jobs in each run (default: %(default)s)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each run is a fresh process on a fresh folder; the client, the collector and the scraper are in this one and not counted."""
    return asyncio.run(_measure(arguments.pairs, arguments.jobs))


async def _measure(pairs: int, jobs: int) -> dict[str, Any]:
    seen: dict[bool, list[float]] = {True: [], False: []}
    exported: list[int] = []
    async with collecting() as collector:
        for pair in range(pairs):
            for on in (pair % 2 == 0, pair % 2 == 1):
                spans = len(collector.spans)
                seen[on].append(await _run(jobs, collector if on else None))
                if on:
                    exported.append(len(collector.spans) - spans)
        pushes = len(collector.metrics)
    ratios = [with_all / without for with_all, without in zip(seen[True], seen[False], strict=True)]
    return {
        "cpu_s_per_1000_jobs_on": round(statistics.median(seen[True]), 3),
        "cpu_s_per_1000_jobs_off": round(statistics.median(seen[False]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "spread": round(max(ratios) - min(ratios), 3),
        "failed": 0 if all(exported) else 1,
        **surroundings({"pairs": pairs, "jobs": jobs, "at_once": AT_ONCE, "slots": SLOTS, "scrape_every_s": SCRAPE_EVERY_S}),
        "raw": {"on": seen[True], "off": seen[False], "ratios": ratios, "spans": exported, "pushes": pushes},
    }


async def _run(jobs: int, collector: Collector | None) -> float:
    """CPU seconds of one run for 1,000 jobs."""
    environment, module = ({}, "bench.blind") if collector is None else ({"FLOWORK_OTLP_ENDPOINT": collector.endpoint}, "app")
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        data = Path(scratch) / "data"
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(serving(data, SLOTS, module=module, environment=environment))
            admin = await stack.enter_async_context(open_admin(data))
            api = await stack.enter_async_context(paired(admin, served.address, "bench"))
            process = psutil.Process(served.pid)
            if collector is not None:
                token = (await admin.add_metrics_token("bench")).token
                await stack.enter_async_context(_scraping(served.address, token))
            await _drive(api, WARM_UP, "warm")
            before = _cpu_s(process)
            await _drive(api, jobs, "run")
            return (_cpu_s(process) - before) * 1000 / jobs


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _drive(api: ApiClient, jobs: int, name: str) -> None:
    """Submit so many, so many at once, and wait until the last one has ended."""
    left = iter(range(jobs))
    ended = 0

    async def submits() -> None:
        for number in left:
            await api.submit(JobDraft(engine="home", kind="echo", payload={}), f"{name}-{number}")

    async with live_events(api) as arrived, asyncio.timeout(PATIENCE_S * max(1, jobs // 500)), asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(submits())
        while ended < jobs:
            event = await arrived.get()
            ended += event.name is EventName.JOB_UPDATED and JobState(event.data["state"]).final


@asynccontextmanager
async def _scraping(address: str, token: str) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def scrape() -> None:
            while True:
                async with session.get(f"{address}/metrics") as answer:
                    answer.raise_for_status()
                    await answer.read()
                await asyncio.sleep(SCRAPE_EVERY_S)

        scraping = asyncio.create_task(scrape())
        try:
            yield
        finally:
            scraping.cancel()
            await asyncio.wait({scraping})
