"""One trace from a browser's submit to the event, as a real collector sees it; and the timeline that needs none."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.jobs import Job, JobDraft
from contract.words import JobState
from kit import trace_context
from kit.spans import SpanKind
from kit.trace_context import TraceContext
from tests.support.collector import Collector, Seen, collecting
from tests.support.house import House, User, house, signed_in


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
