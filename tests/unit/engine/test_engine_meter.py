"""What an instance measures of itself, window by window."""

import pytest

from contract.engine_link import QueueNews
from engine.rules.meter import Meter
from kit.clock import SECOND

START = 1000 * SECOND


@pytest.fixture
def meter() -> Meter:
    return Meter(2, START, 25 * SECOND)


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def news(arrivals: int = 0, waiting: float | None = None, part: float = 1.0) -> QueueNews:
    return QueueNews(oldest_waiting_ms=waiting, arrivals=arrivals, part=part)


class TestUtilisation:
    def test_it_is_busy_time_over_the_time_of_all_slots(self, meter: Meter):
        meter.took(1, at(2))
        meter.took(1, at(4))
        meter.freed(at(2), at(7))
        assert meter.close(at(10)).utilisation == pytest.approx((5 + 6) / 20)
        assert meter.close(at(20)).utilisation == 0.5  # the second job still runs

    def test_a_changed_number_counts_from_its_moment_on(self, meter: Meter):
        meter.took(1, at(0))
        meter.resized(4, at(5))
        window = meter.close(at(10))
        assert (window.utilisation, window.slots) == (pytest.approx(10 / 30), 4)

    def test_jobs_above_a_lowered_number_do_not_make_it_more_than_all(self, meter: Meter):
        meter.took(1, at(0))
        meter.took(1, at(0))
        meter.resized(1, at(0))
        assert meter.close(at(10)).utilisation == 1


class TestServiceTime:
    def test_each_attempt_counts_in_the_window_in_which_it_ends(self, meter: Meter):
        meter.took(1, at(0))
        meter.took(1, at(1))
        meter.freed(at(0), at(3))
        first = meter.close(at(10))
        meter.freed(at(1), at(12))
        second = meter.close(at(20))
        assert [(window.ended, window.service_s) for window in (first, second, meter.close(at(30)))] == [(1, 3), (1, 11), (0, 0)]


class TestStartDelay:
    def test_it_is_the_95th_percentile_of_the_windows_leases(self, meter: Meter):
        for number in range(1, 101):
            meter.took(number, at(1))
        assert meter.close(at(10)).start_delay_p95_ms == 95
        assert meter.close(at(20)).start_delay_p95_ms is None

    def test_it_is_none_while_only_leases_without_a_delay_came(self, meter: Meter):
        meter.told(news(waiting=None), at(1))
        meter.took(None, at(1))
        assert meter.close(at(10)).start_delay_p95_ms is None

    def test_it_is_0_when_nothing_was_leased_and_nothing_waits(self, meter: Meter):
        meter.told(news(waiting=None), at(1))
        assert meter.close(at(10)).start_delay_p95_ms == 0

    def test_a_job_that_waits_while_nothing_is_leased_is_its_lower_bound(self, meter: Meter):
        meter.told(news(waiting=700), at(1))
        assert meter.close(at(10)).start_delay_p95_ms == 700

    def test_it_is_not_known_when_the_gateway_has_been_silent_for_too_long(self, meter: Meter):
        assert meter.close(at(10)).start_delay_p95_ms is None
        meter.told(news(waiting=700), at(10))
        assert meter.close(at(35)).start_delay_p95_ms == 700
        assert meter.close(at(35.000001)).start_delay_p95_ms is None

    def test_a_window_that_is_not_to_be_judged_has_none(self, meter: Meter):
        meter.took(5, at(1))
        assert meter.close(at(10), judged=False).start_delay_p95_ms is None


class TestRate:
    def test_it_is_what_arrived_between_two_words_of_the_gateway(self, meter: Meter):
        meter.told(news(100), at(1))
        assert meter.close(at(10)).rate_per_s == 0  # what came before the first word has no time
        meter.told(news(150), at(11))
        assert meter.close(at(20)).rate_per_s == 5
        meter.told(news(150), at(21))
        assert meter.close(at(30)).rate_per_s == 0

    def test_words_between_count_together(self, meter: Meter):
        for second, arrivals in ((0, 0), (2, 10), (4, 40)):
            meter.told(news(arrivals), at(second))
        assert meter.close(at(10)).rate_per_s == 10

    def test_it_stays_as_it_was_without_a_word(self, meter: Meter):
        meter.told(news(0), at(0))
        meter.told(news(40), at(8))
        assert [meter.close(at(10)).rate_per_s, meter.close(at(20)).rate_per_s] == [5, 5]

    def test_only_the_instances_part_counts(self, meter: Meter):
        meter.told(news(0), at(0))
        meter.told(news(40, part=0.25), at(10))
        assert meter.close(at(10)).rate_per_s == 1

    def test_a_gateway_that_began_anew_counts_from_nothing(self, meter: Meter):
        meter.told(news(1000), at(0))
        meter.told(news(20), at(10))
        assert meter.close(at(10)).rate_per_s == 2
