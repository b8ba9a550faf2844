"""`kit.percentiles`: nearest rank, and a window that forgets on time."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.percentiles import RollingSamples, percentile

SAME = settings(deadline=None, derandomize=True)


class TestPercentile:
    @pytest.mark.parametrize(
        ("samples", "share", "value"),
        [
            # The nearest-rank example of textbooks.
            ([15, 20, 35, 40, 50], 0.05, 15),
            ([15, 20, 35, 40, 50], 0.30, 20),
            ([15, 20, 35, 40, 50], 0.40, 20),
            ([15, 20, 35, 40, 50], 0.50, 35),
            ([15, 20, 35, 40, 50], 1.0, 50),
            ([15, 20, 35, 40, 50], 0.0, 15),
            ([7], 0.0, 7),
            ([7], 0.5, 7),
            ([7], 1.0, 7),
            ([1, 2], 0.5, 1),
            ([1, 2], 0.51, 2),
        ],
    )
    def test_it_is_the_sample_of_the_nearest_rank(self, samples: list[float], share: float, value: float):
        assert percentile(samples, share) == value

    @SAME
    @given(st.integers(1, 20_000), st.sampled_from(["0.5", "0.9", "0.95", "0.99", "0.999"]))
    def test_the_shares_we_show_are_exact_for_every_count(self, count: int, share: str):
        assert percentile(range(1, count + 1), float(share)) == math.ceil(Fraction(share) * count)

    def test_the_seventh_percentile_of_a_hundred_is_the_seventh(self):
        assert percentile(range(1, 101), 0.07) == 7

    @SAME
    @given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0, 1), st.floats(0, 1))
    def test_it_is_one_of_the_samples_and_grows_with_the_share(self, samples: list[float], one: float, other: float):
        ordered = sorted(samples)
        low, high = percentile(ordered, min(one, other)), percentile(ordered, max(one, other))
        assert low in ordered
        assert low <= high


class TestRollingSamples:
    def test_values_are_ascending_whatever_their_order_of_arrival(self):
        samples = RollingSamples(1000, 10)
        for at, value in [(0, 3.0), (1, 1.0), (2, 2.0)]:
            samples.add(at, value)
        assert samples.values(2) == [1.0, 2.0, 3.0]

    def test_a_sample_is_forgotten_when_the_window_has_passed_and_not_before(self):
        samples = RollingSamples(1000, 10)
        samples.add(500, 1.0)
        assert samples.values(1500) == [1.0]
        assert samples.values(1501) == []

    def test_beyond_the_limit_the_oldest_go(self):
        samples = RollingSamples(1000, 3)
        for n in range(5):
            samples.add(n, float(n))
        assert samples.values(5) == [2.0, 3.0, 4.0]

    def test_nothing_measured_is_an_empty_list(self):
        assert RollingSamples(1000, 3).values(0) == []

    def test_the_rate_counts_the_span_only(self):
        samples = RollingSamples(60_000_000, 100)
        for at in (0, 1_000_000, 9_000_000, 10_000_000):
            samples.add(at, 1.0)
        assert samples.rate_per_s(10_000_000, 2_000_000) == 1.0
        assert samples.rate_per_s(10_000_000, 20_000_000) == 0.2

    def test_a_sample_as_old_as_the_span_is_outside_it(self):
        samples = RollingSamples(60_000_000, 100)
        samples.add(0, 1.0)
        assert samples.rate_per_s(999_999, 1_000_000) == 1.0
        assert samples.rate_per_s(1_000_000, 1_000_000) is None

    def test_no_samples_are_an_unknown_rate_and_not_zero(self):
        assert RollingSamples(1000, 3).rate_per_s(0, 1000) is None

    @SAME
    @given(st.lists(st.tuples(st.integers(0, 40), st.floats(-1e6, 1e6)), max_size=200), st.integers(1, 100), st.integers(1, 20))
    def test_it_holds_what_a_plain_list_would_hold(self, steps: list[tuple[int, float]], window: int, limit: int):
        samples, plain, now = RollingSamples(window, limit), [], 0
        for gone, value in steps:
            now += gone
            samples.add(now, value)
            plain = [(at, kept) for at, kept in [*plain, (now, value)] if at >= now - window][-limit:]
            recent = [at for at, _ in plain if at > now - 7]
            assert samples.rate_per_s(now, 7) == (len(recent) * 1_000_000 / 7 if recent else None)
            assert samples.values(now) == sorted(kept for _, kept in plain)
