"""What Prometheus computes all the time, because alerts and dashboard ask for it again and again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.rules.slo import INPUT_CODES, INPUT_PREFIXES, TARGETS, Slo

SLOW_SHARE: Final = 0.05
"""A promise about the 95th percentile lets so many be slower."""
START_DELAY_S: Final = TARGETS[Slo.START_DELAY] / 1000
END_TO_END_S: Final = TARGETS[Slo.END_TO_END] / 1000
ERROR_RATE: Final = TARGETS[Slo.ERROR_RATE]
NOT_OURS: Final = "|".join(
    [prefix.replace(".", "[.]") + ".*" for prefix in INPUT_PREFIXES] + [code.replace(".", "[.]") for code in sorted(INPUT_CODES)]
)
"""Codes of jobs that ended dead because of what was asked (`gateway.rules.slo.by_fault`)."""
NOT_THEIRS: Final = f"job[.]cancelled|{NOT_OURS}"
"""Codes of calls to providers that failed because of what was asked, or because nobody wanted the answer any more."""
NONE: Final = "sum by (job, instance) (flowork_ready) * 0"
"""0 for each gateway: what was never counted has no series, and is none."""
BURN: Final = "of:flowork_budget_burn:rate"
EVENTS: Final = "of:flowork_budget_events:increase"
START_DELAY_P95: Final = "engine:flowork_start_delay_seconds:p95_"
END_TO_END_P95: Final = "engine:flowork_end_to_end_seconds:p95_"
DEMAND: Final = "engine:flowork_demand:jobs"
BUSY: Final = "engine:flowork_worker_busy_ratio:demand15m"
CALLS: Final = "provider:flowork_provider_calls:increase"
CALLS_FAILED: Final = "provider:flowork_provider_calls_failed:ratio"
_WITH: Final = "on (job, instance, engine)"


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    """level:metric:operations, as Prometheus advises."""
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


def p95(metric: str, window: str) -> str:
    """The 95th percentile of a histogram, by engine; no number where nothing was observed."""
    return f"histogram_quantile(0.95, sum by (job, instance, engine, le) (rate({metric}_bucket[{window}])))"


def _sum(metric: str, window: str, *, of: str = "rate") -> str:
    return f"sum by (job, instance) ({of}({metric}[{window}]))"


def _slower(metric: str, limit_s: float, window: str) -> str:
    """The share of observations beyond a limit, which must be a bucket's edge."""
    within = _sum(f'{metric}_bucket{{le="{limit_s}"}}', window)
    return f"1 - {within}\n  / {_sum(f'{metric}_count', window)}"


def _failed(window: str) -> str:
    failed = _sum(f'flowork_job_failures_total{{code!~"{NOT_OURS}"}}', window)
    succeeded = _sum('flowork_jobs_total{state="succeeded"}', window)
    return f"({failed} or {NONE})\n  / (({failed} or {NONE})\n    + ({succeeded} or {NONE}))"


def _broken(window: str) -> str:
    broken = _sum('http_server_request_duration_seconds_count{http_response_status_code=~"5.."}', window)
    return f"({broken} or {NONE})\n  / {_sum('http_server_request_duration_seconds_count', window)}"


def burns(window: str) -> Iterator[Record]:
    """Of each budget: how many times as fast as allowed it is being spent (1 spends it exactly), and of how many events that is told."""
    for of, share, may, counted in (
        ("jobs", _failed(window), ERROR_RATE, 'flowork_jobs_total{state=~"succeeded|dead"}'),
        ("http", _broken(window), ERROR_RATE, "http_server_request_duration_seconds_count"),
        ("start_delay", _slower("flowork_start_delay_seconds", START_DELAY_S, window), SLOW_SHARE, "flowork_start_delay_seconds_count"),
        ("end_to_end", _slower("flowork_end_to_end_seconds", END_TO_END_S, window), SLOW_SHARE, "flowork_end_to_end_seconds_count"),
    ):
        yield Record(BURN + window, f"({share}) / {may}", {"of": of})
        yield Record(EVENTS + window, _sum(counted, window, of="increase"), {"of": of})


def _calls(metric: str, window: str) -> str:
    return f"sum by (job, instance, engine, provider) (increase({metric}[{window}]))"


def calls(window: str) -> Iterator[Record]:
    """Of each provider: the calls to judge it by, all but those that failed by no fault of its own; and the share of them that failed."""
    made = _calls("flowork_provider_call_seconds_count", window)
    innocent = _calls(f'flowork_provider_errors_total{{code=~"{NOT_THEIRS}"}}', window)
    failed = _calls(f'flowork_provider_errors_total{{code!~"{NOT_THEIRS}"}}', window)
    yield Record(CALLS + window, f"{made}\n  - ({innocent}\n    or {made} * 0)")
    yield Record(CALLS_FAILED + window, f"{failed}\n  / {CALLS}{window}")


def _in_demand(metric: str) -> str:
    """Its sum over the moments of 15 minutes in which there was work for at least one slot (protocol §9)."""
    return f"sum_over_time(({metric} and {_WITH} {DEMAND} >= 1)[15m:15s])"


RECORDS: Final = (
    *(Record(START_DELAY_P95 + window, p95("flowork_start_delay_seconds", window)) for window in ("5m", "15m")),
    *(Record(END_TO_END_P95 + window, p95("flowork_end_to_end_seconds", window)) for window in ("5m", "15m")),
    *(record for window in ("5m", "15m", "2h") for record in burns(window)),
    *(record for window in ("5m", "10m") for record in calls(window)),
    Record(DEMAND, f'sum by (job, instance, engine) (flowork_queue_jobs{{state="queued"}})\n  + {_WITH} flowork_slots_busy'),
    Record(BUSY, f"{_in_demand('flowork_slots_busy')}\n  / {_in_demand('flowork_slots')}"),
)
