"""One trace from a browser's submit to the event, as a real collector sees it; and the timeline that needs none."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.client.admin import open_admin
from contract.jobs import Job, JobDraft
from contract.words import AttemptOutcome, JobState, Role
from kit import trace_context
from kit.spans import SpanKind
from kit.trace_context import TraceContext
from tests.support.collector import Collector, Seen, collecting
from tests.support.house import ROOT, House, User, house, signed_in, start


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


@pytest.fixture
def traced(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch):
    """A house that sends its spans, but begins no sampled trace of its own."""

    @asynccontextmanager
    async def opened(*, apart: bool, **environment: str) -> AsyncIterator[tuple[House, User]]:
        told = {"FLOWORK_OTLP_ENDPOINT": collector.endpoint, "FLOWORK_OTLP_TRACE_RATIO": "0", **environment}
        for name, value in told.items():  # of engines too: the house starts them with the environment of the test
            monkeypatch.setenv(name, value)
        async with house(tmp_path, apart=apart) as made, signed_in(made, made.engine_name) as user:
            yield made, user

    return opened


async def submitted(user: User, flags: str = "01", **draft: Any) -> tuple[TraceContext, Job]:
    """What a browser does: begin a trace, and submit in it."""
    browser = trace_context.begin(os.urandom)
    browser = TraceContext(browser.trace_id, browser.span_id, flags)
    made = JobDraft(**{"engine": user.engine, "kind": "echo", "payload": {}, **draft})
    return browser, (await user.api.submit(made, os.urandom(8).hex(), traceparent=str(browser))).job


def one(spans: list[Seen], name: str) -> Seen:
    (found,) = [span for span in spans if span.name == name]
    return found


def has(trace: TraceContext, name: str, count: int = 1):
    return lambda collector: sum(span.name == name for span in collector.of_trace(trace.trace_id)) >= count


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
async def test_one_trace_leads_from_a_browsers_submit_to_the_event(traced, collector: Collector, apart: bool):
    async with traced(apart=apart) as (_, user):
        browser, job = await submitted(user)
        await user.sees(job, JobState.SUCCEEDED)
        await collector.until(lambda seen: len(seen.of_trace(browser.trace_id)) >= 5, "five spans")
        spans = collector.of_trace(browser.trace_id)
    submit, wait, attempt, finish, event = (
        one(spans, name) for name in ("POST /api/v1/jobs", "job wait", "process echo", "finish echo", "publish job.updated")
    )
    assert job.trace_id == browser.trace_id
    assert [submit.parent_id, wait.parent_id, attempt.parent_id] == [browser.span_id, submit.span_id, submit.span_id]
    assert [finish.parent_id, event.parent_id] == [attempt.span_id, finish.span_id]
    assert attempt.links == (wait.span_id,)
    assert [span.kind for span in (submit, attempt, event)] == [SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.PRODUCER]
    assert [span.service for span in (submit, wait, attempt, finish, event)] == [
        *("flowork-gateway", "flowork-gateway", "flowork-engine"),
        *("flowork-gateway", "flowork-gateway"),
    ]
    assert submit.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/jobs",
        "http.response.status_code": 201,
        "url.scheme": "http",
    }
    assert attempt.attributes["flowork.job.id"] == job.id
    assert submit.began_ns <= wait.began_ns <= wait.ended_ns <= attempt.began_ns <= attempt.ended_ns <= event.ended_ns
    assert not any(span.failed for span in spans)
    assert len(spans) == 5


async def test_a_retry_is_a_second_attempt_under_the_same_submit(traced, collector: Collector):
    async with traced(apart=True) as (_, user):
        browser, job = await submitted(user, payload={"fail": {"times": 1}})
        await user.sees(job, JobState.SUCCEEDED)
        await collector.until(lambda seen: len(seen.of_trace(browser.trace_id)) >= 8, "eight spans")
        detail = await user.api.job(job.id)
    spans = sorted(collector.of_trace(browser.trace_id), key=lambda span: span.began_ns)
    submit, event = one(spans, "POST /api/v1/jobs"), one(spans, "publish job.updated")
    attempts = [span for span in spans if span.name == "process echo"]
    waits = [span for span in spans if span.name == "job wait"]
    finishes = [span for span in spans if span.name == "finish echo"]
    assert [span.parent_id for span in (*attempts, *waits)] == [submit.span_id] * 4
    assert [span.links for span in attempts] == [(wait.span_id,) for wait in waits]
    assert [span.parent_id for span in finishes] == [span.span_id for span in attempts]
    assert [(span.failed, span.attributes.get("error.type")) for span in attempts] == [(True, "echo.failed"), (False, None)]
    assert [span.attributes["flowork.attempt"] for span in attempts] == [1, 2]
    assert event.parent_id == finishes[1].span_id
    assert len(spans) == 8
    assert [(attempt.outcome, attempt.code) for attempt in detail.attempts] == [
        (AttemptOutcome.FAILED, "echo.failed"),
        (AttemptOutcome.SUCCEEDED, None),
    ]


async def test_an_attempt_whose_engine_was_killed_ends_as_an_error_that_the_gateway_tells(traced, collector: Collector):
    async with traced(apart=True) as (home, user):
        browser, job = await submitted(user, payload={"sleep_ms": 60_000})
        await user.sees(job, JobState.RUNNING)
        assert home.engine is not None
        home.engine.kill()
        await home.engine.ended()
        await home.restart_engine()
        await collector.until(has(browser, "job wait", 2), "the wait for the second attempt")
        await user.api.cancel(job.id)
        await user.sees(job, JobState.CANCELLED)
        await collector.until(has(browser, "process echo", 2), "both attempts")
        detail = await user.api.job(job.id)
    spans = sorted(collector.of_trace(browser.trace_id), key=lambda span: span.began_ns)
    submit = one(spans, "POST /api/v1/jobs")
    lost, second = [span for span in spans if span.name == "process echo"]
    assert [span.parent_id for span in (lost, second)] == [submit.span_id] * 2
    assert (lost.service, lost.failed, lost.attributes["error.type"]) == ("flowork-gateway", True, "job.lease_lost")
    assert (second.service, second.attributes["flowork.attempt"]) == ("flowork-engine", 2)
    first, other = detail.attempts
    assert (first.outcome, first.phases, other.outcome) == (AttemptOutcome.LOST, [], AttemptOutcome.CANCELLED)
    assert first.instance != other.instance


async def test_a_call_to_somebody_else_is_a_span_that_they_are_told_to_continue(traced, collector: Collector):
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers["traceparent"])
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/secret/path", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host = f"127.0.0.1:{runner.addresses[0][1]}"
        async with (
            traced(apart=False, FLOWORK_ENGINE_HTTP_HOSTS=host, FLOWORK_ENGINE_HTTP_PRIVATE=host) as (home, user),
            open_admin(home.data) as admin,
        ):
            await admin.allow_kind(home.engine_name, "http", Role.RUNNER)
            browser, job = await submitted(user, kind="http", payload={"url": f"http://{host}/secret/path?token=secret"})
            await user.sees(job, JobState.SUCCEEDED)
            await collector.until(has(browser, "process http"), "the attempt")
            detail = await user.api.job(job.id)
    finally:
        await runner.cleanup()
    spans = collector.of_trace(browser.trace_id)
    call, attempt = one(spans, "GET"), one(spans, "process http")
    assert (call.parent_id, call.kind) == (attempt.span_id, SpanKind.CLIENT)
    assert heard == [f"00-{browser.trace_id}-{call.span_id}-01"]
    assert call.attributes["http.response.status_code"] == 200
    assert not any("secret" in str(value) for span in spans for value in span.attributes.values())
    assert [phase.name for phase in detail.attempts[0].phases] == ["run", "GET"]


async def test_a_trace_that_is_not_sampled_leaves_no_span_but_a_timeline(traced, collector: Collector):
    async with traced(apart=True) as (_, user):
        unsampled, quiet = await submitted(user, flags="00")
        untraced = await user.submit()
        await user.sees(quiet, JobState.SUCCEEDED)
        await user.reaches(untraced, JobState.SUCCEEDED)
        sampled, job = await submitted(user)
        await user.sees(job, JobState.SUCCEEDED)
        detail = await user.api.job(quiet.id)
    assert quiet.trace_id == unsampled.trace_id
    assert {span.trace_id for span in collector.spans} == {sampled.trace_id}  # whole: both programs have ended, and sent what they had
    assert len(collector.spans) == 5
    (attempt,) = detail.attempts
    assert [phase.name for phase in attempt.phases] == ["run"]
    assert attempt.took_ms is not None
    assert attempt.took_ms >= attempt.phases[0].took_ms


async def test_a_collector_that_is_down_costs_no_job_and_no_time_at_the_end(traced, collector: Collector):
    collector.status = 503
    async with traced(apart=False) as (home, user):
        for _ in range(20):
            _, job = await submitted(user)
            await user.sees(job, JobState.SUCCEEDED)
        await collector.until(lambda seen: len(seen.requests) >= 2, "a second try")
        assert home.gateway is not None
        home.gateway.terminate()
        assert await home.gateway.ended() == 0
        told = [json.loads(line) for line in home.gateway.log.read_text().splitlines()]
    assert sum(line["event"] == "spans.unsent" for line in told) == 2  # gateway and engine, once each
    assert [line["spans"] > 0 for line in told if line["event"] == "spans.lost"] == [True, True]
    assert collector.spans == []


HEAVY = ("opentelemetry.sdk", "opentelemetry.proto", "opentelemetry.exporter", "google")


async def test_nothing_of_opentelemetry_is_loaded_and_nothing_sent_unless_a_collector_is_named(collector: Collector):
    code = (  # FastAPI loads OpenTelemetry's API, which does nothing
        "import sys, gateway.wiring, engine.wiring, app.services.host, app.commands.serve, engine.__main__\n"
        f"print(sorted(name for name in sys.modules if name.startswith({HEAVY})))"
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    found = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert found.stdout == "[]\n"


async def test_variables_of_opentelemetry_switch_nothing_on(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.setenv(name, collector.endpoint)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    async with house(tmp_path, apart=True) as made, signed_in(made, made.engine_name) as user:
        _, job = await submitted(user)
        await user.sees(job, JobState.SUCCEEDED)
    assert collector.requests == []


async def test_spans_go_past_proxies_and_other_peoples_variables(traced, collector: Collector, monkeypatch: pytest.MonkeyPatch):
    async with collecting() as other:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
            monkeypatch.setenv(name, other.endpoint)
        async with traced(apart=False, OTEL_EXPORTER_OTLP_HEADERS="authorization=stray") as (_, user):
            browser, job = await submitted(user)
            await user.sees(job, JobState.SUCCEEDED)
            await collector.until(has(browser, "publish job.updated"), "the event")
        assert other.requests == []
    assert not any("authorization" in headers for _, headers in collector.requests)


async def test_the_command_line_begins_a_trace_and_shows_where_the_time_went(traced, collector: Collector, tmp_path: Path):
    async def told(*arguments: str) -> str:
        program = await start(tmp_path / "cli.log", *arguments, "--data", str(home.data))
        assert program.process.stdout is not None
        out = (await program.process.stdout.read()).decode()
        assert await program.ended() == 0, program.log.read_text()
        return out

    async with traced(apart=False) as (home, _):
        await told("login")
        lines = (await told("submit", "--engine", home.engine_name, "--kind", "echo", "--json")).splitlines()
        job = json.loads(lines[0])["job"]
        shown = json.loads(await told("job", job["id"], "--json"))
        page = await told("job", job["id"])
        await collector.until(lambda seen: len(seen.of_trace(job["trace_id"])) == 5, "the whole trace")
    (submit,) = [span for span in collector.of_trace(job["trace_id"]) if span.kind is SpanKind.SERVER]
    assert submit.parent_id  # the span of the command line, which nobody collects
    (attempt,) = shown["attempts"]
    assert (attempt["outcome"], [phase["name"] for phase in attempt["phases"]]) == ("succeeded", ["run"])
    assert job["trace_id"] in page
    assert "attempt 1: succeeded after" in page
