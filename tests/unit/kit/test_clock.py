"""`kit.clock`: the text of a time is exact, sleep is noticed, and no clock runs backwards."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.clock import SECOND, SleepWatch, SystemClock, from_rfc3339, rfc3339
from tests.support.clock import ManualClock

SAME = settings(deadline=None, derandomize=True)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CENTURY = 3_155_760_000 * SECOND
WALLS = st.integers(-CENTURY, CENTURY)


class TestRfc3339:
    @pytest.mark.parametrize(
        ("wall", "text"),
        [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_767_225_600 * SECOND, "2026-01-01T00:00:00.000000Z"),
            (951_782_400 * SECOND, "2000-02-29T00:00:00.000000Z"),
            (1_767_225_600 * SECOND - 1, "2025-12-31T23:59:59.999999Z"),
        ],
    )
    def test_a_time_is_written_in_utc_with_all_microseconds(self, wall: int, text: str):
        assert rfc3339(wall) == text
        assert from_rfc3339(text) == wall

    @SAME
    @given(WALLS)
    def test_what_is_written_is_read_again_to_the_microsecond(self, wall: int):
        text = rfc3339(wall)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
        assert from_rfc3339(text) == wall

    def test_a_far_away_time_is_read_to_the_microsecond_as_well(self):
        assert rfc3339(from_rfc3339("2107-11-27T22:26:33.805821Z")) == "2107-11-27T22:26:33.805821Z"

    @SAME
    @given(st.lists(WALLS, min_size=2, max_size=5))
    def test_texts_sort_like_times(self, walls: list[int]):
        assert sorted(map(rfc3339, walls)) == [rfc3339(wall) for wall in sorted(walls)]

    @SAME
    @given(WALLS, st.integers(-23 * 60 - 59, 23 * 60 + 59))
    def test_any_offset_names_the_same_moment(self, wall: int, minutes: int):
        local = (EPOCH + timedelta(microseconds=wall, minutes=minutes)).replace(tzinfo=None)
        hours, rest = divmod(abs(minutes), 60)
        assert from_rfc3339(f"{local.isoformat()}{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}") == wall

    @pytest.mark.parametrize(
        ("fraction", "micros"),
        [
            ("", 0),
            (".1", 100_000),
            (".12", 120_000),
            (".000001", 1),
            (".123456", 123_456),
            (".123456789", 123_456),
            (".999999999", 999_999),
        ],
    )
    def test_fractions_of_any_length_are_read(self, fraction: str, micros: int):
        assert from_rfc3339(f"1970-01-01T00:00:00{fraction}Z") == micros

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "now",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.5",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+99:99",
            "0000-01-01T00:00:00Z",
            "\N{ARABIC-INDIC DIGIT TWO}026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z\n",
            "1767225600",
        ],
    )
    def test_what_is_no_date_or_has_no_offset_is_a_value_error(self, text: str):
        with pytest.raises(ValueError):
            from_rfc3339(text)


class TestSleepWatch:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def watch(self, clock: ManualClock) -> SleepWatch:
        return SleepWatch(clock, 2 * SECOND)

    def test_time_that_passes_awake_is_no_sleep(self, clock: ManualClock, watch: SleepWatch):
        assert watch.slept() == 0
        clock.advance(86_400)
        assert watch.slept() == 0

    def test_sleep_is_told_once_and_in_full(self, clock: ManualClock, watch: SleepWatch):
        clock.sleep_machine(3600)
        assert watch.slept() == 3600 * SECOND
        assert watch.slept() == 0

    def test_sleep_between_work_is_measured_without_the_work(self, clock: ManualClock, watch: SleepWatch):
        clock.advance(5)
        clock.sleep_machine(10)
        clock.advance(5)
        assert watch.slept() == 10 * SECOND

    def test_sleep_up_to_the_tolerance_is_not_told(self, clock: ManualClock, watch: SleepWatch):
        clock.sleep_machine(2)
        assert watch.slept() == 0

    def test_sleep_just_beyond_the_tolerance_is_told(self, clock: ManualClock, watch: SleepWatch):
        clock.sleep_machine(2.000001)
        assert watch.slept() == 2_000_001

    def test_each_sleep_is_told_by_itself(self, clock: ManualClock, watch: SleepWatch):
        for seconds in (10, 20):
            clock.sleep_machine(seconds)
            assert watch.slept() == seconds * SECOND

    def test_a_step_of_the_wall_clock_is_no_sleep(self, clock: ManualClock, watch: SleepWatch):
        for seconds in (7200, -7200):
            clock.step_wall(seconds)
            assert watch.slept() == 0

    def test_what_was_slept_before_the_watch_began_is_not_told(self, clock: ManualClock):
        clock.sleep_machine(3600)
        assert SleepWatch(clock, 2 * SECOND).slept() == 0


class TestSystemClock:
    def test_steady_and_awake_never_go_back(self):
        clock = SystemClock()
        steady, awake = zip(*((clock.now().steady, clock.awake()) for _ in range(100)), strict=True)
        assert list(steady) == sorted(steady)
        assert list(awake) == sorted(awake)

    def test_wall_is_civil_time_in_microseconds(self):
        year = rfc3339(SystemClock().now().wall)[:4]
        assert 2024 <= int(year) < 2200
