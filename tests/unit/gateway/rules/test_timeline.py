"""`gateway.rules.timeline`: what is kept of attempts, and how it is shown."""

from dataclasses import replace
from typing import Any

import pytest

from contract.jobs import AttemptView
from contract.words import AttemptOutcome, JobState, Outcome
from gateway.rules import life, timeline
from gateway.rules.job import JobRecord
from gateway.rules.life import Failure, Retry
from gateway.rules.timeline import AttemptRecord, Phase
from kit.backoff import Backoff
from kit.clock import SECOND, Now
from tests.support.queue import draft

START = Now(1_767_225_600 * SECOND, 1000 * SECOND)
RETRY = Retry(Backoff(1.0, 10.0), lambda: 1.0)
FAILED = Failure("a.b", "m", retryable=True)


def after(seconds: float) -> Now:
    return Now(START.wall + round(seconds * SECOND), START.steady + round(seconds * SECOND))


def running(**changes: Any) -> JobRecord:
    waiting = life.accepted(draft(**changes), seq=1, uuid=b"\1" * 16, user="ann", now=START)
    return life.leased(waiting, token=b"\2" * 16, instance="i", lease_us=30 * SECOND, now=after(2))


def attempt(delivery: int = 1, **changes: Any) -> AttemptRecord:
    record = AttemptRecord(delivery, delivery, "i", START.wall, after(2).wall, after(5).wall, AttemptOutcome.SUCCEEDED, None)
    return replace(record, **changes)


@pytest.mark.parametrize(
    ("outcome", "failure", "cancelled", "told", "code"),
    [
        (Outcome.SUCCEEDED, None, False, AttemptOutcome.SUCCEEDED, None),
        (Outcome.FAILED, FAILED, False, AttemptOutcome.FAILED, "a.b"),
        (Outcome.REFUSED, FAILED, False, AttemptOutcome.REFUSED, "a.b"),
        (Outcome.GIVEN_BACK, None, False, AttemptOutcome.GIVEN_BACK, None),
        (Outcome.FAILED, FAILED, True, AttemptOutcome.CANCELLED, None),
        (Outcome.GIVEN_BACK, None, True, AttemptOutcome.CANCELLED, None),
        (Outcome.SUCCEEDED, None, True, AttemptOutcome.SUCCEEDED, None),
    ],
)
def test_an_attempt_is_kept_as_its_engine_told_its_end(
    outcome: Outcome, failure: Failure | None, cancelled: bool, told: AttemptOutcome, code: str | None
):
    before = replace(running(), cancel_at=START.wall if cancelled else None)
    ended = life.finished(before, outcome, failure, RETRY, after(5))
    phases = (Phase("run", 1.0, 2.0),)
    kept = timeline.reported(before, ended, outcome, phases, after(5))
    assert kept == AttemptRecord(1, 1, "i", START.wall, after(2).wall, after(5).wall, told, code, phases)


def test_an_attempt_that_nobody_renewed_is_lost():
    before = running()
    kept = timeline.unreported(before, life.lease_lost(before, after(40)), after(40))
    assert kept == attempt(outcome=AttemptOutcome.LOST, ended_at=after(40).wall)


def test_an_attempt_that_never_reached_its_instance_was_given_back():
    before = running()
    kept = timeline.unreported(before, life.returned(before, after(5)), after(5))
    assert kept is not None
    assert kept.outcome is AttemptOutcome.GIVEN_BACK


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SCHEDULED, JobState.DEAD])
def test_a_change_of_a_job_that_does_not_run_ends_no_attempt(state: JobState):
    job = replace(running(), state=state)
    assert timeline.unreported(job, replace(job, state=JobState.CANCELLED), START) is None
    assert timeline.unreported(None, job, START) is None
    assert timeline.unreported(running(), running(), START) is None


def test_an_attempt_that_seemed_lost_keeps_its_beginning_when_it_ends_after_all():
    known = {1: attempt(outcome=AttemptOutcome.LOST)}
    late = attempt(instance=None, ready_at=after(40).wall, ended_at=after(50).wall, phases=(Phase("run", 0.0, 1.0),))
    timeline.note(known, late)
    assert known == {1: replace(late, instance="i", ready_at=START.wall)}


def test_only_the_latest_attempts_are_kept():
    known: dict[int, AttemptRecord] = {}
    for delivery in range(1, 8):
        timeline.note(known, attempt(delivery), most=3)
    assert sorted(known) == [5, 6, 7]


def test_an_attempt_is_shown_with_its_waits_and_phases():
    job = life.finished(running(), Outcome.SUCCEEDED, None, RETRY, after(5))
    (view,) = timeline.timeline(job, [attempt(instance="0" * 32, phases=(Phase("GET", 0.5, 2.5),))])
    assert AttemptView.model_validate(view).model_dump() == view
    assert (view["waited_ms"], view["took_ms"], view["outcome"]) == (2000.0, 3000.0, "succeeded")
    assert (view["claimable_at"], view["claimed_at"]) == ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:02.000000Z")
    assert view["phases"] == [{"name": "GET", "began_ms": 0.5, "took_ms": 2.5}]


def test_the_attempt_that_runs_is_shown_last_and_without_an_end():
    job = replace(running(), deliveries=2, attempt=2)
    past, now = timeline.timeline(job, [attempt(1)])
    assert (past["delivery"], now["delivery"], now["attempt"]) == (1, 2, 2)
    assert (now["finished_at"], now["outcome"], now["took_ms"], now["waited_ms"]) == (None, None, None, 2000.0)


def test_an_attempt_that_came_back_from_a_lost_lease_is_shown_once_and_running():
    lost = attempt(outcome=AttemptOutcome.LOST)
    (view,) = timeline.timeline(replace(running(), ready_at=after(40).wall), [lost])
    assert (view["outcome"], view["waited_ms"]) == (None, 2000.0)
