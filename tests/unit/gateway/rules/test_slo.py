"""`gateway.rules.slo`: promises are judged by what was measured, and said once."""

from dataclasses import replace

import pytest

from gateway.rules.slo import (
    FEW,
    TARGETS,
    WELL_AFTER_S,
    Alert,
    Point,
    Said,
    Slo,
    State,
    Switched,
    Tally,
    alert,
    by_fault,
    duration,
    fold,
    level,
    utilisation,
)

SECOND = 1_000_000
POINT = Point(at=0, depth=0, busy=0, slots=4, start_delay_ms=None, end_to_end_ms=None, wait_ms=None, tally=Tally())


@pytest.mark.parametrize(
    ("tally", "rate"),
    [
        (Tally(), None),
        (Tally(answers=1000, answers_5xx=5), 0.005),
        (Tally(answers=1000, succeeded=1, failed=1), 0.5),  # many answers hide no failing jobs
        (Tally(succeeded=99, failed=1), 0.01),
        (Tally(answers=10, answers_5xx=5, succeeded=99, failed=1), 0.5),
        (Tally(answers=10, refused=9, cancelled=9, expired=9), 0.0),  # shown apart
        (Tally(refused=9, cancelled=9, expired=9), None),
    ],
)
def test_the_error_rate_is_the_worse_of_answers_and_jobs(tally: Tally, rate: float | None):
    assert tally.error_rate == rate


def test_tallies_add_up_and_differ_field_by_field():
    one, two = Tally(1, 2, 3, 4, 5, 6, 7), Tally(10, 20, 30, 40, 50, 60, 70)
    assert one + two == Tally(11, 22, 33, 44, 55, 66, 77)
    assert two - one == Tally(9, 18, 27, 36, 45, 54, 63)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (None, True),
        ("job.exception", True),
        ("job.lease_lost", True),
        ("provider.unavailable", True),
        ("engine.user_not_allowed", False),
        ("job.kind_unserved", False),
        ("input.invalid", False),
        ("request.invalid", False),
        ("requested.thing", True),
    ],
)
def test_what_was_asked_wrongly_is_nobodys_failure(code: str | None, fault: bool):
    assert by_fault(code) is fault


@pytest.mark.parametrize(
    ("slo", "value", "counted", "state"),
    [
        (Slo.START_DELAY, 500.0, FEW, State.MET),
        (Slo.START_DELAY, 500.1, FEW, State.BURNING),
        (Slo.START_DELAY, 500.1, FEW - 1, State.UNKNOWN),
        (Slo.START_DELAY, None, 1000, State.UNKNOWN),
        (Slo.END_TO_END, 1500.1, FEW, State.BURNING),
        (Slo.ERROR_RATE, 0.01, FEW, State.MET),
        (Slo.ERROR_RATE, 0.0101, FEW, State.BURNING),
        (Slo.AVAILABILITY, 0.999, FEW, State.MET),
        (Slo.AVAILABILITY, 0.9989, FEW, State.BURNING),
        (Slo.QUEUE_WAIT, 501.0, FEW, State.BURNING),
    ],
)
def test_a_promise_is_judged_against_its_target_and_not_on_a_handful(slo: Slo, value: float | None, counted: int, state: State):
    assert level(slo, value, counted).state is state


def test_the_targets_are_the_roadmaps():
    assert TARGETS == {
        Slo.START_DELAY: 500,
        Slo.END_TO_END: 1500,
        Slo.ERROR_RATE: 0.01,
        Slo.AVAILABILITY: 0.999,
        Slo.QUEUE_WAIT: 2 * 250,
    }


@pytest.mark.parametrize(
    ("slo", "of", "left"),
    [
        (Slo.ERROR_RATE, Tally(succeeded=1000), 1.0),
        (Slo.ERROR_RATE, Tally(succeeded=995, failed=5), 0.5),
        (Slo.ERROR_RATE, Tally(succeeded=980, failed=20), -1.0),
        (Slo.ERROR_RATE, Tally(), None),
        (Slo.AVAILABILITY, Switched(on_s=100_000, ready_s=100_000), 1.0),
        (Slo.AVAILABILITY, Switched(on_s=100_000, ready_s=99_950), 0.5),
        (Slo.AVAILABILITY, Switched(on_s=100_000, ready_s=99_800), -1.0),
        (Slo.AVAILABILITY, Switched(), None),
        (Slo.START_DELAY, None, None),
    ],
)
def test_the_budget_is_what_may_still_go_wrong(slo: Slo, of: Tally | Switched | None, left: float | None):
    assert level(slo, 0.0, FEW, of).budget_left == (None if left is None else pytest.approx(left))


def test_more_ready_than_on_is_rounding_not_a_record():
    assert Switched(on_s=10.0, ready_s=10.01).availability == 1.0


def test_a_minute_keeps_the_deepest_queue_and_the_sum_of_what_was_counted():
    seconds = [
        replace(POINT, at=1, depth=5, busy=2, wait_ms=None, tally=Tally(answers=3)),
        replace(POINT, at=2, depth=1, busy=4, slots=8, wait_ms=70.0, tally=Tally(answers=4, succeeded=1)),
    ]
    minute = fold(seconds, [1.0, 2.0, 3.0], [])
    assert minute == Point(2, 5, 3.0, 6.0, 3.0, None, 70.0, Tally(answers=7, succeeded=1))


def test_utilisation_is_judged_only_while_there_is_work():
    idle, half, full = (replace(POINT, busy=busy, depth=depth) for busy, depth in ((0, 0), (2, 0), (4, 9)))
    assert utilisation([idle, idle]) is None
    assert utilisation([idle, half]) == 0.5
    assert utilisation([idle, half, full]) == 0.75
    assert utilisation([replace(POINT, slots=0, depth=5)]) is None


def test_an_alert_is_said_once_and_taken_back_once_after_a_quiet_minute():
    said, known = [], Alert()
    states = {0: State.MET, 10: State.BURNING, 20: State.BURNING, 30: State.MET, 50: State.BURNING, 60: State.MET, 100: State.UNKNOWN}
    state = State.MET
    for second in range(200):
        state = states.get(second, state)
        known, word = alert(known, state if second != 100 else State.UNKNOWN, second * SECOND)
        if second == 100:
            state = State.MET
        if word is not None:
            said.append((second, word))
    assert said == [(10, Said.BURNS), (60 + WELL_AFTER_S, Said.WELL)]


def test_silence_neither_starts_nor_ends_an_alert():
    burning = Alert(burning=True)
    assert alert(burning, State.UNKNOWN, 10**12) == (burning, None)
    assert alert(Alert(), State.UNKNOWN, 10**12) == (Alert(), None)


def test_a_duration_is_judged_by_its_95th_percentile_and_tells_its_median():
    told = duration(Slo.START_DELAY, [float(each) for each in range(1, 101)])
    assert (told.value, told.p50, told.state) == (95.0, 50.0, State.MET)
    nothing = duration(Slo.START_DELAY, [])
    assert (nothing.value, nothing.p50, nothing.state) == (None, None, State.UNKNOWN)
