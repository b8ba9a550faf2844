"""`gateway.rules.life`: every change of state is one of the table, and no sequence of them breaks a record."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import limits
from contract.words import TRANSITIONS, JobState, Outcome
from gateway.rules import life
from gateway.rules.job import JobRecord
from gateway.rules.life import Failure, Retry
from kit.backoff import Backoff
from kit.clock import SECOND, Now
from tests.support.queue import draft

SAME = settings(deadline=None, derandomize=True)
LEASE_US = 30 * SECOND
NOW = Now(1_767_225_600 * SECOND, 1000 * SECOND)
LATER = Now(NOW.wall + 10 * SECOND, NOW.steady + 20 * SECOND)
RETRY = Retry(Backoff(1.0, 300.0), lambda: 1.0)
MINE = b"m" * 16
FAILED = Failure("test.failed", "It failed.", retryable=True)
UNTOUCHED = ("seq", "uuid", "user", "kind", "priority", "max_attempts", "timeout_s", "submitted_at", "traceparent")


def accepted(**changes: Any) -> JobRecord:
    return life.accepted(draft(**changes), seq=1, uuid=bytes(16), user="ann", now=NOW)


def leased(job: JobRecord | None = None, now: Now = NOW, **changes: Any) -> JobRecord:
    return life.leased(job or accepted(**changes), token=MINE, instance="i-1", lease_us=LEASE_US, now=now)


def failed(job: JobRecord, failure: Failure | None = FAILED, outcome: Outcome = Outcome.FAILED, retry: Retry = RETRY) -> JobRecord:
    return life.finished(job, outcome, failure, retry, LATER)


def asked_to_stop(job: JobRecord) -> JobRecord:
    asked = life.cancelled(job, NOW)
    assert asked is not None
    return asked


def assert_let_go(job: JobRecord) -> None:
    held = (job.token, job.lapsed, job.instance, job.lease_until, job.granted_at, job.missed)
    assert held == (None, None, None, None, None, 0)


class TestAccepted:
    @pytest.mark.parametrize(
        ("run_at", "state"),
        [
            (None, JobState.QUEUED),
            (NOW.wall - 1, JobState.QUEUED),
            (NOW.wall, JobState.QUEUED),
            (NOW.wall + 1, JobState.SCHEDULED),
        ],
    )
    def test_a_job_whose_time_is_to_come_waits_for_it_and_no_other(self, run_at: int | None, state: JobState):
        job = accepted(run_at=run_at)
        assert job.state is state
        assert job.due_at == (run_at if state is JobState.SCHEDULED else None)
        assert job.ready_at == (None if state is JobState.SCHEDULED else NOW.wall)

    def test_it_expires_counted_from_the_submit(self):
        assert accepted(expires_in_us=5).expires_at == NOW.wall + 5
        assert accepted(expires_in_us=5, run_at=NOW.wall + 100).expires_at == NOW.wall + 5
        assert accepted().expires_at is None

    def test_nothing_was_tried_yet(self):
        job = accepted()
        assert (job.attempt, job.deliveries, job.submitted_at) == (0, 0, NOW.wall)
        assert_let_go(job)

    def test_what_was_asked_for_is_kept(self):
        asked = draft(kind="http", priority=1, max_attempts=9, timeout_s=1.5)
        job = life.accepted(asked, seq=7, uuid=b"u" * 16, user="bob", now=NOW)
        assert (job.seq, job.uuid, job.user) == (7, b"u" * 16, "bob")
        assert (job.kind, job.priority, job.max_attempts, job.timeout_s) == ("http", 1, 9, 1.5)
        assert job.traceparent == asked.traceparent


class TestPromoted:
    def test_it_is_claimable_from_now_on(self):
        job = life.promoted(accepted(run_at=NOW.wall + 1), LATER)
        assert (job.state, job.due_at, job.ready_at) == (JobState.QUEUED, None, LATER.wall)

    def test_after_a_retrys_wait_it_is_claimable_and_keeps_its_attempts(self):
        job = life.promoted(failed(leased()), LATER)
        assert (job.state, job.due_at, job.ready_at, job.attempt) == (JobState.QUEUED, None, LATER.wall, 1)


class TestLeased:
    def test_the_attempt_is_counted_when_it_begins_and_not_when_it_ends(self):
        job = leased(now=LATER)
        assert (job.state, job.attempt, job.deliveries, job.started_at) == (JobState.RUNNING, 1, 1, LATER.wall)

    def test_the_lease_is_on_the_clock_that_cannot_jump(self):
        job = leased(now=LATER)
        assert (job.lease_until, job.granted_at) == (LATER.steady + LEASE_US, LATER.steady)
        assert (job.token, job.instance) == (MINE, "i-1")

    def test_the_old_holder_loses_its_right_to_come_back(self):
        assert leased(life.lease_lost(leased(), LATER)).lapsed is None

    def test_what_the_last_attempt_said_does_not_count_for_this_one(self):
        said = replace(leased(), progress=0.5, output_len=7, log_len=3, missed=1, events=4)
        job = leased(life.lease_lost(said, LATER))
        assert (job.progress, job.output_len, job.log_len, job.missed) == (None, 0, 0, 0)
        assert job.events == 4


class TestRenewed:
    def test_the_lease_lasts_from_now(self):
        job = life.renewed(replace(leased(), missed=1), lease_us=LEASE_US, now=LATER)
        assert (job.lease_until, job.missed) == (LATER.steady + LEASE_US, 0)

    @pytest.mark.parametrize("lease_us", [0, 1, 9 * SECOND, 10 * SECOND])
    def test_a_lease_is_never_shortened(self, lease_us: int):
        job = leased()
        assert life.renewed(job, lease_us=lease_us, now=LATER).lease_until == job.lease_until

    def test_nothing_else_changes(self):
        job = leased()
        renewed = life.renewed(job, lease_us=LEASE_US, now=LATER)
        assert replace(renewed, lease_until=job.lease_until) == job


class TestLeaseLost:
    def test_another_may_claim_it_at_once_and_the_old_holder_may_come_back_until_then(self):
        job = life.lease_lost(leased(), LATER)
        assert (job.state, job.due_at, job.ready_at, job.lapsed) == (JobState.QUEUED, None, LATER.wall, MINE)
        assert_let_go(replace(job, lapsed=None))

    def test_the_attempt_is_spent(self):
        assert life.lease_lost(leased(), LATER).attempt == 1

    @pytest.mark.parametrize("max_attempts", [1, 3, 100])
    def test_a_job_that_kills_its_engines_is_given_up_after_three_more_than_it_may_fail(self, max_attempts: int):
        job = accepted(max_attempts=max_attempts)
        for attempt in range(1, max_attempts + limits.LOST_LEASES_ALLOWED):
            job = life.lease_lost(leased(job), LATER)
            assert (job.state, job.attempt) == (JobState.QUEUED, attempt)
        job = life.lease_lost(leased(job), LATER)
        assert (job.state, job.error_code, job.finished_at) == (JobState.DEAD, "job.lease_lost", LATER.wall)
        assert job.error_message
        assert_let_go(job)

    def test_who_was_asked_to_stop_and_vanished_is_cancelled(self):
        job = life.lease_lost(asked_to_stop(leased()), LATER)
        assert (job.state, job.error_code) == (JobState.CANCELLED, None)
        assert_let_go(job)


class TestTakenBack:
    def test_it_waits_again_like_after_a_lost_lease_but_the_old_token_is_void(self):
        job = life.taken_back(leased(), LATER)
        assert (job.state, job.attempt, job.ready_at) == (JobState.QUEUED, 1, LATER.wall)
        assert_let_go(job)

    def test_one_that_was_asked_to_stop_ends(self):
        assert life.taken_back(asked_to_stop(leased()), LATER).state is JobState.CANCELLED


class TestRevived:
    def test_the_same_attempt_goes_on_under_the_same_token(self):
        job = life.revived(life.lease_lost(leased(), LATER), instance="i-1", lease_us=LEASE_US, now=LATER)
        assert (job.state, job.token, job.lapsed, job.attempt, job.deliveries) == (JobState.RUNNING, MINE, None, 1, 1)
        assert (job.lease_until, job.due_at) == (LATER.steady + LEASE_US, None)

    def test_it_belongs_to_its_instance_again_so_that_a_lost_report_of_it_is_noticed(self):
        revived = life.revived(life.lease_lost(leased(), LATER), instance="i-1", lease_us=LEASE_US, now=LATER)
        assert (revived.instance, revived.granted_at, revived.lease_until) == ("i-1", LATER.steady, LATER.steady + LEASE_US)


class TestFinished:
    def test_success_ends_it_without_an_error(self):
        job = life.finished(replace(leased(), progress=0.9, error_code="old", error_message="old"), Outcome.SUCCEEDED, None, RETRY, LATER)
        assert (job.state, job.finished_at, job.progress) == (JobState.SUCCEEDED, LATER.wall, None)
        assert (job.error_code, job.error_message) == (None, None)
        assert_let_go(job)

    def test_work_that_was_done_counts_though_somebody_asked_to_stop(self):
        assert life.finished(asked_to_stop(leased()), Outcome.SUCCEEDED, None, RETRY, LATER).state is JobState.SUCCEEDED

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.GIVEN_BACK])
    @pytest.mark.parametrize("failure", [None, FAILED])
    def test_who_was_asked_to_stop_and_did_not_succeed_is_cancelled(self, outcome: Outcome, failure: Failure | None):
        job = failed(asked_to_stop(leased()), failure, outcome)
        assert (job.state, job.error_code, job.finished_at) == (JobState.CANCELLED, None, LATER.wall)
        assert_let_go(job)

    @pytest.mark.parametrize(
        ("outcome", "attempt", "max_attempts", "retryable", "state"),
        [
            (Outcome.FAILED, 1, 3, True, JobState.QUEUED),
            (Outcome.FAILED, 2, 3, True, JobState.QUEUED),
            (Outcome.FAILED, 3, 3, True, JobState.DEAD),
            (Outcome.FAILED, 5, 3, True, JobState.DEAD),
            (Outcome.FAILED, 1, 1, True, JobState.DEAD),
            (Outcome.FAILED, 1, 3, False, JobState.DEAD),
            (Outcome.REFUSED, 1, 3, True, JobState.DEAD),
            (Outcome.REFUSED, 1, 3, False, JobState.DEAD),
        ],
    )
    def test_a_failure_is_tried_again_while_that_makes_sense(
        self, outcome: Outcome, attempt: int, max_attempts: int, retryable: bool, state: JobState
    ):
        running = replace(leased(max_attempts=max_attempts), attempt=attempt)
        job = failed(running, replace(FAILED, retryable=retryable), outcome)
        assert (job.state, job.attempt) == (state, attempt)
        assert (job.error_code, job.error_message) == ("test.failed", "It failed.")
        assert job.finished_at == (LATER.wall if state is JobState.DEAD else None)
        assert_let_go(job)

    @pytest.mark.parametrize(
        ("attempt", "asked_s", "share", "wait_s"),
        [
            (1, None, 1.0, 1.0),
            (2, None, 1.0, 2.0),
            (5, None, 0.5, 8.0),
            (60, None, 1.0, 300.0),
            (1, None, 0.0, 0.0),
            (1, 60.0, 1.0, 60.0),
            (10, 60.0, 1.0, 300.0),
            (1, 0.0, 1.0, 1.0),
            (1, 0.0000014, 0.0, 0.000001),
        ],
    )
    def test_the_wait_is_the_longer_of_jitter_and_what_the_provider_asked(
        self, attempt: int, asked_s: float | None, share: float, wait_s: float
    ):
        running = replace(leased(max_attempts=100), attempt=attempt)
        job = failed(running, replace(FAILED, retry_after_s=asked_s), retry=Retry(RETRY.backoff, lambda: share))
        assert job.due_at == LATER.wall + round(wait_s * SECOND)

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED])
    def test_a_failure_without_a_reason_has_one_all_the_same(self, outcome: Outcome):
        job = failed(leased(), None, outcome)
        assert job.error_code == "job.failed"
        assert job.error_message

    def test_progress_of_a_dead_job_tells_how_far_it_came(self):
        assert failed(replace(leased(max_attempts=1), progress=0.4)).progress == 0.4


class TestReturned:
    @pytest.mark.parametrize("attempts", [0, 1, 2])
    def test_giving_back_costs_no_attempt(self, attempts: int):
        before = replace(accepted(), attempt=attempts)
        for give_back in (lambda job: life.returned(job, LATER), lambda job: failed(job, None, Outcome.GIVEN_BACK)):
            job = give_back(leased(before))
            assert (job.state, job.attempt, job.due_at, job.ready_at) == (JobState.QUEUED, attempts, None, LATER.wall)
            assert job.finished_at is None
            assert_let_go(job)

    def test_the_delivery_stays_counted_and_so_the_job_expires_no_more(self):
        assert life.returned(leased(), LATER).deliveries == 1

    def test_the_number_of_attempts_never_gets_below_zero(self):
        assert life.returned(replace(leased(), attempt=0), LATER).attempt == 0

    def test_the_one_who_gave_back_has_no_right_to_it_any_more(self):
        assert life.returned(leased(), LATER).lapsed is None

    def test_who_was_asked_to_stop_is_cancelled(self):
        assert life.returned(asked_to_stop(leased()), LATER).state is JobState.CANCELLED


class TestCancelled:
    @pytest.mark.parametrize(
        "waiting",
        [accepted(), accepted(run_at=NOW.wall + 1), failed(leased()), life.lease_lost(leased(), NOW)],
        ids=["queued", "scheduled", "retrying", "lapsed"],
    )
    def test_what_waits_is_cancelled_at_once(self, waiting: JobRecord):
        job = life.cancelled(waiting, LATER)
        assert job is not None
        assert (job.state, job.cancel_at, job.finished_at, job.due_at) == (JobState.CANCELLED, LATER.wall, LATER.wall, None)
        assert_let_go(job)

    def test_what_runs_is_asked_and_keeps_its_lease(self):
        running = leased()
        assert life.cancelled(running, LATER) == replace(running, cancel_at=LATER.wall)

    def test_asking_twice_changes_nothing(self):
        assert life.cancelled(asked_to_stop(leased()), LATER) is None

    @pytest.mark.parametrize("state", [state for state in JobState if state.final])
    def test_what_is_over_cannot_be_cancelled(self, state: JobState):
        assert life.cancelled(replace(accepted(), state=state, finished_at=NOW.wall), LATER) is None


class TestExpired:
    @pytest.mark.parametrize("waiting", [accepted(expires_in_us=1), accepted(expires_in_us=1, run_at=NOW.wall + 99)])
    def test_what_nobody_claimed_in_time_is_over(self, waiting: JobRecord):
        job = life.expired(waiting, LATER)
        assert (job.state, job.finished_at, job.due_at, job.error_code) == (JobState.EXPIRED, LATER.wall, None, None)


class TestRedriven:
    def test_a_dead_job_begins_anew_with_all_its_attempts(self):
        dead = failed(replace(leased(max_attempts=1, expires_in_us=1), progress=0.4))
        job = life.redriven(dead, LATER)
        assert job is not None
        assert (job.state, job.attempt, job.ready_at, job.expires_at) == (JobState.QUEUED, 0, LATER.wall, None)
        assert (job.finished_at, job.error_code, job.error_message, job.progress) == (None, None, None, None)

    def test_its_deliveries_go_on_counting_so_that_output_is_not_mixed_up(self):
        job = life.redriven(failed(leased(max_attempts=1)), LATER)
        assert job is not None
        assert leased(job).deliveries == 2

    @pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.DEAD])
    def test_only_the_dead_are_redriven(self, state: JobState):
        assert life.redriven(replace(accepted(), state=state), LATER) is None


# --- any sequence of changes


@dataclass
class World:
    """A job, the clocks, and what the steps share."""

    job: JobRecord
    now: Now
    uniform: Callable[[], float]
    leases: int = 0

    @property
    def retry(self) -> Retry:
        return Retry(Backoff(1.0, 300.0), self.uniform)

    def token(self) -> bytes:
        self.leases += 1
        return self.leases.to_bytes(16)


Step = Callable[[World], JobRecord | None]
"""What may happen to a job; None where it does not apply, as the stores decide it."""


def _promote(world: World) -> JobRecord | None:
    due = world.job.due_at is not None and world.job.due_at <= world.now.wall
    return life.promoted(world.job, world.now) if due else None


def _expire(world: World) -> JobRecord | None:
    job = world.job
    due = job.expires_at is not None and job.expires_at <= world.now.wall and job.deliveries == 0 and not job.state.final
    return life.expired(job, world.now) if due else None


def _lease(world: World) -> JobRecord | None:
    claimable = world.job.state is JobState.QUEUED and world.job.due_at is None
    return life.leased(world.job, token=world.token(), instance="i-1", lease_us=LEASE_US, now=world.now) if claimable else None


def _renew(world: World) -> JobRecord | None:
    return life.renewed(world.job, lease_us=LEASE_US, now=world.now) if world.job.state is JobState.RUNNING else None


def _lapse(world: World) -> JobRecord | None:
    overdue = world.job.lease_until is not None and world.job.lease_until <= world.now.steady
    return life.lease_lost(world.job, world.now) if overdue else None


def _revive(world: World) -> JobRecord | None:
    lapsed = world.job.state is JobState.QUEUED and world.job.lapsed is not None
    return life.revived(world.job, instance="i-1", lease_us=LEASE_US, now=world.now) if lapsed else None


def _return(world: World) -> JobRecord | None:
    return life.returned(world.job, world.now) if world.job.state is JobState.RUNNING else None


def _cancel(world: World) -> JobRecord | None:
    return life.cancelled(world.job, world.now)


def _redrive(world: World) -> JobRecord | None:
    return life.redriven(world.job, world.now)


def _finish(outcome: Outcome, failure: Failure | None) -> Step:
    def finish(world: World) -> JobRecord | None:
        running = world.job.state is JobState.RUNNING
        return life.finished(world.job, outcome, failure, world.retry, world.now) if running else None

    return finish


def _pass(seconds: float) -> Step:
    def pass_time(world: World) -> None:
        world.now = Now(world.now.wall + round(seconds * SECOND), world.now.steady + round(seconds * SECOND))

    return pass_time


FAILURES = st.none() | st.builds(Failure, st.just("test.failed"), st.just("It failed."), st.booleans(), st.none() | st.floats(0, 86_400))
STEPS = st.lists(
    st.sampled_from([_promote, _expire, _lease, _lease, _lease, _renew, _lapse, _revive, _return, _cancel, _redrive])
    | st.builds(_finish, st.sampled_from(Outcome), FAILURES)
    | st.builds(_pass, st.sampled_from([0, 0.5, 1, 29.999999, 30, 600, 90_000])),
    min_size=5,
    max_size=40,
)
DRAFTS = st.builds(
    draft,
    run_at=st.none() | st.sampled_from([NOW.wall - 1, NOW.wall, NOW.wall + 1, NOW.wall + 60 * SECOND]),
    expires_in_us=st.none() | st.sampled_from([1, 30 * SECOND]),
    max_attempts=st.integers(1, 4),
)


def check_step(before: JobRecord, after: JobRecord, now: Now) -> None:
    assert after.state is before.state or after.state in TRANSITIONS[before.state], f"{before.state} -> {after.state}"
    assert [getattr(after, name) for name in UNTOUCHED] == [getattr(before, name) for name in UNTOUCHED]
    assert after.deliveries - before.deliveries in {0, 1}
    if before.state.final:
        assert after.state is JobState.QUEUED
    if after.state.final:
        assert after.finished_at == now.wall
    if before.state is JobState.RUNNING is after.state:
        assert (after.lease_until or 0) >= (before.lease_until or 0)


def check_record(job: JobRecord) -> None:
    """What the CHECK constraints of the shard's table and the claim's index rely on."""
    running = job.state is JobState.RUNNING
    assert (job.token is not None) == running
    assert (job.lease_until is not None) == running
    assert (job.finished_at is not None) == job.state.final
    assert job.due_at is None or job.state in {JobState.SCHEDULED, JobState.QUEUED}
    assert job.due_at is not None or job.state is not JobState.SCHEDULED
    assert job.lapsed is None or (job.state is JobState.QUEUED and job.due_at is None)
    assert job.cancel_at is None or job.state in {JobState.RUNNING, JobState.CANCELLED, JobState.SUCCEEDED}
    assert 0 <= job.attempt <= min(job.deliveries, job.max_attempts + limits.LOST_LEASES_ALLOWED)
    assert (job.error_code is None) == (job.error_message is None)
    assert job.error_code is not None or job.state is not JobState.DEAD


class TestAnySequence:
    @settings(SAME, max_examples=400)
    @given(DRAFTS, STEPS, st.floats(0, 1))
    def test_no_sequence_of_changes_leaves_the_table_or_breaks_the_record(self, asked, steps: list[Step], share: float):
        world = World(life.accepted(asked, seq=1, uuid=bytes(16), user="ann", now=NOW), NOW, lambda: share)
        check_record(world.job)
        for step in steps:
            after = step(world)
            if after is not None:
                check_step(world.job, after, world.now)
                check_record(after)
                world.job = after

    @settings(SAME, max_examples=200)
    @given(DRAFTS, STEPS, st.booleans())
    def test_at_no_point_of_any_life_does_a_give_back_cost_an_attempt(self, asked, steps: list[Step], reported: bool):
        world = World(life.accepted(asked, seq=1, uuid=bytes(16), user="ann", now=NOW), NOW, lambda: 0.0)
        give_back = _finish(Outcome.GIVEN_BACK, None) if reported else _return
        for step in steps:
            world.job = step(world) or world.job
            running = _lease(world)
            if running is not None:
                given_back = give_back(replace_job(world, running))
                assert given_back is not None
                assert (given_back.state, given_back.attempt) == (JobState.QUEUED, world.job.attempt)

    @SAME
    @given(st.integers(1, 5), st.integers(1, 30))
    def test_a_job_that_is_only_ever_given_back_is_never_given_up(self, max_attempts: int, times: int):
        job = accepted(max_attempts=max_attempts)
        for _ in range(times):
            job = failed(leased(job), None, Outcome.GIVEN_BACK)
        assert (job.state, job.attempt, job.deliveries) == (JobState.QUEUED, 0, times)

    def test_the_steps_above_reach_every_state_and_every_move(self):
        moves: set[tuple[JobState, JobState]] = set()
        work = [accepted(max_attempts=1, expires_in_us=1), accepted(max_attempts=2, run_at=NOW.wall + 1, expires_in_us=1)]
        steps = [_promote, _expire, _lease, _lapse, _return, _cancel, _redrive]
        steps += [_finish(outcome, failure) for outcome in Outcome for failure in (None, replace(FAILED, retryable=False))]
        seen: set[tuple[JobState, bool]] = set()
        while work:
            job = work.pop()
            world = World(job, Now(NOW.wall + 600 * SECOND, NOW.steady + 600 * SECOND), lambda: 1.0)
            for after in filter(None, [step(world) for step in steps]):
                moves.add((job.state, after.state))
                kind = (after.state, after.cancel_at is not None)
                if kind not in seen:
                    seen.add(kind)
                    work.append(after)
        moves = {(state, target) for state, target in moves if state is not target}
        assert moves == {(state, target) for state, targets in TRANSITIONS.items() for target in targets}


def replace_job(world: World, job: JobRecord) -> World:
    return World(job, world.now, world.uniform, world.leases)
