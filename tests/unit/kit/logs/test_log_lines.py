"""`kit.logs`: one JSON object a line, whatever a field contains."""

import io
import json
import logging
import unicodedata
from collections.abc import Iterator

import pytest

from kit.logs import Log
from kit.logs.lines import at
from kit.logs.setup import to_stream

CONTROL = "".join(chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp"})
LEVELS = ["debug", "info", "warning", "error"]


@pytest.fixture(autouse=True)
def _same_logging_afterwards(monkeypatch) -> Iterator[None]:
    """`to_stream` closes the root's handlers, pytest's own among them: lend it an empty root."""
    root, ours = logging.getLogger(), logging.getLogger("flowork")
    monkeypatch.setattr(root, "handlers", [])
    levels = (root.level, ours.level)
    yield
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestLine:
    def test_a_line_is_an_event_name_with_its_fields(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").info("job.began", job_id="j", attempt=2, share=0.5, late=True, why=None)
        (line,) = lines(stream)
        assert line.pop("at")
        assert line == {
            "level": "info",
            "source": "flowork.test",
            "event": "job.began",
            "job_id": "j",
            "attempt": 2,
            "share": 0.5,
            "late": True,
            "why": None,
        }

    def test_each_event_is_one_line(self, stream: io.StringIO):
        to_stream(stream, logging.DEBUG)
        for level in LEVELS:
            getattr(Log("test"), level)("said", text="one\ntwo\r\nthree")
        assert stream.getvalue().count("\n") == len(LEVELS)
        assert [line["level"] for line in lines(stream)] == LEVELS

    def test_no_control_character_and_no_line_break_gets_out_of_a_field(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").info(f"event{CONTROL}", text=CONTROL, **{f"key{CONTROL}": 1})
        text = stream.getvalue()
        assert text.endswith("\n")
        assert [character for character in text[:-1] if character in CONTROL] == []
        (line,) = lines(stream)
        assert (line["event"], line["text"], line[f"key{CONTROL}"]) == (f"event{CONTROL}", CONTROL, 1)

    def test_a_forged_line_stays_inside_its_field(self, stream: io.StringIO):
        to_stream(stream)
        forged = '"}\n{"level": "error", "event": "forged"}'
        Log("test").info("said", text=forged)
        (line,) = lines(stream)
        assert (line["event"], line["text"]) == ("said", forged)

    def test_a_percent_sign_is_text(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").info("100 %s", share="%d")
        (line,) = lines(stream)
        assert (line["event"], line["share"]) == ("100 %s", "%d")

    def test_letters_of_every_script_arrive(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").info("said", text="Grüße \N{GRINNING FACE} \ud800")
        assert stream.getvalue().isascii()
        assert lines(stream)[0]["text"] == "Grüße \N{GRINNING FACE} \\ud800"  # half a character is spelled out

    def test_a_value_that_is_no_scalar_does_not_lose_the_line(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").info("said", kind=ValueError, raw=b"x")
        assert lines(stream)[0]["kind"] == "<class 'ValueError'>"

    def test_an_exception_is_one_field_with_its_trace(self, stream: io.StringIO):
        to_stream(stream)
        try:
            raise ValueError("two\nlines")
        except ValueError as error:
            Log("test").error("failed", exc_info=error, job_id="j")
        (line,) = lines(stream)
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ValueError: two\nlines")
        assert (line["event"], line["job_id"]) == ("failed", "j")

    def test_an_error_without_an_exception_has_no_such_field(self, stream: io.StringIO):
        to_stream(stream)
        Log("test").error("failed")
        assert "exception" not in lines(stream)[0]

    def test_the_time_is_utc_with_milliseconds_also_at_the_end_of_a_second(self):
        assert at(1_764_079_199.999_9) == "2025-11-25T13:59:59.999Z"
        assert at(1_764_079_200.007_9) == "2025-11-25T14:00:00.007Z"


class TestToStream:
    @pytest.mark.parametrize("level", LEVELS)
    def test_nothing_below_the_level_is_written(self, stream: io.StringIO, level: str):
        to_stream(stream, logging.getLevelName(level.upper()))
        for name in LEVELS:
            getattr(Log("test"), name)("said")
        assert [line["level"] for line in lines(stream)] == LEVELS[LEVELS.index(level) :]

    def test_the_level_is_info_unless_said_otherwise(self, stream: io.StringIO):
        to_stream(stream)
        for name in LEVELS:
            getattr(Log("test"), name)("said")
        assert [line["level"] for line in lines(stream)] == LEVELS[1:]

    @pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
    def test_of_other_libraries_only_warnings_are_written(self, stream: io.StringIO, level: int):
        to_stream(stream, level)
        for name in LEVELS:
            getattr(logging.getLogger("a.library"), name)("said by %s", "it")
        assert [(line["level"], line["source"], line["message"]) for line in lines(stream)] == [
            ("warning", "a.library", "said by it"),
            ("error", "a.library", "said by it"),
        ]

    def test_a_second_call_moves_the_lines_and_does_not_double_them(self, stream: io.StringIO):
        other = io.StringIO()
        to_stream(other)
        to_stream(stream)
        Log("test").info("said")
        assert (len(lines(other)), len(lines(stream))) == (0, 1)

    def test_what_is_below_the_level_costs_no_rendering(self, stream: io.StringIO):
        class Loud:
            def __str__(self) -> str:
                raise AssertionError("rendered")

        to_stream(stream, logging.WARNING)
        Log("test").info("said", field=Loud())
        assert stream.getvalue() == ""
