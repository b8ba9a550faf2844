"""`kit.spans` and `kit.span_sender`: what is sent, how much is kept, and what a collector that does not answer costs."""

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kit.otlp import OtlpSettings
from kit.otlp_wire import Poster
from kit.span_sender import BATCH_MAX, SpanSender, encoded
from kit.spans import NO_SPANS, Service, Span, SpanKind, open_spans
from kit.trace_context import TraceContext
from tests.support.collector import collecting

SERVICE = Service("flowork-test", "1.2.3", "me")
TRACE = "0af7651916cd43dd8448eb211c80319c"


def context(number: int = 1, flags: str = "01") -> TraceContext:
    return TraceContext(TRACE, f"{number:016x}", flags)


def span(number: int = 1, **changes) -> Span:
    values = {"name": f"span-{number}", "context": context(number), "parent_id": None, "kind": SpanKind.INTERNAL, "began": 10, "ended": 20}
    return Span(**{**values, **changes})


class FakePost:
    """Answers each body with the next of its moods, then 200; tells when it was asked so often."""

    def __init__(self, *moods: int | Exception) -> None:
        self.moods = list(moods)
        self.bodies: list[bytes] = []
        self.asked = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, body: bytes) -> int:
        self.bodies.append(body)
        self.asked.release()
        self.may_answer.wait(20)
        mood = self.moods.pop(0) if self.moods else 200
        if isinstance(mood, Exception):
            raise mood
        return mood

    def names(self, at: int) -> list[str]:
        (group,) = ExportTraceServiceRequest.FromString(self.bodies[at]).resource_spans
        return [each.name for each in group.scope_spans[0].spans]


@pytest.fixture
def started():
    """Senders, ended with the test."""
    made: list[tuple[SpanSender, FakePost]] = []

    def start(post: FakePost, **changes) -> SpanSender:
        sender = SpanSender(post, SERVICE, **{"gather_s": 0.001, **changes})
        made.append((sender, post))
        sender.start()
        return sender

    yield start
    for sender, post in made:
        post.may_answer.set()
        sender.stop(10)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "flowork.spans"]


def test_a_span_arrives_as_it_was():
    link = context(7)
    told = span(
        5,
        parent_id="00000000000000aa",
        kind=SpanKind.CLIENT,
        attributes={"text": "a", "whole": 3, "share": 0.5, "yes": True},
        links=(link,),
        error="a.code",
    )
    (group,) = ExportTraceServiceRequest.FromString(encoded(SERVICE, [told])).resource_spans
    assert {each.key: each.value.string_value for each in group.resource.attributes} == {
        "service.name": "flowork-test",
        "service.version": "1.2.3",
        "service.instance.id": "me",
    }
    (wire,) = group.scope_spans[0].spans
    assert (wire.trace_id.hex(), wire.span_id.hex(), wire.parent_span_id.hex()) == (TRACE, f"{5:016x}", "00000000000000aa")
    assert (wire.name, wire.kind, wire.start_time_unix_nano, wire.end_time_unix_nano) == ("span-5", 3, 10_000, 20_000)
    values = {each.key: each.value for each in wire.attributes}
    assert (values["text"].string_value, values["whole"].int_value, values["share"].double_value) == ("a", 3, 0.5)
    assert values["yes"].bool_value is True
    assert values["error.type"].string_value == "a.code"
    assert (wire.status.code, wire.links[0].span_id.hex()) == (2, link.span_id)


def test_a_span_without_parent_or_error_says_so():
    (group,) = ExportTraceServiceRequest.FromString(encoded(SERVICE, [span(ended=5)])).resource_spans
    (wire,) = group.scope_spans[0].spans
    assert (wire.parent_span_id, wire.status.code) == (b"", 0)
    assert wire.end_time_unix_nano == wire.start_time_unix_nano  # never before its beginning


