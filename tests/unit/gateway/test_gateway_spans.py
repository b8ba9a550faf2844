"""`gateway.telemetry.spans`: what is told of a submit, a wait, an attempt and its end, and under whom."""

from typing import Any

import pytest

from contract.traces import attempt_span, wait_span
from gateway.telemetry.spans import JobSpans, Leased, RequestSpans
from kit.clock import SECOND
from kit.spans import Span, SpanKind
from kit.trace_context import TraceContext
from tests.support.clock import ManualClock
from tests.support.queue import chance
from tests.support.spans import KeptSpans

TRACE = "0af7651916cd43dd8448eb211c80319c"
SUBMIT = TraceContext(TRACE, "b7ad6b7169203331")
TOKEN = "1" * 32
ATTEMPT = attempt_span(SUBMIT, TOKEN)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kept() -> KeptSpans:
    return KeptSpans()


@pytest.fixture
def spans(clock: ManualClock, kept: KeptSpans) -> JobSpans:
    return JobSpans(kept, clock, chance(3))


def leased(clock: ManualClock, traceparent: str = str(SUBMIT), **changes: Any) -> Leased:
    values = {"job": "j", "kind": "echo", "attempt": 1, "instance": "i", "token": TOKEN, "traceparent": traceparent}
    return Leased(**{**values, "ready_at": clock.wall - 2 * SECOND, "started_at": clock.wall, **changes})


def job(state: str, code: str | None = None) -> dict[str, Any]:
    return {"id": "j", "kind": "echo", "state": state, "error": None if code is None else {"code": code, "message": "secret words"}}


def place(span: Span) -> tuple[str, str | None]:
    return span.context.span_id, span.parent_id


