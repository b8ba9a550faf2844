"""`gateway.rules.admission`: a full queue says no, and says honestly when to come back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.admission import RETRY_AFTER_MAX_S, RETRY_AFTER_UNKNOWN_S, AdmissionLimits, Admit, Load, Reject, decide

SAME = settings(deadline=None, derandomize=True)
LOADS = st.builds(Load, st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 20_000))
LIMITS = st.builds(AdmissionLimits, st.integers(1, 20_000), st.none() | st.floats(0, 10_000), st.booleans())

FULL_UNKNOWN = Reject("full", RETRY_AFTER_UNKNOWN_S)
DRAINING = Reject("draining", RETRY_AFTER_UNKNOWN_S)


@pytest.mark.parametrize(
    ("load", "limits", "verdict"),
    [
        # Waiting jobs count, running ones do not.
        (Load(0, 0, 0), AdmissionLimits(1, None), Admit()),
        (Load(0, 9, 0), AdmissionLimits(10, 1.0), Admit()),
        (Load(9, 0, 0), AdmissionLimits(10, 1.0), Admit()),
        (Load(4, 5, 0), AdmissionLimits(10, 1.0), Admit()),
        (Load(0, 9, 10_000), AdmissionLimits(10, 1.0), Admit()),
        (Load(0, 10, 0), AdmissionLimits(10, 1.0), Reject("full", 1.0)),
        (Load(10, 0, 0), AdmissionLimits(10, 1.0), Reject("full", 1.0)),
        (Load(5, 5, 0), AdmissionLimits(10, 1.0), Reject("full", 1.0)),
        # The wait is what the excess takes to drain: at least a second, at most a minute, whole seconds rounded up.
        (Load(0, 19, 0), AdmissionLimits(10, 2.0), Reject("full", 5.0)),
        (Load(0, 20, 0), AdmissionLimits(10, 2.0), Reject("full", 6.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1000.0), Reject("full", 1.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1 / 59.5), Reject("full", 60.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 0.001), Reject("full", RETRY_AFTER_MAX_S)),
        (Load(0, 5000, 0), AdmissionLimits(10, 0.5), Reject("full", RETRY_AFTER_MAX_S)),
        # Nobody knows how fast it drains: nothing measured, or nothing leaving.
        (Load(0, 10, 0), AdmissionLimits(10, None), FULL_UNKNOWN),
        (Load(0, 10, 0), AdmissionLimits(10, 0.0), FULL_UNKNOWN),
        # A cap that was lowered below what waits already.
        (Load(0, 500, 0), AdmissionLimits(1, None), FULL_UNKNOWN),
        # Draining goes before everything.
        (Load(0, 0, 0), AdmissionLimits(10, 1.0, draining=True), DRAINING),
        (Load(0, 10, 0), AdmissionLimits(10, 1.0, draining=True), DRAINING),
        (Load(0, 10, 0), AdmissionLimits(10, None, draining=True), DRAINING),
    ],
)
def test_the_verdict_is_the_one_of_the_table(load: Load, limits: AdmissionLimits, verdict: Admit | Reject):
    assert decide(load, limits) == verdict


@SAME
@given(LOADS, LIMITS)
def test_a_queue_never_grows_beyond_its_cap_and_is_never_refused_below_it(load: Load, limits: AdmissionLimits):
    fits = load.scheduled + load.queued < limits.hard_cap
    assert isinstance(decide(load, limits), Admit) == (fits and not limits.draining)


@SAME
@given(LOADS, LIMITS)
def test_whoever_is_refused_is_told_to_wait_one_to_sixty_seconds(load: Load, limits: AdmissionLimits):
    verdict = decide(load, limits)
    if isinstance(verdict, Reject):
        assert 1 <= verdict.retry_after_s <= 60


@SAME
@given(LOADS, st.floats(0.01, 1000), st.integers(1, 100))
def test_a_fuller_queue_never_promises_a_shorter_wait(load: Load, drained_per_s: float, more: int):
    fuller = Load(load.scheduled, load.queued + more, load.running)
    limits = AdmissionLimits(1, drained_per_s)
    waits = [getattr(decide(each, limits), "retry_after_s", 0.0) for each in (load, fuller)]
    assert waits == sorted(waits)
