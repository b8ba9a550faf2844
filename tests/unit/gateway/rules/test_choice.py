"""`gateway.rules.choice`: the engine that should start a job first."""

from dataclasses import replace

import pytest

from gateway.rules.admission import AdmissionLimits, Load
from gateway.rules.choice import Candidate, choose

ECHO = frozenset({"echo"})
NONE: frozenset[str] = frozenset()
IDLE = AdmissionLimits(100, None, slots=4, mean_service_s=1.0)
A = Candidate("a", Load(0, 0, 0), IDLE, ECHO, ECHO)
B = replace(A, engine="b")
DOWN = replace(B, limits=replace(IDLE, slots=0), serving=NONE)


def loaded(candidate: Candidate, running: int, ready: int = 0, own: int = 0, **changes) -> Candidate:
    load = Load(0, ready, running, ready, 1 if ready else 0, own, own)
    return replace(candidate, load=load, limits=replace(candidate.limits, **changes))


@pytest.mark.parametrize(
    ("candidates", "engine"),
    [
        # Free slots first, the more the better; the same in the same order whoever asks.
        ([A, B], "a"),
        ([B, A], "a"),
        ([loaded(A, 1), B], "b"),
        ([loaded(A, 4), loaded(B, 3)], "b"),
        ([loaded(A, 2, ready=2), loaded(B, 3)], "b"),
        # Then the shortest expected wait: jobs before it, by time and slots.
        ([loaded(A, 4, ready=9, own=9), loaded(B, 4, ready=8, own=8)], "b"),
        ([loaded(A, 4, ready=8, own=8), loaded(B, 4, ready=20, own=20, mean_service_s=0.1)], "b"),
        ([loaded(A, 4, ready=8, own=8), loaded(B, 16, ready=20, own=20, slots=16)], "b"),
        ([loaded(A, 4, ready=8, own=8), loaded(B, 4, ready=7, own=7, mean_service_s=None)], "b"),
        # The user's own turn counts, not everybody's queue.
        ([loaded(A, 4, ready=8, own=8), loaded(B, 4, ready=50, own=0)], "b"),
        # One that would refuse comes after all that would not.
        ([replace(A, limits=replace(IDLE, draining=True)), loaded(B, 4, ready=50, own=50)], "b"),
        ([loaded(A, 4, ready=8, own=8, hard_cap=8), loaded(B, 4, ready=50, own=50)], "b"),
        # Up before known, known before unheard, whatever waits there.
        ([loaded(A, 4, ready=50, own=50), DOWN], "a"),
        ([replace(A, serving=NONE, known=NONE), DOWN], "b"),
        ([replace(A, serving=NONE, known=NONE), replace(DOWN, known=NONE)], None),
        ([replace(A, serving=NONE, known=NONE), replace(DOWN, known=NONE, heard=False)], None),
        ([replace(A, serving=NONE, known=NONE, heard=False), loaded(replace(DOWN, known=NONE, heard=False), 0, 5)], "a"),
        ([], None),
    ],
)
def test_the_choice_is_the_one_of_the_table(candidates: list[Candidate], engine: str | None):
    chosen = choose(candidates, "echo")
    assert (chosen and chosen.engine) == engine


def test_a_kind_that_nobody_serves_goes_nowhere():
    assert choose([A, B], "http") is None