def test_the_wait_is_told_when_it_is_over(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    wait = kept.named("job wait")
    assert place(wait) == (wait_span(SUBMIT, TOKEN).span_id, SUBMIT.span_id)
    assert (wait.began, wait.ended) == (clock.wall - 2 * SECOND, clock.wall)


def test_a_finish_hangs_on_the_attempt_that_its_engine_records_and_the_event_on_the_finish(
    spans: JobSpans, kept: KeptSpans, clock: ManualClock
):
    spans.leased(leased(clock))
    began = clock.wall
    with spans.finishing([("j", str(ATTEMPT))]):
        clock.advance(1)
        committed = clock.steady
        clock.advance(0.5)
        spans.changed(job("succeeded"), committed)
    finish, event = kept.named("finish echo"), kept.named("publish job.updated")
    assert [span.name for span in kept.all] == ["job wait", "finish echo", "publish job.updated"]  # the engine tells of the attempt
    assert finish.parent_id == ATTEMPT.span_id
    assert (event.parent_id, event.kind) == (finish.context.span_id, SpanKind.PRODUCER)
    assert (finish.began, finish.ended) == (began, clock.wall)
    assert (event.began, event.ended) == (clock.wall - SECOND // 2, clock.wall)
    assert event.attributes["flowork.job.state"] == "succeeded"


def test_an_attempt_whose_engine_records_nothing_is_told_by_the_gateway(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    with spans.finishing([("j", None)]):
        spans.changed(job("succeeded"), clock.steady)
    attempt = kept.named("process echo")
    assert place(attempt) == (ATTEMPT.span_id, SUBMIT.span_id)
    assert attempt.error is None
    assert kept.named("finish echo").parent_id == ATTEMPT.span_id


def test_a_failure_is_told_by_its_code_and_never_by_its_words(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    with spans.finishing([("j", None)]):
        spans.changed(job("queued", "echo.failed"), clock.steady)
    assert kept.named("process echo").error == "echo.failed"
    assert not [span for span in kept.all if span.name.startswith("publish")]  # not the end of the job
    assert "secret" not in repr(kept.all)


def test_a_lost_lease_ends_the_attempt_as_an_error(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    began = clock.wall
    clock.advance(30)
    spans.changed(job("queued"), clock.steady)
    lost = kept.named("process echo")
    assert place(lost) == (ATTEMPT.span_id, SUBMIT.span_id)
    assert (lost.error, lost.began, lost.ended) == ("job.lease_lost", began, clock.wall)
    assert [link.span_id for link in lost.links] == [wait_span(SUBMIT, TOKEN).span_id]


def test_an_event_that_ends_no_attempt_makes_no_span(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    before = list(kept.all)
    spans.changed(job("running"), clock.steady)  # progress
    spans.changed({**job("succeeded"), "id": "other"}, clock.steady)
    spans.changed({"id": "j", "deleted": True}, clock.steady)
    assert kept.all == before


def test_a_report_that_changed_nothing_is_forgotten(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    with spans.finishing([("j", str(ATTEMPT))]):
        pass
    spans.changed(job("succeeded"), clock.steady)
    assert kept.all == []


def test_a_report_after_a_restart_of_the_gateway_still_has_its_place(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    with spans.finishing([("j", str(ATTEMPT))]):
        spans.changed(job("succeeded"), clock.steady)
    assert kept.named("finish echo").parent_id == ATTEMPT.span_id


def test_an_engine_cannot_write_into_another_trace(spans: JobSpans, kept: KeptSpans, clock: ManualClock):
    spans.leased(leased(clock))
    with spans.finishing([("j", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")]):
        spans.changed(job("succeeded"), clock.steady)
    assert {span.context.trace_id for span in kept.all} == {TRACE}


@pytest.mark.parametrize("traceparent", [str(TraceContext(TRACE, SUBMIT.span_id, "00")), "garbage"])
def test_nothing_is_told_or_remembered_of_a_trace_that_is_not_sampled(
    spans: JobSpans, kept: KeptSpans, clock: ManualClock, traceparent: str
):
    spans.leased(leased(clock, traceparent))
    with spans.finishing([("j", None)]):
        spans.changed(job("succeeded"), clock.steady)
    assert kept.all == []
    assert (spans._running, spans._finishing) == ({}, {})


def test_nothing_is_remembered_of_a_job_that_has_ended(spans: JobSpans, clock: ManualClock):
    spans.leased(leased(clock))
    with spans.finishing([("j", str(ATTEMPT))]):
        spans.changed(job("succeeded"), clock.steady)
    assert (spans._running, spans._finishing) == ({}, {})


class TestRequests:
    @pytest.fixture
    def requests(self, clock: ManualClock, kept: KeptSpans) -> RequestSpans:
        return RequestSpans(kept, clock, 0.0, chance(4))

    @pytest.mark.parametrize("flags", ["00", "01"])
    def test_a_callers_word_on_sampling_is_kept(self, requests: RequestSpans, flags: str):
        remote = TraceContext(TRACE, SUBMIT.span_id, flags)
        here = requests.trace(remote)
        assert (here.trace_id, here.flags) == (TRACE, flags)
        assert here.span_id != remote.span_id

    @pytest.mark.parametrize(("ratio", "sampled"), [(0.0, False), (1.0, True)])
    def test_the_share_decides_on_traces_that_begin_here(self, kept: KeptSpans, clock: ManualClock, ratio: float, sampled: bool):
        assert RequestSpans(kept, clock, ratio, chance(4)).trace(None).sampled is sampled

    def test_a_submit_is_a_server_span_under_its_callers(self, requests: RequestSpans, kept: KeptSpans, clock: ManualClock):
        here = requests.trace(SUBMIT)
        requests.answered(here, SUBMIT, "/api/v1/jobs", "POST", 201, "http", 0.25)
        (span,) = kept.all
        assert place(span) == (here.span_id, SUBMIT.span_id)
        assert (span.name, span.kind, span.error) == ("POST /api/v1/jobs", SpanKind.SERVER, None)
        assert (span.began, span.ended) == (clock.wall - SECOND // 4, clock.wall)

    def test_a_failure_of_ours_is_an_error_and_one_of_the_callers_is_not(self, requests: RequestSpans, kept: KeptSpans):
        for status in (422, 503):
            requests.answered(SUBMIT, None, "/api/v1/jobs", "POST", status, "http", 0.1)
        assert [(span.parent_id, span.error) for span in kept.all] == [(None, None), (None, "503")]

    @pytest.mark.parametrize(
        ("method", "route"),
        [
            ("GET", "/api/v1/events"),
            ("POST", "/internal/v1/claim"),
            ("POST", "/internal/v1/heartbeat"),
            ("GET", "/api/v1/jobs"),
            ("POST", None),
        ],
    )
    def test_polls_and_heartbeats_have_no_span(self, requests: RequestSpans, kept: KeptSpans, method: str, route: str | None):
        requests.answered(SUBMIT, None, route, method, 200, "http", 0.1)
        assert kept.all == []
