"""The simulation is the same for the same seed, and its checker finds what breaks the roadmap's table."""

import random
from dataclasses import replace

import pytest

from bench.sim import LIMITS, Run, oracle_worker_seconds, oscillations, simulate, summary
from bench.sim_check import Row, Table, violations
from bench.sim_load import Load, loads

TABLE = Table(least=1, most=16, target_ms=150, headroom=1.3)
SHORT = Load(1800, lambda t: 40.0 if 600 <= t < 1200 else 4.0, 40)


def simulated(seed: int = 1, load: Load = SHORT) -> Run:
    return simulate(load, random.Random(seed))


def rows(*steps: tuple[float | None, int, int], rate: float = 0, utilisation: float = 0.4) -> list[Row]:
    """p95, before and after of each window; one job of 0.1 s ended in each."""
    return [Row(p95, utilisation, rate, 1, 0.1, before, after) for p95, before, after in steps]


def test_the_same_seed_gives_the_same_run_and_another_one_another():
    assert simulated() == simulated()
    assert simulated().delays_ms != simulated(2).delays_ms


def test_every_job_is_started_once_and_in_time_when_there_are_enough_workers():
    run = simulate(Load(600, lambda _: 5.0, 5), random.Random(1), replace(LIMITS, least=64, most=64))
    assert 0 <= len(run.delays_ms) - sum(row.ended for row in run.rows) < 64  # the rest still ran at the end
    assert max(run.delays_ms) == 0
    assert len(run.delays_ms) / 600 == pytest.approx(5, rel=0.1)


def test_decisions_follow_the_table_and_change_something():
    run = simulated()
    assert violations(run.rows, TABLE) == []
    assert {after > before for _, before, after, _ in run.changes} == {True, False}
    assert summary(SHORT, run)["rule_violations"] == 0


def test_a_planted_violation_is_found_wherever_it_is():
    run = simulated()
    for planted in (0, 70, len(run.rows) - 1):
        tampered = list(run.rows)
        tampered[planted] = replace(tampered[planted], after=tampered[planted].after + 1)
        assert any(found.startswith(f"window {planted}: ") for found in violations(tampered, TABLE))


@pytest.mark.parametrize(
    ("recorded", "wrong"),
    [
        (rows(*[(451, 4, 4)] * 2, (451, 4, 5)), 0),
        (rows(*[(451, 4, 4)] * 3), 1),
        (rows((451, 4, 4), (451, 4, 5)), 1),
        (rows(*[(450, 4, 4)] * 2, (450, 4, 5)), 1),
        (rows(*[(451, 4, 4)] * 2, (451, 4, 6)), 1),
        (rows(*[(44, 4, 4)] * 5, (44, 4, 3)), 0),
        (rows(*[(44, 4, 4)] * 6), 1),
        (rows(*[(44, 4, 4)] * 4, (44, 4, 3)), 1),
        (rows(*[(44, 4, 4)] * 5, (44, 4, 3), utilisation=0.5), 1),
        (rows(*[(44, 4, 4)] * 5, (None, 4, 3)), 1),
        (rows(*[(44, 1, 1)] * 7), 0),
        (rows(*[(44, 4, 4)] * 5, (44, 4, 3), (44, 3, 2)), 1),
        (rows(*[(44, 4, 4)] * 5, (44, 4, 3), rate=30), 1),
        (rows((100, 4, 8), rate=60), 0),
        (rows((100, 4, 5), rate=60), 1),
        (rows((100, 4, 16), rate=600), 0),
        (rows((100, 4, 17), rate=600), 1),
        (rows((100, 4, 4), (100, 5, 5)), 1),
    ],
)
def test_the_checker_knows_the_table(recorded: list[Row], wrong: int):
    assert len(violations(recorded, TABLE)) == wrong


def test_the_oracle_has_as_many_workers_as_jobs_are_in_service_and_never_none():
    assert oracle_worker_seconds(Load(10, lambda t: 21.0 if t < 5 else 0.0, 21)) == 5 * 5 + 5 * 1


def test_an_oscillation_is_a_turn_within_ten_minutes():
    up, down = (1, 2, ""), (2, 1, "")
    assert oscillations([(0, *up), (600, *down), (700, *down), (800, *up)]) == 2
    assert oscillations([(0, *up), (601, *down)]) == 0


def test_every_load_stays_within_what_its_arrivals_are_thinned_from():
    for load in [*loads(long=False).values(), *loads(long=True).values()]:
        assert max(load.rate(float(second)) for second in range(round(load.seconds))) <= load.peak
