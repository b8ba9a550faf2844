"""`gateway.rules.canary`: the canary's share is exact at every moment, whatever was asked for in between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.canary import Ledger, phase_of

SAME = settings(deadline=None, derandomize=True)


def sides(ledger: Ledger, grants: int) -> str:
    """Whose turn each of the next grants is."""
    text = ""
    for _ in range(grants):
        text += "c" if ledger.run(True, 1) else "."
        ledger = ledger.granted(1)
    return text


@pytest.mark.parametrize(
    ("percent", "phase", "turns"),
    [
        (10, 0, ".........c.........c"),
        (10, 90, "c.........c........."),
        (50, 0, ".c.c"),
        (25, 50, ".c...c.."),
        (0, 99, "...."),
        (100, 0, "cccc"),
    ],
)
def test_turns_are_spread_evenly_from_the_phase_on(percent: int, phase: int, turns: str):
    assert sides(Ledger(percent, phase), len(turns)) == turns


@SAME
@given(st.integers(0, 100), st.integers(0, 99), st.lists(st.tuples(st.booleans(), st.integers(1, 16), st.integers(0, 16)), max_size=60))
def test_the_share_is_within_one_of_the_percentage_after_any_looks(percent: int, phase: int, looks: list[tuple[bool, int, int]]):
    ledger, canaries = Ledger(percent, phase), 0
    for canary, asked, found in looks:
        granted = min(found, ledger.run(canary, asked))
        ledger = ledger.granted(granted)
        canaries += granted if canary else 0
        assert ledger.canaries == canaries
        assert abs(canaries - ledger.counted * percent / 100) < 1


@SAME
@given(st.integers(0, 100), st.integers(0, 99), st.integers(0, 300), st.integers(1, 16))
def test_it_is_always_exactly_one_sides_turn(percent: int, phase: int, counted: int, asked: int):
    ledger = Ledger(percent, phase, counted)
    assert (ledger.run(True, asked) > 0) is not (ledger.run(False, asked) > 0)
    assert max(ledger.run(True, asked), ledger.run(False, asked)) <= asked


@pytest.mark.parametrize(("uniform", "phase"), [(0.0, 0), (0.5, 50), (0.999, 99), (0.99999999, 99)])
def test_a_draw_gives_a_phase(uniform: float, phase: int):
    assert phase_of(uniform) == phase
