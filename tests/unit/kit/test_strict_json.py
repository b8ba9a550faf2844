"""`kit.strict_json`: nothing gets past it that another reader would take differently, or that could not be written again."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.strict_json import JsonRefused, decode, encode

DEPTH = 32
SAME = settings(deadline=None, derandomize=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20)


def lists(depth: int, core: bytes = b"") -> bytes:
    return b"[" * depth + core + b"]" * depth


def objects(depth: int, core: bytes = b"1") -> bytes:
    return b'{"a":' * depth + core + b"}" * depth


class TestDecode:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b"null", None),
            (b"true", True),
            (b"-0", 0),
            (b"-1.5e2", -150.0),
            (b'""', ""),
            (b" \t\r\n[1 , 2]\n", [1, 2]),
            (b'{"b":1,"a":{}}', {"b": 1, "a": {}}),
            (b'"\\u0000"', "\0"),
            (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
            ('"\N{GRINNING FACE}é"'.encode(), "\N{GRINNING FACE}é"),
            (b"1e308", 1e308),
            (b"1e-999", 0.0),
        ],
    )
    def test_plain_json_is_read_as_it_stands(self, text: bytes, value: object):
        decoded = decode(text, DEPTH)
        assert decoded == value
        assert type(decoded) is type(value)

    def test_the_order_of_keys_is_kept(self):
        assert list(decode(b'{"z":1,"a":2,"m":3}', DEPTH)) == ["z", "a", "m"]

    def test_of_two_equal_keys_only_one_survives_and_it_is_the_last(self):
        assert decode(b'{"a":1,"b":2,"a":3}', DEPTH) == {"a": 3, "b": 2}

    def test_an_integer_of_thousands_of_digits_keeps_every_digit(self):
        assert decode(b"9" * 4300, DEPTH) == 10**4300 - 1

    def test_an_integer_that_takes_long_to_convert_is_refused(self):
        with pytest.raises(JsonRefused):
            decode(b"9" * 1_000_000, DEPTH)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b" ",
            b"nul",
            b"True",
            b"'a'",
            b"{a:1}",
            b"[1,]",
            b'{"a":1,}',
            b'{"a"}',
            b"[1",
            b"01",
            b"+1",
            b"1.",
            b".5",
            b"0x10",
            b"1_000",
            b"/* c */ 1",
            b"1 // c",
            b'"\n"',
            b'"\x00"',
            b'"\\x41"',
            b'"\\u12"',
        ],
    )
    def test_what_is_almost_json_is_refused(self, text: bytes):
        with pytest.raises(JsonRefused):
            decode(text, DEPTH)

    @pytest.mark.parametrize("text", [b"1 2", b"{}{}", b"[]x", b"null\x00", b"1\n\n1", b'{"a":1}\xff', b"1,"])
    def test_bytes_after_the_value_are_refused(self, text: bytes):
        with pytest.raises(JsonRefused):
            decode(text, DEPTH)

    @pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"1e999", b"-1e999", b"1" + b"0" * 400 + b".0"])
    @pytest.mark.parametrize("around", [b"%s", b"[%s]", b'{"a":%s}', b'[{"a":[0,%s]}]'])
    def test_a_number_that_is_not_finite_is_refused(self, number: bytes, around: bytes):
        with pytest.raises(JsonRefused):
            decode(around % number, DEPTH)

    def test_a_number_that_is_not_finite_hides_at_no_depth(self):
        for depth in range(1, DEPTH + 3):
            with pytest.raises(JsonRefused):
                decode(lists(depth, b"1e999"), DEPTH)

    @pytest.mark.parametrize("string", [b"\\ud800", b"\\udfff", b"\\ud800\\ud800", b"\\ude00\\ud83d", b"\\ud83dx", b"\xed\xa0\x80"])
    @pytest.mark.parametrize("around", [b'"%s"', b'["%s"]', b'{"%s":1}', b'{"a":"%s"}'])
    def test_a_lone_surrogate_is_refused_since_it_could_not_be_sent_on(self, string: bytes, around: bytes):
        with pytest.raises(JsonRefused):
            decode(around % string, DEPTH)

    @pytest.mark.parametrize(
        "text", [b'"\xff"', b'"\xc0\x80"', b'"\xe2\x82"', b"\xef\xbb\xbf1", '"a"'.encode("utf-16"), '"a"'.encode("utf-32")]
    )
    def test_what_is_not_plain_utf_8_is_refused(self, text: bytes):
        with pytest.raises(JsonRefused):
            decode(text, DEPTH)

    @pytest.mark.parametrize("make", [lists, objects])
    def test_nesting_up_to_the_limit_is_taken(self, make):
        decode(make(DEPTH), DEPTH)

    @pytest.mark.parametrize("make", [lists, objects])
    @pytest.mark.parametrize("depth", [DEPTH + 1, DEPTH + 2, 150, 201, 202, 1_000, 100_000])
    def test_nesting_beyond_the_limit_is_refused_however_deep(self, make, depth: int):
        with pytest.raises(JsonRefused):
            decode(make(depth), DEPTH)

    def test_depth_counts_on_the_deepest_branch_only(self):
        wide = b"[" + b",".join([lists(2)] * 100) + b"]"
        decode(wide, 3)
        with pytest.raises(JsonRefused):
            decode(b"[1,2,[" + lists(4) + b"]]", 3)

    def test_a_refusal_does_not_repeat_what_was_sent(self):
        for text in (b'"hunter2', b'["hunter2",1e999]', b'["hunter2",' + lists(40) + b"]"):
            with pytest.raises(JsonRefused) as refused:
                decode(text, DEPTH)
            assert "hunter2" not in str(refused.value)

    def test_a_refusal_is_a_value_error(self):
        with pytest.raises(ValueError):
            decode(b"[", DEPTH)

    @SAME
    @given(st.binary(max_size=200))
    def test_no_bytes_at_all_cause_another_error(self, data: bytes):
        try:
            value = decode(data, DEPTH)
        except JsonRefused:
            return
        assert value == json.loads(data)


class TestEncode:
    def test_bytes_are_compact_and_keys_stay_in_order(self):
        assert encode({"z": [1, None], "a": {"b": True}}) == b'{"z":[1,null],"a":{"b":true}}'

    @settings(SAME, max_examples=50)
    @given(VALUES)
    def test_what_is_written_is_read_again_unchanged(self, value: object):
        assert decode(encode(value), 64) == value

    @SAME
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_no_number_loses_a_bit_on_the_way(self, number: float):
        again = decode(encode(number), DEPTH)
        assert again == number
        assert math.copysign(1, again) == math.copysign(1, number)


class TestBounds:
    @pytest.mark.parametrize(
        ("text", "nodes"), [(b"1", 1), (b"[]", 1), (b"[1,2]", 3), (b'{"a":[1,{"b":2}]}', 5), (b'["a",null,true,1.5]', 5)]
    )
    def test_values_are_counted_at_every_level(self, text: bytes, nodes: int):
        decode(text, DEPTH, nodes)
        with pytest.raises(JsonRefused, match="more than"):
            decode(text, DEPTH, nodes - 1)

    @pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b'[{"b":{"a":1,"c":2,"a":3}}]', b'{"a":1,"\\u0061":2}'])
    def test_a_member_named_twice_is_refused_where_that_matters(self, text: bytes):
        decode(text, DEPTH)
        with pytest.raises(JsonRefused, match="twice"):
            decode(text, DEPTH, unique_names=True)

    def test_the_same_name_in_different_objects_is_no_double(self):
        assert decode(b'{"a":{"a":[{"a":1},{"a":2}]}}', DEPTH, unique_names=True) == {"a": {"a": [{"a": 1}, {"a": 2}]}}

    def test_a_byte_order_mark_is_refused(self):
        with pytest.raises(JsonRefused):
            decode(b"\xef\xbb\xbf{}", DEPTH)
