"""Text for people: what is typed means what was printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import crockford


@pytest.mark.parametrize(
    ("number", "width", "text"), [(0, 1, "0"), (31, 1, "Z"), (32, 2, "10"), (1234, 4, "016J"), (2**130 - 1, 26, "Z" * 26)]
)
def test_numbers_are_written_most_significant_first(number: int, width: int, text: str):
    assert crockford.encode(number, width) == text


def test_bits_that_do_not_fit_are_left_out():
    assert crockford.encode(32 + 5, 1) == "5"


@pytest.mark.parametrize("typed", ["01234-abcde", " 01234 ABCDE ", "oI234abcde", "0L234-ABCDE\n", "o-1-2-3-4-a-b-c-d-e"])
def test_case_hyphens_spaces_and_look_alikes_do_not_matter(typed: str):
    assert crockford.normal(typed) == "01234ABCDE"


@given(st.integers(0, 2**130 - 1), st.integers(1, 9))
def test_what_was_printed_is_read_back(number: int, size: int):
    text = crockford.encode(number, 26)
    assert crockford.normal(crockford.grouped(text, size).lower()) == text


def test_letters_that_look_like_digits_are_never_printed():
    assert not set("ILOU") & set(crockford.ALPHABET)
    assert len(set(crockford.ALPHABET)) == 32
