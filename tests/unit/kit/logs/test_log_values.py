"""`kit.logs.lines`: whatever is in a field, a line is one valid JSON object of bounded size, and nothing is raised."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.logs import FIELDS
from kit.logs.lines import _IDS, FIELD_MAX, LINE_MAX, as_json, described
from kit.redact import redact

TOKEN = "fwe1_0123456789_" + "s" * 43


def line(**fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("flowork.test", logging.INFO, "", 0, "said", (), None)
    setattr(record, FIELDS, fields)
    text = as_json(described(record))
    assert len(text) <= LINE_MAX
    assert text.isascii()

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refused)


class Sulks:
    def __str__(self) -> str:
        raise ValueError


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (2**70, str(2**70)),
        (10**5000, "<int>"),
        (True, True),
        (b"a\xff", "a\\xff"),
        (bytearray(b"x"), "x"),
        ("half \ud800", "half \\ud800"),
        (Sulks(), "<Sulks>"),
        (Text("x"), "x"),
        ({1: {2}}, {"1": [2]}),
        ((1, "a"), [1, "a"]),
        ({"token": "short", "n": None}, {"token": "***", "n": None}),
        ([{"dpop": 1}], [{"dpop": "***"}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_becomes_what_json_has(value: Any, shown: Any):
    assert line(value=value)["value"] == shown


def test_a_value_inside_itself_ends():
    around: list[Any] = []
    around.append(around)
    named: dict[str, Any] = {}
    named["again"] = named
    assert len(json.dumps(line(a=around, b=named))) < 1000


HUGE = {
    "text": "x" * 10**6,
    "list": ["y" * 100] * 10_000,
    "dict": {str(n): "z" * 50 for n in range(10_000)},
    "bytes": b"b" * 10**6,
    "letters": "ü" * 10**5,
}


@pytest.mark.parametrize("huge", HUGE.values(), ids=HUGE)
def test_a_field_is_bounded_and_says_so(huge: Any):
    shown = line(huge=huge, after="here")
    text = shown["huge"] if isinstance(shown["huge"], str) else json.dumps(shown["huge"])
    assert len(text) <= FIELD_MAX
    assert shown["after"] == "here"


def test_a_line_is_bounded_by_leaving_out_its_longest_fields_and_names_them():
    shown = line(job_id="j", **{f"f{n}": "x" * FIELD_MAX for n in range(20)})
    assert shown["event"] == "said"
    assert shown["job_id"] == "j"
    assert 0 < len(shown["cut"]) < 20
    assert not set(shown["cut"]) & set(shown)


def test_an_exception_is_bounded_too():
    record = logging.LogRecord("flowork.test", logging.INFO, "", 0, "said", (), (ValueError, ValueError("x" * 10**6), None))
    setattr(record, FIELDS, {})
    assert len(described(record)["exception"]) <= FIELD_MAX


@pytest.mark.parametrize("at", range(FIELD_MAX - 60, FIELD_MAX + 20, 7))
def test_no_secret_is_cut_in_half_so_that_its_beginning_shows(at: int):
    for secret in (TOKEN, "A" * 26, "0x" + "ab" * 32):
        shown = line(text=" " * at + secret + " " + "x" * 9000)["text"]
        assert secret[-12:] not in shown
        assert secret[:20] not in shown or secret is TOKEN


def test_a_secret_is_gone_also_when_it_was_a_clean_texts_neighbour():
    for _ in range(2):  # the second time what was clean is remembered
        shown = line(a="/api/v1/jobs", b=TOKEN, c={"deep": [TOKEN]}, **{TOKEN: 1})
        assert "s" * 10 not in json.dumps(shown)
        assert shown["a"] == "/api/v1/jobs"


def test_a_library_whose_line_cannot_be_formatted_does_no_harm():
    record = logging.LogRecord("a.library", logging.WARNING, "", 0, "%d", ("x",), None)
    shown = json.loads(as_json(described(record)))
    assert (shown["event"], shown["error"], shown["source"]) == ("log.failed", "TypeError", "a.library")


def test_a_field_cannot_take_the_place_of_when_where_and_what():
    shown = line(at="then", level="fine", source="me", event="forged")
    assert (shown["level"], shown["source"], shown["event"]) == ("info", "flowork.test", "said")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4) | st.tuples(inner),
    max_leaves=20,
)


@given(st.from_regex(_IDS, fullmatch=True))
def test_what_is_taken_for_an_id_would_have_stayed_anyway(text: str):
    assert redact(text) == text


@given(ANYTHING)
def test_any_value_is_a_valid_line(value: Any):
    assert line(value=value)["event"] == "said"
