"""`kit.ids`: version 7 UUIDs of RFC 9562 that sort by time."""

import random
from uuid import RFC_4122, UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ids import uuid7

SAME = settings(deadline=None, derandomize=True)
WALLS = st.integers(0, 2**48 * 1000 - 1)
TAILS = st.binary(min_size=8, max_size=8)


@SAME
@given(WALLS, TAILS)
def test_version_and_variant_are_right_whatever_time_and_chance(wall: int, tail: bytes):
    made = uuid7(wall, lambda _: tail)
    assert (made.version, made.variant) == (7, RFC_4122)


@SAME
@given(WALLS, TAILS)
def test_the_first_48_bits_are_milliseconds_and_the_last_62_are_chance(wall: int, tail: bytes):
    made = uuid7(wall, lambda _: tail)
    assert made.int >> 80 == wall // 1000
    assert made.int & (2**62 - 1) == int.from_bytes(tail) & (2**62 - 1)


@SAME
@given(WALLS, WALLS, TAILS, TAILS)
def test_a_later_microsecond_sorts_later_whatever_the_chance(one: int, other: int, tail: bytes, other_tail: bytes):
    if one == other:
        other += 1
    early, late = sorted((one, other))
    if late < 2**48 * 1000:
        assert uuid7(early, lambda _: tail) < uuid7(late, lambda _: other_tail)


def test_neighbouring_microseconds_differ_also_without_chance():
    made = [uuid7(wall, bytes) for wall in range(1_767_225_600_000_000, 1_767_225_600_003_000)]
    assert made == sorted(set(made))


def test_the_fields_stand_where_the_rfc_puts_them():
    # The time and rand_b of RFC 9562 appendix A.6; rand_a is the fraction: 797/1000 of a millisecond is 0xCC0/0x1000.
    made = uuid7(0x017F22E279B0 * 1000 + 797, (0x18C4DC0C0C07398F).to_bytes)
    assert made == UUID("017f22e2-79b0-7cc0-98c4-dc0c0c07398f")


def test_texts_sort_like_times():
    chance = random.Random(5).randbytes
    made = [str(uuid7(1_767_225_600_000_000 + step * 250, chance)) for step in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
