"""The table of the autoscaler, rule by rule and at its boundaries."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.words import Aim
from engine.rules.autoscale import (
    CALM_WINDOWS,
    PEAK_WINDOWS,
    SLOW_WINDOWS,
    Decision,
    ScalingLimits,
    Why,
    Window,
    aim,
    decide,
    mean_service_s,
    scaling_limits,
    slots_for,
)
from engine.settings import EngineSettings

LIMITS = ScalingLimits(least=1, most=16, target_ms=150, headroom=1.3)


def window(delay: float | None, utilisation: float = 0.7, rate: float = 0, slots: int = 4, ended: int = 0, service_s: float = 0) -> Window:
    return Window(slots, delay, utilisation, rate, ended, service_s)


SLOW, CALM, FINE = window(450.1), window(44.9, 0.49), window(100)


def ruled(windows: list[Window], slots: int = 4, mean: float | None = 0.1, limits: ScalingLimits = LIMITS) -> tuple[int, Why]:
    decision = decide(windows, slots, mean, limits)
    return decision.slots, decision.why


class TestGrowing:
    @pytest.mark.parametrize(
        ("windows", "expected"),
        [
            ([], (4, Why.STEADY)),
            ([SLOW] * 2, (4, Why.STEADY)),
            ([SLOW] * 3, (5, Why.SLOW)),
            ([SLOW] * 4, (5, Why.SLOW)),
            ([SLOW, SLOW, FINE], (4, Why.STEADY)),
            ([SLOW, FINE, SLOW, SLOW], (4, Why.STEADY)),
            ([FINE, SLOW, SLOW, SLOW], (5, Why.SLOW)),
            ([SLOW, SLOW, window(450)], (4, Why.STEADY)),
            ([SLOW, SLOW, window(None)], (4, Why.STEADY)),
            ([SLOW, window(None), SLOW, SLOW], (4, Why.STEADY)),
        ],
    )
    def test_one_more_after_three_windows_in_a_row_over_three_times_the_target(self, windows: list[Window], expected: tuple[int, Why]):
        assert ruled(windows) == expected

    def test_how_busy_the_slots_were_does_not_matter(self):
        assert ruled([window(451, 0.01)] * 3) == (5, Why.SLOW)

    def test_a_streak_begins_anew_after_a_change(self):
        assert ruled([replace(SLOW, slots=3)] * 3 + [SLOW] * 2) == (4, Why.STEADY)
        assert ruled([replace(SLOW, slots=3)] * 3 + [SLOW] * 3) == (5, Why.SLOW)

    def test_never_above_the_maximum(self):
        assert ruled([replace(SLOW, slots=16)] * 3, 16) == (16, Why.AT_MAXIMUM)


class TestShrinking:
    @pytest.mark.parametrize(
        ("windows", "expected"),
        [
            ([CALM] * 5, (4, Why.STEADY)),
            ([CALM] * 6, (3, Why.CALM)),
            ([window(0, 0)] * 6, (3, Why.CALM)),
            ([FINE, *[CALM] * 5], (4, Why.STEADY)),
            ([*[CALM] * 5, window(45, 0.49)], (4, Why.STEADY)),
            ([*[CALM] * 5, window(44.9, 0.5)], (4, Why.STEADY)),
            ([*[CALM] * 5, window(None, 0.0)], (4, Why.STEADY)),
            ([*[CALM] * 3, FINE, *[CALM] * 3], (4, Why.STEADY)),
        ],
    )
    def test_one_less_after_six_windows_in_a_row_that_were_quick_and_half_idle(self, windows: list[Window], expected: tuple[int, Why]):
        assert ruled(windows) == expected

    def test_a_streak_begins_anew_after_a_change(self):
        assert ruled([replace(CALM, slots=5)] * 6 + [CALM] * 5) == (4, Why.STEADY)

    def test_never_below_the_minimum(self):
        assert ruled([replace(CALM, slots=1)] * 6, 1) == (1, Why.STEADY)
        assert ruled([CALM] * 6, 4, limits=replace(LIMITS, least=4)) == (4, Why.STEADY)


class TestHeadroom:
    @pytest.mark.parametrize(
        ("rate", "mean", "slots"),
        [(10, 0.1, 2), (10, 0.3, 4), (10, 1.0, 13), (100 / 13, 1.0, 10), (0, 1.0, 0), (10, None, 0), (10, 0.0, 0), (0.001, 0.001, 1)],
    )
    def test_slots_over_mean_service_time_must_be_at_least_1_3_times_the_rate(self, rate: float, mean: float | None, slots: int):
        assert slots_for(rate, mean, 1.3) == slots

    @given(st.floats(0.001, 1e4), st.floats(0.001, 1e3), st.floats(1.3, 10))
    def test_the_fewest_that_are_enough(self, rate: float, mean: float, headroom: float):
        slots = slots_for(rate, mean, headroom)
        assert slots / mean >= headroom * rate
        assert (slots - 1) / mean < headroom * rate

    @pytest.mark.parametrize(("rate", "mean", "slots"), [(6.51890482398957, 1.77, 15), (1.3186813186813187, 3.5, 7)])
    def test_a_rounded_product_is_one_slot_neither_too_many_nor_too_few(self, rate: float, mean: float, slots: int):
        assert slots_for(rate, mean, 1.3) == slots
        assert slots / mean >= 1.3 * rate > (slots - 1) / mean

    def test_it_may_add_several_at_once(self):
        assert ruled([window(10, 0.5, rate=60)], mean=0.1) == (8, Why.HEADROOM)

    def test_it_adds_up_to_the_maximum(self):
        assert ruled([window(10, rate=1000)]) == (16, Why.HEADROOM)
        assert ruled([window(10, rate=1000, slots=16)], 16) == (16, Why.AT_MAXIMUM)

    def test_the_highest_rate_of_fifteen_minutes_counts_and_no_older_one(self):
        assert PEAK_WINDOWS * 10 == 15 * 60
        assert ruled([window(100, rate=60), *[FINE] * (PEAK_WINDOWS - 1)]) == (8, Why.HEADROOM)
        assert ruled([window(100, rate=60), *[FINE] * PEAK_WINDOWS]) == (4, Why.STEADY)

    def test_it_comes_before_one_more(self):
        assert ruled([replace(SLOW, rate_per_s=60)] * 3) == (8, Why.HEADROOM)

    def test_it_vetoes_one_less_when_the_rest_would_not_be_enough(self):
        assert ruled([replace(CALM, rate_per_s=30 / 1.3)] * 6) == (3, Why.CALM)
        assert ruled([replace(CALM, rate_per_s=30.1 / 1.3)] * 6) == (4, Why.KEPT_FOR_HEADROOM)

    def test_nothing_ended_leaves_it_without_a_say(self):
        assert ruled([replace(CALM, rate_per_s=1000)] * 6, mean=None) == (3, Why.CALM)


class TestLimits:
    def test_minimum_and_maximum_come_first(self):
        limits = replace(LIMITS, least=3, most=5)
        assert ruled([replace(CALM, rate_per_s=900)] * 6, 2, limits=limits) == (3, Why.MINIMUM)
        assert ruled([replace(SLOW, rate_per_s=900)] * 6, 9, limits=limits) == (5, Why.MAXIMUM)

    def test_equal_limits_leave_no_choice(self):
        fixed = replace(LIMITS, least=4, most=4)
        assert {ruled([one] * 6, limits=fixed)[0] for one in (SLOW, CALM, FINE, replace(FINE, rate_per_s=900))} == {4}

    @pytest.mark.parametrize(
        ("said", "expected", "first"),
        [
            ({}, ScalingLimits(1, 16, 150, 1.3), 4),
            ({"slots": 7}, ScalingLimits(7, 7, 150, 1.3), 7),
            ({"slots_min": 6}, ScalingLimits(6, 16, 150, 1.3), 6),
            ({"slots_max": 2, "slo_target_latency_s": 0.2, "headroom_factor": 2}, ScalingLimits(1, 2, 200, 2), 2),
        ],
    )
    def test_they_are_the_owners_and_a_fixed_number_is_both(self, tmp_path, said: dict[str, float], expected: ScalingLimits, first: int):
        limits = scaling_limits(EngineSettings.model_validate({"gateway": "g", "engine_id": "abcd", "data": tmp_path, **said}))
        assert (limits, limits.first) == (expected, first)


def test_every_reason_is_for_a_person():
    assert decide([SLOW] * 3, 4, 0.1, LIMITS) == Decision(5, Why.SLOW, "+1 because start delays were over 450 ms for 3 windows")
    less = "-1 because start delays were under 45 ms and utilisation under 50 % for 6 windows"
    assert decide([CALM] * 6, 4, 0.1, LIMITS).reason == less
    assert decide([window(1, rate=60)], 4, 0.1, LIMITS).reason == "+4 so that 1.3 times the highest rate fits (60 jobs/s)"


def test_the_mean_is_of_the_remembered_windows():
    assert mean_service_s([]) is None
    assert mean_service_s([window(1)]) is None
    assert mean_service_s([window(1, ended=1, service_s=4), window(1), window(1, ended=3, service_s=4)]) == 2
    assert mean_service_s([window(1, ended=1, service_s=9), *[window(1, ended=1, service_s=1)] * PEAK_WINDOWS]) == 1


@pytest.mark.parametrize(
    ("utilisation", "rate", "mean", "expected"),
    [
        (0.649, 10, 0.1, Aim.BELOW),
        (0.65, 10, 0.1, Aim.WITHIN),
        (0.80, 10, 0.1, Aim.WITHIN),
        (0.801, 10, 0.1, Aim.ABOVE),
        (0.1, 9.9, 0.1, None),
        (0.9, 9.9, None, None),
    ],
)
def test_utilisation_is_judged_only_while_there_is_work_for_a_slot(utilisation: float, rate: float, mean: float | None, expected):
    assert aim(window(1, utilisation, rate), mean) == expected


WINDOWS = st.builds(
    Window,
    slots=st.integers(3, 6),
    start_delay_p95_ms=st.none() | st.sampled_from([0.0, 44.9, 45.0, 450.0, 450.1]) | st.floats(0, 2000),
    utilisation=st.sampled_from([0.0, 0.49, 0.5, 1.0]) | st.floats(0, 1),
    rate_per_s=st.floats(0, 100),
    ended=st.just(0),
    service_s=st.just(0.0),
)


@given(st.lists(WINDOWS, max_size=100), st.integers(1, 20), st.none() | st.floats(0.001, 2), st.integers(1, 8), st.integers(0, 8))
def test_whatever_was_measured_the_rules_hold(windows: list[Window], slots: int, mean: float | None, least: int, more: int):
    limits = replace(LIMITS, least=least, most=least + more)
    decided = decide(windows, slots, mean, limits).slots
    assert limits.least <= decided <= limits.most
    if not limits.least <= slots <= limits.most:
        return
    peak = max((one.rate_per_s for one in windows[-PEAK_WINDOWS:]), default=0)
    if mean is not None and decided < limits.most:
        assert decided / mean >= 1.3 * peak or decided == slots == limits.most
    if decided < slots:
        assert decided == slots - 1
        assert all(one.start_delay_p95_ms is not None and one.start_delay_p95_ms < 45 for one in windows[-CALM_WINDOWS:])
        assert all(one.utilisation < 0.5 and one.slots == slots for one in windows[-CALM_WINDOWS:])
    if decided > slots and slots_for(peak, mean, 1.3) <= slots:
        assert decided == slots + 1
        assert all(one.start_delay_p95_ms is not None and one.start_delay_p95_ms > 450 for one in windows[-SLOW_WINDOWS:])
