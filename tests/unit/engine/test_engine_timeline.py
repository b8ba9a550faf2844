"""`engine.runtime.timeline`: phases for the report, spans for a collector, both of one attempt."""

import pytest

from contract.traces import attempt_span, wait_span
from contract.words import Outcome
from engine.rules.failures import JobFailed
from engine.runtime.timeline import Timeline, Tracing
from kit import trace_context
from kit.clock import SECOND
from kit.spans import SpanKind
from tests.support.clock import ManualClock
from tests.support.fake_link import TRACE, lease, report
from tests.support.queue import chance
from tests.support.spans import KeptSpans

UNSAMPLED = TRACE[:-2] + "00"
SUBMIT = trace_context.parse(TRACE)
assert SUBMIT is not None
ATTEMPT = attempt_span(SUBMIT, lease().token)


@pytest.fixture
def kept() -> KeptSpans:
    return KeptSpans()


@pytest.fixture
def timeline(kept: KeptSpans, clock: ManualClock) -> Timeline:
    return Timeline(lease(kind="work"), Tracing(clock, kept, chance(2)))


def test_the_attempt_is_a_span_under_the_submit_with_a_link_to_its_wait(timeline: Timeline, kept: KeptSpans, clock: ManualClock):
    began = clock.wall
    clock.advance(3)
    timeline.ended(report())
    span = kept.named("process work")
    assert (span.context, span.parent_id, span.kind) == (ATTEMPT, SUBMIT.span_id, SpanKind.CONSUMER)
    assert span.links == (wait_span(SUBMIT, lease().token),)
    assert (span.began, span.ended, span.error) == (began, began + 3 * SECOND, None)
    assert span.attributes["flowork.outcome"] == "succeeded"
    assert timeline.recorded == timeline.traceparent == str(ATTEMPT)


def test_a_call_is_a_span_under_the_attempt_and_a_phase(timeline: Timeline, kept: KeptSpans, clock: ManualClock):
    clock.advance(1)
    with timeline.call("GET", {"server.address": "example.org"}) as call:
        clock.advance(0.25)
        call.tell({"http.response.status_code": 200})
    span = kept.named("GET")
    assert (span.parent_id, span.kind, span.error) == (ATTEMPT.span_id, SpanKind.CLIENT, None)
    assert call.traceparent == str(span.context)
    assert span.attributes == {"server.address": "example.org", "http.response.status_code": 200}
    assert [(phase.name, phase.began_ms, phase.took_ms) for phase in timeline.phases] == [("GET", 1000, 250)]


@pytest.mark.parametrize(("error", "code"), [(JobFailed("a.b", "secret"), "a.b"), (ValueError("secret"), "ValueError")])
def test_a_call_that_fails_says_so_by_a_code(timeline: Timeline, kept: KeptSpans, error: Exception, code: str):
    with pytest.raises(type(error)), timeline.call("GET", {}):
        raise error
    assert kept.named("GET").error == code
    assert len(timeline.phases) == 1


@pytest.mark.parametrize(
    ("ended", "outcome", "code"),
    [
        (report(outcome=Outcome.FAILED, error={"code": "a.b", "message": "secret"}), "failed", "a.b"),
        (report(outcome=Outcome.GIVEN_BACK), "given_back", None),
        (None, "let_go", "job.lease_lost"),
    ],
)
def test_how_it_ended_is_told_by_codes(timeline: Timeline, kept: KeptSpans, ended, outcome: str, code: str | None):
    timeline.ended(ended)
    span = kept.named("process work")
    assert (span.attributes["flowork.outcome"], span.error) == (outcome, code)
    assert "secret" not in repr(span)


@pytest.mark.parametrize("traceparent", [UNSAMPLED, "garbage"])
def test_an_unsampled_trace_has_phases_and_no_spans(kept: KeptSpans, clock: ManualClock, traceparent: str):
    timeline = Timeline(lease(traceparent=traceparent), Tracing(clock, kept))
    with timeline.running():
        with timeline.call("GET", {}) as call:
            clock.advance(1)
        clock.advance(1)
    timeline.ended(report())
    assert kept.all == []
    assert (timeline.recorded, timeline.traceparent, call.traceparent) == (None, traceparent, traceparent)
    assert [phase.name for phase in timeline.phases] == ["run", "GET"]


def test_without_a_collector_nothing_is_said_to_be_recorded(clock: ManualClock):
    assert Timeline(lease(), Tracing(clock)).recorded is None


def test_a_civil_clock_that_is_set_does_not_stretch_a_span(timeline: Timeline, kept: KeptSpans, clock: ManualClock):
    with timeline.call("GET", {}):
        clock.step_wall(-3600)
        clock.advance(2)
    assert kept.named("GET").ended - kept.named("GET").began == 2 * SECOND


def test_phases_are_as_many_as_a_report_carries_and_the_handlers_own_is_among_them(timeline: Timeline):
    with timeline.running():
        for _ in range(100):
            with timeline.call("GET", {}):
                pass
    assert len(timeline.phases) == 32
    assert "run" in {phase.name for phase in timeline.phases}
    report(phases=timeline.phases)


@pytest.mark.parametrize(("name", "shown"), [("", "?"), ("x" * 80, "x" * 64), ("caf\u00e9\n\x1b", "caf???")])
def test_a_phases_name_can_be_shown_on_a_terminal(timeline: Timeline, name: str, shown: str):
    with timeline.call(name, {}):
        pass
    assert [phase.name for phase in timeline.phases] == [shown]
