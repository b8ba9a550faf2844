"""The page of `flowork job`."""

from typing import Any

from app.commands.job import render
from contract.jobs import AttemptView, JobDetail, JobError, PhaseView


def job(*attempts: AttemptView, **changes: Any) -> JobDetail:
    values = {
        "id": "abcd_01900000-0000-7000-8000-000000000001",
        "engine": "abcd",
        "kind": "http",
        "state": "succeeded",
        "priority": 3,
        "attempt": 1,
        "max_attempts": 3,
        "timeout_s": 300.0,
        "submitted_at": "2026-01-01T00:00:00.000000Z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "attempts": list(attempts),
    }
    return JobDetail(**{**values, **changes})


def attempt(**changes: Any) -> AttemptView:
    values = {
        "attempt": 1,
        "delivery": 1,
        "instance": "1234abcd" * 4,
        "claimable_at": "2026-01-01T00:00:00.000000Z",
        "claimed_at": "2026-01-01T00:00:02.000000Z",
        "waited_ms": 2000.0,
    }
    return AttemptView(**{**values, **changes})


ENDED = {"finished_at": "2026-01-01T00:00:05.000000Z", "took_ms": 3000.0}


def test_an_attempt_says_how_long_it_waited_ran_and_what_on():
    phases = [PhaseView(name="run", began_ms=0.5, took_ms=2999), PhaseView(name="GET", began_ms=1, took_ms=2500.25)]
    page = render(job(attempt(**ENDED, outcome="succeeded", phases=phases))).splitlines()
    assert "  attempt 1: succeeded after 3000.0 ms" in page
    assert page[-4:] == [
        "    waited    2000.0 ms",
        "    claimed   2026-01-01T00:00:02.000000Z by instance 1234abcd",
        "    run       2999.0 ms   from 0.5 ms on",
        "    GET       2500.2 ms   from 1.0 ms on",
    ]


def test_a_failure_names_its_code_and_one_that_runs_has_no_end():
    first = attempt(**ENDED, outcome="failed", code="http.unreachable")
    page = render(job(first, attempt(attempt=2, delivery=2), state="running", error=JobError(code="http.unreachable", message="m")))
    assert "  attempt 1: failed after 3000.0 ms (http.unreachable)" in page
    assert "  attempt 2: runs\n" in page
    assert page.splitlines()[0].endswith("running  (http.unreachable)")
    assert "trace_id   0af7651916cd43dd8448eb211c80319c" in page
