"""`contract.events`: a cursor gives back the positions it was made of, and nothing else is one."""

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.errors import CursorInvalid
from contract.events import Event, EventPage, decode_cursor, encode_cursor

SAME = settings(deadline=None, derandomize=True)
SOURCES = st.from_regex(r"\A[a-z0-9]{4,26}\Z") | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
POSITIONS = st.dictionaries(SOURCES, st.integers(0, 2**63 - 1), max_size=20)


def word(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class TestCursor:
    @SAME
    @given(POSITIONS)
    def test_positions_come_back_unchanged(self, positions: dict[str, int]):
        assert decode_cursor(encode_cursor(positions)) == positions

    @SAME
    @given(POSITIONS)
    def test_a_cursor_fits_into_a_url_as_it_is(self, positions: dict[str, int]):
        assert re.fullmatch(r"[A-Za-z0-9_-]+", encode_cursor(positions))

    def test_equal_positions_have_equal_cursors_whatever_their_order(self):
        assert encode_cursor({"b": 2, "a": 1}) == encode_cursor({"a": 1, "b": 2})

    def test_no_positions_are_a_cursor_as_well(self):
        assert decode_cursor(encode_cursor({})) == {}

    def test_every_position_up_to_the_largest_of_sqlite_is_taken(self):
        assert decode_cursor(encode_cursor({"a": 2**63 - 1})) == {"a": 2**63 - 1}

    def test_as_many_sources_as_there_may_be_are_taken_and_no_more(self):
        positions = {f"s{number}": number for number in range(10_000)}
        assert decode_cursor(encode_cursor(positions)) == positions
        with pytest.raises(CursorInvalid):
            decode_cursor(encode_cursor({**positions, "more": 1}))

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "=",
            "A",
            "AAAAA",
            "!!!!",
            "not a cursor",
            "\N{GRINNING FACE}",
            "\ud800",
            "\0",
            word(b"\xff\xfe\xfd\xfc"),
            word(b"{"),
            word(b'{"a":1}x'),
            word(b'{"a":NaN}'),
            word(b'{"a":Infinity}'),
            word(b'{"a":' + b"9" * 5000 + b"}"),
            word(b"[" * 100_000),
            word(b'{"a":' * 100_000),
            word(None),
            word(1),
            word("a"),
            word([]),
            word(["a", 1]),
            word({"a": -1}),
            word({"a": 2**63}),
            word({"a": 1.0}),
            word({"a": True}),
            word({"a": None}),
            word({"a": "1"}),
            word({"a": [1]}),
            word({"a": 1, "b": -1}),
            f"{word({'a': 1})}\n",
            f" {word({'a': 1})}",
            f"{word({'a': 1})}.",
            f"{word({'a': 1})}====",
        ],
    )
    def test_what_is_no_cursor_is_refused_as_such(self, cursor: str):
        with pytest.raises(CursorInvalid):
            decode_cursor(cursor)

    @SAME
    @given(st.text(max_size=80) | st.from_regex(r"\A[A-Za-z0-9_=-]{0,80}\Z") | st.binary(max_size=60).map(word))
    def test_no_text_causes_another_error(self, cursor: str):
        try:
            positions = decode_cursor(cursor)
        except CursorInvalid:
            return
        assert all(type(source) is str and 0 <= seq < 2**63 for source, seq in positions.items())

    def test_a_refusal_is_a_bad_request(self):
        with pytest.raises(CursorInvalid) as refused:
            decode_cursor("!")
        assert refused.value.problem()["status"] == 400


class TestEvent:
    EVENT = {"source": "abcd", "seq": 1, "name": "job.updated", "at": "2026-01-01T00:00:00.000000Z", "data": {"id": "x"}}

    def test_a_member_of_tomorrow_is_ignored(self):
        page = EventPage.model_validate({"events": [{**self.EVENT, "new": 1}], "next": "c", "more": True})
        assert page.events == [Event.model_validate(self.EVENT)]

    @pytest.mark.parametrize("altered", [{"seq": 0}, {"seq": -1}, {"name": "job.unknown"}, {"data": []}, {"source": None}])
    def test_what_cannot_be_an_event_is_refused(self, altered: dict):
        with pytest.raises(ValidationError):
            Event.model_validate({**self.EVENT, **altered})
