"""`gateway.rules.admission`: a full queue says no, and says honestly when to come back."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.admission import (
    RETRY_AFTER_MAX_S,
    RETRY_AFTER_UNKNOWN_S,
    AdmissionLimits,
    Admit,
    Load,
    Reject,
    decide,
    expected_wait_s,
)

SAME = settings(deadline=None, derandomize=True)
COUNTS = st.integers(0, 20_000)
LOADS = st.builds(
    lambda scheduled, own, others, running, users: Load(scheduled, own + others, running, own + others, users, own, own),
    *(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(1, 9)),
)
LIMITS = st.builds(AdmissionLimits, st.integers(1, 20_000), st.none() | st.floats(0, 10_000), st.booleans())

FULL_UNKNOWN = Reject("full", RETRY_AFTER_UNKNOWN_S)
DRAINING = Reject("draining", RETRY_AFTER_UNKNOWN_S)
SLOW = AdmissionLimits(100, 1.0, max_wait_s=10.0, slots=4, mean_service_s=2.0)


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
        # The wait is what the excess takes to drain: at least a second, at most 15 minutes, whole seconds rounded up.
        (Load(0, 19, 0), AdmissionLimits(10, 2.0), Reject("full", 5.0)),
        (Load(0, 20, 0), AdmissionLimits(10, 2.0), Reject("full", 6.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1000.0), Reject("full", 1.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1 / 59.5), Reject("full", 60.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1 / 899.5), Reject("full", 900.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 0.001), Reject("full", RETRY_AFTER_MAX_S)),
        (Load(0, 5000, 0), AdmissionLimits(10, 0.5), Reject("full", RETRY_AFTER_MAX_S)),
        # Nobody knows how fast it drains: nothing measured, or nothing leaving.
        (Load(0, 10, 0), AdmissionLimits(10, None), FULL_UNKNOWN),
        (Load(0, 10, 0), AdmissionLimits(10, 0.0), FULL_UNKNOWN),
        # Not measured yet, but the slots should do so much.
        (Load(0, 19, 0), AdmissionLimits(10, None, slots=4, mean_service_s=2.0), Reject("full", 5.0)),
        # One user's share: what waits of theirs counts, what runs or is others' does not.
        (Load(0, 8, 0, own_waiting=7), AdmissionLimits(10, 1.0, user_share=0.8), Admit()),
        (Load(0, 8, 0, own_waiting=8), AdmissionLimits(10, 1.0, user_share=0.8), Reject("share", 1.0)),
        (Load(0, 9, 5, own_waiting=1), AdmissionLimits(10, 1.0, user_share=0.8), Admit()),
        (Load(0, 0, 0), AdmissionLimits(1, 1.0, user_share=0.8), Admit()),
        # Users take turns, so a place of one's own comes free only every so often.
        (Load(0, 9, 0, users_ready=3, own_waiting=9), AdmissionLimits(10, 0.5, user_share=0.8), Reject("share", 12.0)),
        (Load(0, 9, 0, own_waiting=9), AdmissionLimits(10, None, user_share=0.8), Reject("share", RETRY_AFTER_UNKNOWN_S)),
        (Load(0, 10, 0, own_waiting=10), AdmissionLimits(10, 1.0, user_share=0.8), Reject("full", 1.0)),
        # Slow: (own + 1) jobs of each user who waits, but never more than wait at all; 2 s each on 4 slots.
        (Load(0, 20, 4, 20, 1, 20, 20), SLOW, Admit()),
        (Load(0, 21, 4, 21, 1, 21, 21), SLOW, Reject("slow", 1.0)),
        (Load(0, 29, 4, 29, 1, 29, 29), SLOW, Reject("slow", 5.0)),
        (Load(0, 99, 4, 99, 1, 0, 0), SLOW, Admit()),
        (Load(0, 99, 4, 99, 2, 10, 10), SLOW, Reject("slow", 1.0)),
        (Load(0, 99, 4, 99, 2, 9, 9), SLOW, Admit()),
        (Load(0, 9999, 4, 9999, 9, 2000, 2000), replace(SLOW, hard_cap=10_000), Reject("slow", RETRY_AFTER_MAX_S)),
        # Seen to be slower than that: what passes between two jobs counts. Seen to be faster: not believed.
        (Load(0, 20, 4, 20, 1, 20, 20), replace(SLOW, pace_per_s=1.5), Reject("slow", 4.0)),
        (Load(0, 21, 4, 21, 1, 21, 21), replace(SLOW, pace_per_s=9.0), Reject("slow", 1.0)),
        (Load(0, 19, 0), AdmissionLimits(10, 1.0, pace_per_s=5.0), Reject("full", 2.0)),
        # It does not matter to a job that is for later, and cannot be told without slots or before anything ended.
        (Load(0, 29, 4, 29, 1, 29, 29, later=True), SLOW, Admit()),
        (Load(0, 29, 0, 29, 1, 29, 29), replace(SLOW, slots=0), Admit()),
        (Load(0, 29, 0, 29, 1, 29, 29), replace(SLOW, mean_service_s=None), Admit()),
        # Guards of the machine come last, memory before disk.
        (Load(0, 0, 0), AdmissionLimits(10, 1.0, memory_low=True), Reject("memory", RETRY_AFTER_UNKNOWN_S)),
        (Load(0, 0, 0), AdmissionLimits(10, 1.0, disk_low=True), Reject("disk", RETRY_AFTER_UNKNOWN_S)),
        (Load(0, 0, 0), AdmissionLimits(10, 1.0, memory_low=True, disk_low=True), Reject("memory", RETRY_AFTER_UNKNOWN_S)),
        (Load(0, 29, 4, 29, 1, 29, 29), replace(SLOW, disk_low=True), Reject("slow", 5.0)),
        (Load(0, 10, 0), AdmissionLimits(10, 1.0, disk_low=True), Reject("full", 1.0)),
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
def test_whoever_is_refused_is_told_to_wait_a_second_to_fifteen_minutes(load: Load, limits: AdmissionLimits):
    verdict = decide(load, limits)
    if isinstance(verdict, Reject):
        assert 1 <= verdict.retry_after_s <= 900


@SAME
@given(LOADS, st.floats(0.01, 1000), st.integers(1, 100))
def test_a_fuller_queue_never_promises_a_shorter_wait(load: Load, drained_per_s: float, more: int):
    fuller = replace(load, queued=load.queued + more)
    limits = AdmissionLimits(1, drained_per_s)
    waits = [getattr(decide(each, limits), "retry_after_s", 0.0) for each in (load, fuller)]
    assert waits == sorted(waits)


@SAME
@given(st.integers(1, 50), st.lists(st.integers(0, 30), max_size=6), st.integers(1, 8))
def test_no_job_waits_longer_than_expected_when_every_job_takes_the_same(own: int, others: list[int], slots: int):
    """Play the round robin out: the slots' turns until the user's next job begins, against the rule's bound."""
    queues = [own, *others]
    ready = [count for count in queues if count]
    load = Load(0, sum(queues), slots, sum(queues), len(ready), own, own)
    begun = 0
    while queues[0] >= 0:  # the user's next job is the one after those that wait
        for user, left in enumerate(queues):
            if left > 0 or user == 0:
                queues[user] -= 1
                begun += 1
            if queues[0] < 0:
                break
    bound = expected_wait_s(load, AdmissionLimits(1000, None, slots=slots, mean_service_s=1.0))
    assert bound is not None
    assert begun - 1 <= round(bound * slots) <= load.ready


@SAME
@given(LOADS)
def test_one_more_job_is_counted_in_everything_it_changes(load: Load):
    more = load.with_one_more()
    assert (more.queued, more.ready, more.own_waiting, more.own_ready) == (
        load.queued + 1,
        load.ready + 1,
        load.own_waiting + 1,
        load.own_ready + 1,
    )
    assert more.users_ready - load.users_ready == (load.own_ready == 0)
