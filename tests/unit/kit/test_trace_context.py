"""`kit.trace_context`: W3C Trace Context level 1, section 3.2."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.trace_context import TraceContext, begin, child, in_share, parse

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAME = settings(deadline=None, derandomize=True)
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (VALID, "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-ff", "ff"),
        (f"01-{TRACE}-{SPAN}-01", "01"),
        (f"fe-{TRACE}-{SPAN}-01", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", "01"),
        (f"01-{TRACE}-{SPAN}-01-", "01"),
        (f"00-{'0' * 31}1-{'0' * 15}1-01", "01"),
    ],
)
def test_a_valid_traceparent_is_read(text: str, flags: str):
    read = parse(text)
    assert read is not None
    assert (read.trace_id, read.span_id, read.flags) == (*text.split("-")[1:3], flags)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"0A-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"{VALID}-more",
        f"{VALID}-",
        f"01-{TRACE}-{SPAN}-01more",
        f" {VALID}",
        f"{VALID} ",
        f"{VALID}\n",
        f"{VALID},{VALID}",
        f"00-{TRACE[:-1]}\N{ARABIC-INDIC DIGIT ONE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'x' * 256}",
    ],
)
def test_an_invalid_traceparent_is_none_and_never_an_error(text: str | None):
    assert parse(text) is None


def test_a_traceparent_is_read_up_to_256_characters():
    start = f"01-{TRACE}-{SPAN}-01-"
    assert parse(start + "x" * (256 - len(start))) is not None
    assert parse(start + "x" * (257 - len(start))) is None


def test_what_is_read_is_written_again():
    assert str(parse(VALID)) == VALID


def test_a_future_version_is_continued_as_version_00():
    assert str(parse(f"cc-{TRACE}-{SPAN}-01-future")) == VALID


def test_a_new_trace_is_valid_and_sampled():
    begun = begin(random.Random(1).randbytes)
    assert parse(str(begun)) == begun
    assert begun.flags == "01"


def test_a_child_stays_in_its_trace_with_a_span_of_its_own():
    parent = TraceContext(TRACE, SPAN, "00")
    below = child(parent, random.Random(1).randbytes)
    assert (below.trace_id, below.flags) == (TRACE, "00")
    assert below.span_id != SPAN
    assert parse(str(below)) == below


@SAME
@given(st.text(max_size=300))
def test_no_text_causes_an_error(text: str):
    parse(text)


@SAME
@given(st.from_regex(r"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z"))
def test_only_version_ff_and_zero_ids_are_refused_of_what_has_the_form(text: str):
    version, trace, span, _ = text.split("-")
    refused = version == "ff" or not trace.strip("0") or not span.strip("0")
    assert (parse(text) is None) == refused


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True), ("fe", False)])
def test_one_bit_of_the_flags_tells_of_sampling(flags: str, sampled: bool):
    assert TraceContext(TRACE, SPAN, flags).sampled is sampled


@pytest.mark.parametrize(
    ("tail", "ratio", "inside"),
    [
        (b"\x00" * 8, 0.0, False),
        (b"\x00" * 8, 0.1, True),
        (b"\xff" * 8, 0.999, False),
        (b"\xff" * 8, 1.0, True),
        (b"\x7f" + b"\xff" * 7, 0.5, True),
        (b"\x80" + b"\x00" * 7, 0.5, False),
    ],
)
def test_a_share_of_the_traces_is_sampled_by_the_end_of_their_id_alone(tail: bytes, ratio: float, inside: bool):
    assert in_share(b"\xaa" * 8 + tail, ratio) is inside
    assert begin(lambda count: (b"\xaa" * 8 + tail)[:count], ratio).sampled is inside


def test_about_a_tenth_of_all_traces_is_a_tenth():
    draw = random.Random(7).randbytes
    assert 400 < sum(begin(draw, 0.1).sampled for _ in range(5000)) < 600
