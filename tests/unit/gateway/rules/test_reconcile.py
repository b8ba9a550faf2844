"""`gateway.rules.reconcile`: what an instance says is believed exactly as far as the queue's row goes."""

from dataclasses import replace

import pytest

from contract.words import JobState
from gateway.rules import life
from gateway.rules.job import JobRecord
from gateway.rules.reconcile import Holding, Unreported, holding, unreported
from kit.clock import SECOND, Now
from tests.support.queue import draft

NOW = Now(1_767_225_600 * SECOND, 1000 * SECOND)
MINE, OTHER = b"m" * 16, b"o" * 16
QUEUED = life.accepted(draft(), seq=1, uuid=bytes(16), user="ann", now=NOW)
RUNNING = life.leased(QUEUED, token=MINE, instance="i-1", lease_us=30 * SECOND, now=NOW)
LAPSED = life.lease_lost(RUNNING, NOW)
TAKEN = life.leased(LAPSED, token=OTHER, instance="i-2", lease_us=30 * SECOND, now=NOW)
GRANTED = NOW.steady


@pytest.mark.parametrize(
    ("job", "token", "verdict"),
    [
        (None, MINE, Holding.LOST),
        (QUEUED, MINE, Holding.LOST),
        (RUNNING, MINE, Holding.HELD),
        (RUNNING, OTHER, Holding.LOST),
        (RUNNING, b"", Holding.LOST),
        (RUNNING, MINE[:-1], Holding.LOST),
        (LAPSED, MINE, Holding.LAPSED),
        (LAPSED, OTHER, Holding.LOST),
        (TAKEN, MINE, Holding.LOST),
        (TAKEN, OTHER, Holding.HELD),
        (life.returned(RUNNING, NOW), MINE, Holding.LOST),
        (life.cancelled(RUNNING, NOW), MINE, Holding.HELD),
        (life.cancelled(LAPSED, NOW), MINE, Holding.LOST),
        (life.revived(LAPSED, instance="i-1", lease_us=1, now=NOW), MINE, Holding.HELD),
        *[(replace(LAPSED, state=state), MINE, Holding.LOST) for state in JobState if state is not JobState.QUEUED],
    ],
)
def test_a_token_is_worth_what_the_row_says(job: JobRecord | None, token: bytes, verdict: Holding):
    assert holding(job, token) is verdict


@pytest.mark.parametrize(
    ("missed", "began_after_us", "verdict"),
    [
        # A request that began before the grant, or while the answer may still travel, says nothing.
        (0, -SECOND, Unreported.WAIT),
        (0, 0, Unreported.WAIT),
        (0, 2 * SECOND - 1, Unreported.WAIT),
        (1, 2 * SECOND - 1, Unreported.WAIT),
        (5, 0, Unreported.WAIT),
        # The first report without it counts, the second one decides.
        (0, 2 * SECOND, Unreported.COUNT),
        (0, 3600 * SECOND, Unreported.COUNT),
        (1, 2 * SECOND, Unreported.GIVE_BACK),
        (1, 3600 * SECOND, Unreported.GIVE_BACK),
        (2, 2 * SECOND, Unreported.GIVE_BACK),
    ],
)
def test_only_the_second_late_enough_report_without_a_job_gives_it_back(missed: int, began_after_us: int, verdict: Unreported):
    assert unreported(replace(RUNNING, missed=missed), GRANTED + began_after_us) is verdict


@pytest.mark.parametrize("missed", [0, 1, 2])
def test_a_job_whose_grant_is_unknown_is_not_taken_away(missed: int):
    assert unreported(replace(RUNNING, granted_at=None, missed=missed), GRANTED + 3600 * SECOND) is Unreported.WAIT
