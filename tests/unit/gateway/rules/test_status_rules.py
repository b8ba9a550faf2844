"""`gateway.rules.status` and `gateway.rules.drain`: words instead of numbers, and the stricter word before the milder."""

import itertools

import pytest

from contract.words import Directive, DrainState
from gateway.rules import status
from gateway.rules.drain import OF_STATE, strictest, strictest_state


@pytest.mark.parametrize(
    ("silent_s", "word"), [(None, "down"), (0.0, "up"), (30.0, "up"), (30.1, "stale"), (300.0, "stale"), (300.1, "down")]
)
def test_health_is_how_long_it_was_silent(silent_s: float | None, word: str):
    assert status.health(silent_s) == word


@pytest.mark.parametrize(
    ("slots", "busy", "word"),
    [(0, 0, "full"), (4, 0, "free"), (4, 2, "free"), (4, 3, "busy"), (100, 64, "free"), (100, 65, "busy"), (4, 4, "full"), (4, 5, "full")],
)
def test_a_hint_says_whether_there_is_room(slots: int, busy: int, word: str):
    assert status.hint(slots, busy) == word


@pytest.mark.parametrize(
    ("depth", "wait_s", "word"),
    [
        (0, None, "empty"),
        (0, 500.0, "empty"),
        (1, None, "low"),
        (100, None, "low"),
        (101, None, "medium"),
        (500, None, "medium"),
        (501, None, "high"),
        (5000, None, "high"),
        (1, 90.0, "low"),
        (1, 91.0, "medium"),
        (1, 451.0, "high"),
    ],
)
def test_a_band_is_the_fuller_of_room_and_time(depth: int, wait_s: float | None, word: str):
    assert status.depth_band(depth, 1000, wait_s, 900.0) == word


@pytest.mark.parametrize(
    ("draining", "broken", "word"), [(False, False, "ok"), (False, True, "degraded"), (True, False, "draining"), (True, True, "draining")]
)
def test_draining_goes_before_degraded(draining: bool, broken: bool, word: str):
    assert status.gateway_state(draining=draining, broken=broken) == word


def test_of_all_that_is_wanted_of_an_instance_the_strictest_is_said():
    order = [Directive.STOP, Directive.DRAIN, Directive.ROTATE, Directive.RUN]
    for length in range(1, 5):
        for wanted in itertools.product(order, repeat=length):
            assert strictest(wanted) is next(word for word in order if word in wanted)
    assert strictest([]) is Directive.RUN


def test_a_state_is_the_strictest_too_and_each_has_its_directive():
    assert strictest_state([DrainState.RUN, DrainState.STOP, DrainState.DRAIN]) is DrainState.STOP
    assert strictest_state([]) is DrainState.RUN
    assert {state.value for state in OF_STATE} == {directive.value for directive in OF_STATE.values()} == {"run", "drain", "stop"}
