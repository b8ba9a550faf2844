"""Debian's Prometheus reads a real gateway with what deploy/ ships: rules, queries of the dashboard, and what they say of real jobs."""

import asyncio
import itertools
import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import aiohttp
import pytest
import pytest_asyncio

from app.client.admin import open_admin
from contract.errors import KindUnserved
from contract.jobs import JobDetail
from contract.words import JobState
from deploy.alerts import ALERTS
from deploy.recorded import END_TO_END_P95, RECORDS, START_DELAY_P95
from deploy.rows import DELAYS, ROWS
from kit.percentiles import percentile
from tests.support.house import House, User, until
from tests.support.model_server import Act, config
from tests.support.modelled import HELLO, served
from tests.support.openai_server import openai_server
from tests.support.prometheus import Prometheus, needed, prometheus

pytestmark = pytest.mark.asyncio(loop_scope="module")
BURSTS, TAKES_MS = (50, 50, 40, 40, 30, 25, 20, 20, 15, 15, 10, 10), (30, 210)
"""Jobs that come together wait for each other; as bursts and jobs differ, delays thin out towards their longest, as real ones do.

Long beside a commit: a job's times are those at which its transactions began, a delay is measured from commit to commit.
"""
CHATS = (Act(), Act(status=402)), (Act(), Act())
"""Before and after the other jobs, as rates need a reading in between; one finds no credit left."""
JOBS = sum(BURSTS) + sum(map(len, CHATS))
ABOUT_SPEED = {"StartDelayHigh", "EndToEndHigh", "BudgetBurnsFast", "BudgetBurnsSlow", "QueueWaits", "EventLoopLag", "WriterSlow"}
"""A machine that is busy with other things may miss these for a moment; but none for as long as it takes to fire."""


@dataclass
class Watched:
    """A gateway that has done some work, and the Prometheus that watched it."""

    prometheus: Prometheus
    jobs: list[JobDetail]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    needed("prometheus")
    folder = tmp_path_factory.mktemp("watched")
    async with openai_server() as server, served(folder, providers(server.base_url)) as (home, user):
        async with open_admin(home.data) as admin:
            token = (await admin.add_metrics_token("prometheus")).token
        async with prometheus(folder, home.address.removeprefix("http://"), token) as watching:
            await until(lambda: watching.values("up == 1"), "the gateway is being read")
            # Rates count from the second reading on.
            await until(lambda: watching.values("count_over_time(up[1m]) >= 2"))
            server.then(*itertools.chain(*CHATS))
            jobs = await chat(user, len(CHATS[0]))
            jobs += await work(user)
            jobs += await chat(user, len(CHATS[1]))
            await go_wrong(home, user)
            await until(lambda: seen(watching), "Prometheus has seen every job")
            yield Watched(watching, jobs)


def providers(base_url: str) -> str:
    prices = {"prices.small.input": 3.0, "prices.small.output": 15.0}
    return config({"fast": ["ollama/small"]}, ollama={"base_url": base_url, "models": ["small"], **prices})


async def chat(user: User, times: int) -> list[JobDetail]:
    """One after the other."""
    return [await user.reaches(await user.submit(kind="chat", payload=HELLO), JobState.SUCCEEDED, JobState.DEAD) for _ in range(times)]


async def work(user: User) -> list[JobDetail]:
    rng = random.Random(1)
    done: list[JobDetail] = []
    for size in BURSTS:
        burst = await asyncio.gather(*(user.submit(payload={"sleep_ms": rng.uniform(*TAKES_MS)}) for _ in range(size)))
        done += [await user.reaches(job, JobState.SUCCEEDED) for job in burst]
    return done


async def go_wrong(home: House, user: User) -> None:
    """One of each: a job that fails, a submit that is refused, a credential that is none."""
    failing = await user.submit(payload={"fail": {"code": "test.broken", "message": "on purpose", "retryable": False}})
    await user.reaches(failing, JobState.DEAD)
    with pytest.raises(KindUnserved):
        await user.submit(kind="unheard-of")
    async with aiohttp.ClientSession() as stranger, stranger.get(f"{home.address}/api/v1/jobs") as answer:
        assert answer.status == 401


async def seen(watching: Prometheus) -> bool:
    counted = await watching.values("sum(flowork_end_to_end_seconds_count)"), await watching.values("sum(flowork_auth_failures_total)")
    return counted[0] == [JOBS + 1] and bool(counted[1])


def filled(expr: str) -> str:
    """A query of the dashboard as Grafana would send it."""
    return expr.replace("$engine", ".*").replace("$__rate_interval", "1m")


async def test_every_query_of_the_dashboard_returns_data(watched: Watched):
    queries = [(panel.title, filled(query.expr)) for row in ROWS for panel in row.panels for query in panel.queries]
    assert len(queries) > 40

    async def missing() -> list[tuple[str, str]]:
        return [(title, query) for title, query in queries if not await watched.prometheus.values(query)]

    for title, query in await missing():  # what is computed comes a second later
        await until(partial(watched.prometheus.values, query), f"{title}: {query}")


def raw_p95(jobs: list[JobDetail], until_: str) -> float:
    """Seconds, from the times that the jobs carry."""
    took = [datetime.fromisoformat(getattr(job, until_)) - datetime.fromisoformat(job.submitted_at) for job in jobs]
    return percentile(sorted(each.total_seconds() for each in took), 0.95)


@pytest.mark.parametrize(
    ("title", "until_", "recorded", "slo"),
    [("Start delay", "started_at", START_DELAY_P95, "start_delay"), ("End to end", "finished_at", END_TO_END_P95, "end_to_end")],
)
async def test_the_dashboards_p95_is_that_of_the_jobs_own_times(watched: Watched, title: str, until_: str, recorded: str, slo: str):
    true = raw_p95(watched.jobs, until_)
    panel = next(panel for panel in DELAYS.panels if panel.title == title)
    p95 = next(query.expr for query in panel.queries if "0.95" in query.expr)
    drawn = await watched.prometheus.value(filled(p95))
    exact = await watched.prometheus.value(f'flowork_slo_seconds{{slo="{slo}"}}')

    assert drawn is not None
    assert exact is not None

    async def computed() -> bool:
        value = await watched.prometheus.value(f"{recorded}15m")
        return value is not None and math.isclose(value, true, rel_tol=0.05)

    print(f"{title}: raw {true:.4f} s, dashboard {drawn:.4f} s, gateway {exact:.4f} s")
    assert drawn == pytest.approx(true, rel=0.05)
    assert exact == pytest.approx(true, rel=0.05)
    await until(computed, f"{recorded}15m is about {true}")


async def test_every_rule_is_computed_without_a_mistake(watched: Watched):
    names = {record.name for record in RECORDS} | {alert.name for alert in ALERTS}

    async def computed() -> list[dict[str, str]]:
        groups = (await watched.prometheus.ask("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == names
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = await until(computed, "every rule was computed")
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


async def test_nothing_fires_at_a_gateway_that_is_well(watched: Watched):
    alerts = (await watched.prometheus.ask("alerts"))["alerts"]
    told = [(alert["labels"]["alertname"], alert["state"]) for alert in alerts]
    assert [each for each in told if each[1] == "firing" or each[0].removeprefix("Flowork") not in ABOUT_SPEED] == []
