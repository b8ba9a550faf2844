"""The autoscaler's rules over simulated hours: a queue and N workers on a virtual clock, driven by the real decisions."""

import argparse
import heapq
import itertools
import math
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.common import surroundings
from bench.sim_check import Row, Table, violations
from bench.sim_load import Load, loads
from bench.worker_start import worker_start_ms
from contract.engine_link import QueueNews
from engine.rules.autoscale import PEAK_WINDOWS, ScalingLimits, Window, decide, mean_service_s
from engine.rules.meter import Meter
from kit.clock import SECOND
from kit.percentiles import percentile

WINDOW_S = 10.0
LIMITS = ScalingLimits(least=1, most=16, target_ms=150, headroom=1.3)
OSCILLATES_WITHIN_S = 600.0
STARTS = 20


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="chance of arrivals and service times (default: %(default)s)")
    parser.add_argument("--long", action="store_true", help="24 simulated hours of the day, 8 of the others")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this scenario; may be repeated")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    scenarios, raw = {}, {}
    for name, load in loads(long=arguments.long).items():
        if arguments.only is None or name in arguments.only:
            began = time.perf_counter()
            run = simulate(load, random.Random(f"{arguments.seed} {name}"))
            scenarios[name] = summary(load, run)
            raw[name] = {
                "took_s": round(time.perf_counter() - began, 2),
                "changes": [(round(at), before, after, reason) for at, before, after, reason in run.changes],
            }
    starts = worker_start_ms(STARTS)
    return {
        "scenarios": scenarios,
        "rule_violations": sum(scenario["rule_violations"] for scenario in scenarios.values()),
        "worker_start_ms": {"p50": percentile(starts, 0.5), "p95": percentile(starts, 0.95), "most": starts[-1]},
        **surroundings(
            {
                "seed": arguments.seed,
                "window_s": WINDOW_S,
                "least": LIMITS.least,
                "most": LIMITS.most,
                "target_ms": LIMITS.target_ms,
                "headroom": LIMITS.headroom,
            }
        ),
        "raw": {**raw, "worker_start_ms": starts},
    }


@dataclass(slots=True)
class Run:
    """One scenario, as it went."""

    delays_ms: list[float] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    changes: list[tuple[float, int, int, str]] = field(default_factory=list)
    """At (s), before, after, reason."""


def simulate(load: Load, chance: random.Random, limits: ScalingLimits = LIMITS) -> Run:
    """First come, first served, by as many workers as `decide` says."""
    run, waiting, busy = Run(), deque[float](), list[tuple[float, float]]()
    meter, workers, arrived = Meter(limits.first, 0, round(2 * WINDOW_S * SECOND)), limits.first, 0
    windows: deque[Window] = deque(maxlen=PEAK_WINDOWS)
    arrivals = _arrivals(load, chance)
    arrival, closes = next(arrivals), WINDOW_S
    meter.told(QueueNews(oldest_waiting_ms=None, arrivals=0, part=1), 0)
    while closes <= load.seconds:
        ends = busy[0][0] if busy else math.inf
        now = min(arrival, ends, closes)
        if now == ends:
            _, began = heapq.heappop(busy)
            meter.freed(round(began * SECOND), round(now * SECOND))
        elif now == arrival:
            waiting.append(now)
            arrived += 1
            arrival = next(arrivals)
        else:
            meter.told(QueueNews(oldest_waiting_ms=(now - waiting[0]) * 1000 if waiting else None, arrivals=arrived, part=1), _us(now))
            windows.append(meter.close(_us(now)))
            workers = _decided(run, windows, workers, now, limits)
            meter.resized(workers, _us(now))
            closes += WINDOW_S
        while waiting and len(busy) < workers:
            delay_ms = (now - waiting.popleft()) * 1000
            run.delays_ms.append(delay_ms)
            meter.took(delay_ms, _us(now))
            heapq.heappush(busy, (now + chance.expovariate(1 / load.service_s), now))
    return run


def _decided(run: Run, windows: deque[Window], workers: int, now: float, limits: ScalingLimits) -> int:
    remembered = list(windows)
    window = remembered[-1]
    decision = decide(remembered, workers, mean_service_s(remembered), limits)
    row = (window.start_delay_p95_ms, window.utilisation, window.rate_per_s, window.ended, window.service_s)
    run.rows.append(Row(*row, before=workers, after=decision.slots))
    if decision.slots != workers:
        run.changes.append((now, workers, decision.slots, decision.reason))
    return decision.slots


def _arrivals(load: Load, chance: random.Random) -> Iterator[float]:
    """A Poisson process with the load's rate, by thinning."""
    now = 0.0
    while True:
        now += chance.expovariate(load.peak)
        if now >= load.seconds or chance.random() * load.peak < load.rate(now):
            yield now


def summary(load: Load, run: Run) -> dict[str, Any]:
    """The figures of one scenario."""
    wrong = violations(run.rows, Table(LIMITS.least, LIMITS.most, LIMITS.target_ms, LIMITS.headroom))
    return {
        "p95": round(percentile(sorted(run.delays_ms), 0.95), 1),
        "worker_seconds": round(sum(row.before for row in run.rows) * WINDOW_S),
        "oracle_worker_seconds": oracle_worker_seconds(load),
        "oscillations": oscillations(run.changes),
        "rule_violations": len(wrong),
        "violations": wrong[:10],
        "jobs": len(run.delays_ms),
        "hours": load.seconds / 3600,
        "changes": len(run.changes),
        "workers_most": max(row.after for row in run.rows),
    }


def oracle_worker_seconds(load: Load) -> int:
    """What somebody would use who knows the load: as many workers as jobs are in service on the average, at least one."""
    return sum(max(LIMITS.least, math.ceil(round(load.rate(second) * load.service_s, 9))) for second in range(round(load.seconds)))


def oscillations(changes: list[tuple[float, int, int, str]]) -> int:
    """Changes in the other direction within ten minutes of the one before."""
    pairs = itertools.pairwise(changes)
    return sum(1 for one, two in pairs if (one[2] > one[1]) != (two[2] > two[1]) and two[0] - one[0] <= OSCILLATES_WITHIN_S)


def _us(seconds: float) -> int:
    return round(seconds * SECOND)