def test_a_batch_that_was_not_taken_goes_again_whole_and_in_order(started, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "flowork.spans")
    post = FakePost(OSError("down"), 503, 429)
    sender = started(post)
    for number in range(3):
        sender.keep(span(number))
    for _ in range(4):
        assert post.asked.acquire(timeout=20)
    assert sender.stop(20)
    assert post.names(3) == ["span-0", "span-1", "span-2"]
    assert (sender.dropped, sender.waiting) == (0, 0)
    assert events(caplog) == ["spans.unsent", "spans.sent_again"]  # one line each, however long it was away


def test_what_a_collector_refuses_for_good_is_not_sent_again(started):
    post = FakePost(400)
    sender = started(post)
    sender.keep(span(1))
    assert post.asked.acquire(timeout=20)
    assert sender.stop(20)
    assert (len(post.bodies), sender.dropped) == (1, 1)


def test_no_more_spans_wait_than_may(started):
    post = FakePost(*[OSError("down")] * 50)
    sender = started(post, waiting_max=10, gather_s=30.0)
    for number in range(100):
        sender.keep(span(number))
    assert (sender.waiting, sender.dropped) == (10, 90)


def test_spans_go_in_batches(started):
    post = FakePost()
    sender = started(post, gather_s=30.0)
    for number in range(BATCH_MAX + 1):
        sender.keep(span(number))
    assert sender.stop(20)
    assert [len(post.names(0)), len(post.names(1))] == [BATCH_MAX, 1]


def test_a_stop_does_not_wait_for_a_collector_that_holds_its_answer(started, caplog: pytest.LogCaptureFixture):
    post = FakePost()
    post.may_answer.clear()
    sender = started(post)
    sender.keep(span(1))
    assert post.asked.acquire(timeout=20)
    sender.keep(span(2))
    assert sender.stop(0.01) is False
    assert events(caplog) == ["spans.lost"]


@pytest.mark.parametrize(("trace", "kept"), [(context(), True), (context(flags="00"), False), (context(flags="03"), True), (None, False)])
def test_only_sampled_traces_are_recorded(trace: TraceContext | None, kept: bool):
    assert SpanSender(FakePost(), SERVICE).recording(trace) is kept
    assert NO_SPANS.recording(trace) is False


async def test_without_an_endpoint_nobody_collects():
    async with open_spans(OtlpSettings(), SERVICE) as spans:
        assert spans is NO_SPANS


async def test_spans_arrive_at_the_end_of_the_block_with_the_owners_headers(tmp_path):
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer abc\n")
    async with collecting() as collector:
        settings = OtlpSettings(endpoint=f"{collector.endpoint}/base/", headers_file=headers)
        async with open_spans(settings, SERVICE) as spans:
            spans.keep(span(1))
        ((path, sent),) = collector.requests
    assert (path, sent["authorization"], sent["content-type"]) == ("/base/v1/traces", "Bearer abc", "application/x-protobuf")


async def test_a_redirect_is_not_followed():
    async with collecting() as collector:
        collector.status = 307
        assert await asyncio.to_thread(Poster(collector.endpoint, "/v1/traces", {}), b"") == 307
        assert len(collector.requests) == 1


async def test_a_call_that_waits_can_be_broken_off():
    async with collecting() as collector:
        collector.hold = asyncio.Event()
        poster = Poster(collector.endpoint, "/v1/traces", {})
        calling: asyncio.Future[int] = asyncio.ensure_future(asyncio.to_thread(poster, b""))
        await collector.until(lambda seen: seen.requests)
        poster.break_off()
        with pytest.raises(OSError):
            await calling


def test_a_header_that_cannot_be_sent_is_a_failure_like_others(started, caplog: pytest.LogCaptureFixture):
    post: Callable[[bytes], int] = Poster("http://127.0.0.1:1", "/v1/traces", {"x": "a\nb"})
    sender = SpanSender(post, SERVICE, gather_s=0.001)
    sender.start()
    sender.keep(span(1))
    assert sender.stop(20)
    assert "spans.unsent" in events(caplog)
