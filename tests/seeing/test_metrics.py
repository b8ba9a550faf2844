"""The metrics of a real gateway: read with a token of the command line's, they say what happened."""

import asyncio
import json
import stat
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from contract.jobs import JobDraft
from contract.words import JobState
from tests.support.collector import collecting
from tests.support.house import House, Program, house, signed_in, start, until


async def flowork(home: House, *arguments: str) -> str:
    """Run a command on the house's data folder; what it printed."""
    program: Program = await start(home.data.parent / "command.log", *arguments, "--data", str(home.data))
    assert program.process.stdout is not None
    printed = (await program.process.stdout.read()).decode()
    assert await program.ended() == 0, (home.data.parent / "command.log").read_text()
    return printed


async def scraped(address: str, token: str) -> tuple[int, dict[tuple[str, tuple[tuple[str, str], ...]], float]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{address}/metrics", headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        text = await answer.text()
        if answer.status != 200:
            return answer.status, {}
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return answer.status, {(each.name, tuple(sorted(each.labels.items()))): each.value for each in samples}


async def test_a_scrape_counts_what_happened_until_the_token_is_revoked(tmp_path):
    async with house(tmp_path, apart=False) as home:
        file = tmp_path / "prometheus.token"
        assert "credentials_file" in await flowork(home, "metrics", "token", "--file", str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        token = file.read_text().strip()
        async with signed_in(home, "home") as user:
            fails = {"fail": {"code": "test.broken", "message": "on purpose", "retryable": False}}
            jobs = [await user.submit(payload=fails if number == 0 else {}) for number in range(10)]
            await user.api.submit(user_draft(home), "same")
            await user.api.submit(user_draft(home), "same")
            for job in jobs:
                await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)
        home_label = ("engine", "home")

        async def eleven() -> bool:
            _, found = await scraped(home.address, token)
            done = found.get(("flowork_jobs_total", (home_label, ("state", "succeeded"))), 0)
            return done == 10 and found["flowork_jobs_total", (home_label, ("state", "dead"))] == 1

        await until(eleven, "eleven jobs have ended")
        status, found = await scraped(home.address, token)
        assert status == 200
        assert found["flowork_submits_total", (home_label, ("outcome", "accepted"))] == 11
        assert found["flowork_submits_total", (home_label, ("outcome", "replayed"))] == 1
        assert found["flowork_job_failures_total", (("code", "test.broken"), home_label)] == 1
        assert found["flowork_start_delay_seconds_count", (home_label,)] == 11
        assert found["flowork_end_to_end_seconds_count", (home_label,)] == 11
        assert found["flowork_commit_batch_calls_count", (home_label,)] > 11
        assert found["flowork_commit_seconds_sum", (home_label,)] > 0
        assert found["flowork_instances", (home_label, ("state", "up"))] == 1
        assert found["flowork_ready", ()] == 1
        listed = json.loads(await flowork(home, "metrics", "list", "--json"))
        assert [each["name"] for each in listed["tokens"]] == ["prometheus"]
        assert token not in json.dumps(listed)
        await flowork(home, "metrics", "revoke", "prometheus")
        assert (await scraped(home.address, token))[0] == 401


def user_draft(home: House) -> JobDraft:
    return JobDraft(engine=home.engine_name, kind="echo", payload={})


async def test_metrics_are_pushed_to_a_collector_and_again_after_it_was_away(tmp_path):
    async with collecting() as collector:
        environment = {"FLOWORK_OTLP_ENDPOINT": collector.endpoint, "FLOWORK_OTLP_METRICS_INTERVAL_S": "1"}
        async with house(tmp_path, apart=False, **environment) as home:
            await collector.until(lambda seen: seen.metrics, "a push")
            names = {metric.name for metric in collector.metrics[0].resource_metrics[0].scope_metrics[0].metrics}
            assert {"flowork.ready", "flowork.event_loop_lag", "flowork.slo"} <= names
            collector.status = 503
            assert home.gateway is not None
            log = home.gateway.log
            await until(lambda: told(log, "metrics.unsent"), "the failure is told")
            collector.status, before = 200, len(collector.metrics)
            await collector.until(lambda seen: len(seen.metrics) > before, "a push after the failure")
            await until(lambda: told(log, "metrics.sent_again"), "the end of the failure is told")
            assert log.read_text().count("metrics.unsent") == 1


async def told(log: Path, words: str) -> bool:
    return words in await asyncio.to_thread(log.read_text)
