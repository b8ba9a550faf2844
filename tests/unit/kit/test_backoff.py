"""`kit.backoff`: full jitter below a ceiling that doubles and stops."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.backoff import Backoff

SAME = settings(deadline=None, derandomize=True)
BACKOFFS = st.builds(Backoff, st.floats(0.001, 3600), st.floats(0.001, 86_400))
ATTEMPTS = st.one_of(st.integers(1, 100), st.integers(1, 10**12))


@pytest.mark.parametrize(
    ("attempt", "ceiling_s"),
    [(1, 1), (2, 2), (3, 4), (8, 128), (9, 256), (10, 300), (11, 300), (65, 300), (66, 300), (100, 300), (5000, 300), (10**9, 300)],
)
def test_the_ceiling_doubles_from_the_base_to_the_cap(attempt: int, ceiling_s: float):
    assert Backoff(1.0, 300.0).wait_s(attempt, lambda: 1.0) == ceiling_s


def test_the_cap_holds_from_the_first_attempt_on():
    assert Backoff(10.0, 3.0).wait_s(1, lambda: 1.0) == 3.0


@SAME
@given(BACKOFFS, ATTEMPTS, st.floats(0, 1))
def test_no_wait_is_negative_or_above_cap_or_ceiling(backoff: Backoff, attempt: int, chance: float):
    wait_s = backoff.wait_s(attempt, lambda: chance)
    assert 0 <= wait_s <= backoff.cap_s
    assert wait_s <= backoff.base_s * 2.0 ** min(attempt - 1, 200)


@SAME
@given(BACKOFFS, ATTEMPTS)
def test_the_ceiling_never_shrinks(backoff: Backoff, attempt: int):
    assert backoff.wait_s(attempt, lambda: 1.0) <= backoff.wait_s(attempt + 1, lambda: 1.0)


@SAME
@given(BACKOFFS, ATTEMPTS, st.floats(0, 1))
def test_the_wait_is_the_drawn_share_of_the_ceiling(backoff: Backoff, attempt: int, chance: float):
    assert backoff.wait_s(attempt, lambda: chance) == backoff.wait_s(attempt, lambda: 1.0) * chance


def test_waits_spread_over_the_whole_range_from_zero():
    uniform = random.Random(3).random
    waits = [Backoff(1.0, 8.0).wait_s(4, uniform) for _ in range(4000)]
    quarters = [sum(quarter * 2 <= wait < quarter * 2 + 2 for wait in waits) for quarter in range(4)]
    assert sum(quarters) == 4000
    assert all(900 < count < 1100 for count in quarters)


def test_chance_is_asked_once_for_each_wait():
    draws = iter([0.5])
    assert Backoff(2.0, 8.0).wait_s(1, draws.__next__) == 1.0
    assert list(draws) == []
