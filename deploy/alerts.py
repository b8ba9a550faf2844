"""When somebody is told, and what. Each alert has a page in docs/runbooks/ by its name."""

from dataclasses import dataclass
from typing import Final

from contract.limits import MIB
from deploy.recorded import BURN, CALLS, CALLS_FAILED, END_TO_END_P95, END_TO_END_S, EVENTS, START_DELAY_P95, START_DELAY_S
from gateway.rules.slo import FEW, TARGETS, Slo

RUNBOOKS: Final = "docs/runbooks/"
"""What each runbook_url begins with: relative to the repository. Put the address in front at which you read it."""
QUEUE_WAIT_S: Final = TARGETS[Slo.QUEUE_WAIT] / 1000
DEEP: Final = 8000
"""Waiting jobs: 80 % of the shipped `hard_cap`, beyond which submits are refused."""
STUCK_S: Final = 300
HEAD_OLD_S: Final = 1200
"""Four times as long as between two signings."""
DISK_MIN: Final = 512 * MIB
"""Twice the shipped `disk_free_min_bytes`, below which submits are refused."""
CALLS_FEW: Final = 10
"""Below so many calls in ten minutes nothing is said of a provider; a model that is down gets 20 (`breaker_open_s`, 30 s as shipped)."""
FAST, SLOW = 14.4, 3
"""Of the error budget of 24 hours, 15 minutes at 14.4 times spend 15 %, two hours at 3 times 25 %."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule."""

    name: str
    expr: str
    lasts: str
    """How long it must hold before somebody is told."""
    severity: str
    """`critical`: jobs or secrets are at stake now. `warning`: look at it today."""
    summary: str
    description: str


def _enough(metric: str, by: str) -> str:
    """Only where there is enough to judge by, as the gateway itself judges."""
    return f"and on ({by}) sum by ({by}) (increase({metric}_count[15m])) >= {FEW}"


def _slow(recorded: str, metric: str, limit_s: float) -> str:
    """Over the promise in its own 15 minutes, and still so in the last 5: it ends soon after the trouble does."""
    enough = _enough(metric, "job, instance, engine")
    return f"{recorded}15m > {limit_s}\nand {recorded}5m > {limit_s}\n{enough}"


def _burns(short: str, long: str, times: float) -> str:
    """Both in the long window, so that it matters, and in the short one, so that it ends soon after the trouble does."""
    return f"{BURN}{long} > {times}\nand {BURN}{short} > {times}\nand {EVENTS}{long} >= {FEW}"


ALERTS: Final = (
    Alert(
        "FloworkDown",
        'up{job="flowork"} == 0',
        "2m",
        "critical",
        "Flowork does not answer",
        "Prometheus cannot read {{ $labels.instance }}.",
    ),
    Alert(
        "FloworkAbsent",
        'absent(up{job="flowork"})',
        "5m",
        "critical",
        "Nobody watches Flowork",
        "Prometheus has no target of the job flowork.",
    ),
    Alert(
        "FloworkNotReady",
        "flowork_ready == 0 unless on (job, instance) flowork_draining == 1",
        "2m",
        "critical",
        "Flowork runs, but is not ready",
        "A sign-in or a claim would fail at {{ $labels.instance }}.",
    ),
    Alert(
        "FloworkStartDelayHigh",
        _slow(START_DELAY_P95, "flowork_start_delay_seconds", START_DELAY_S),
        "2m",
        "warning",
        "Jobs of {{ $labels.engine }} start late",
        f"The 95th percentile of start delays is {{{{ $value | humanizeDuration }}}}; promised are {START_DELAY_S} s.",
    ),
    Alert(
        "FloworkEndToEndHigh",
        _slow(END_TO_END_P95, "flowork_end_to_end_seconds", END_TO_END_S),
        "2m",
        "warning",
        "Jobs of {{ $labels.engine }} take long",
        f"The 95th percentile from submit to end is {{{{ $value | humanizeDuration }}}}; promised are {END_TO_END_S} s.",
    ),
    Alert(
        "FloworkBudgetBurnsFast",
        _burns("5m", "15m", FAST),
        "1m",
        "critical",
        "The budget for {{ $labels.of }} is being spent fast",
        'It goes {{ $value | printf "%.1f" }} times as fast as the promise allows.',
    ),
    Alert(
        "FloworkBudgetBurnsSlow",
        _burns("15m", "2h", SLOW),
        "15m",
        "warning",
        "The budget for {{ $labels.of }} is being spent",
        'For two hours it has gone {{ $value | printf "%.1f" }} times as fast as the promise allows.',
    ),
    Alert(
        "FloworkQueueWaits",
        f"quantile_over_time(0.95, flowork_queue_expected_wait_seconds[15m]) > {QUEUE_WAIT_S}",
        "5m",
        "warning",
        "One more job would wait at {{ $labels.engine }}",
        f"The expected wait is {{{{ $value | humanizeDuration }}}}; the aim is {QUEUE_WAIT_S} s.",
    ),
    Alert(
        "FloworkQueueDeep",
        f'sum by (job, instance, engine) (flowork_queue_jobs{{state=~"queued|scheduled"}}) > {DEEP}',
        "1m",
        "warning",
        "The queue of {{ $labels.engine }} is nearly full",
        "{{ $value }} jobs wait; at hard_cap submits are refused.",
    ),
    Alert(
        "FloworkQueueStuck",
        f"flowork_queue_oldest_age_seconds > {STUCK_S} unless on (job, instance, engine) flowork_engine_draining == 1",
        "2m",
        "warning",
        "A job of {{ $labels.engine }} is not being started",
        "The oldest job that could run has waited for {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "FloworkQueueUnavailable",
        "flowork_queue_available == 0",
        "1m",
        "critical",
        "The queue of {{ $labels.engine }} cannot be opened",
        "Its file is damaged, missing, or of a newer version; its jobs wait in it.",
    ),
    Alert(
        "FloworkEngineDown",
        '(sum by (job, instance, engine) (flowork_instances{state="up"})\n  or sum by (job, instance, engine) (flowork_slots) * 0) == 0\n'
        "unless on (job, instance, engine) flowork_engine_draining == 1",
        "2m",
        "critical",
        "Nobody serves {{ $labels.engine }}",
        "No process of this engine is up; its jobs wait.",
    ),
    Alert(
        "FloworkEngineDeaf",
        'flowork_instances{state="deaf"} > 0',
        "5m",
        "warning",
        "A process of {{ $labels.engine }} asks for no work",
        "Processes that beat but do not claim: {{ $value }}.",
    ),
    Alert(
        "FloworkProviderFailing",
        f"{CALLS_FAILED}10m > 0.5\nand {CALLS_FAILED}5m > 0.5\nand {CALLS}10m >= {CALLS_FEW}",
        "2m",
        "warning",
        "Calls of {{ $labels.engine }} to {{ $labels.provider }} fail",
        "{{ $value | humanizePercentage }} of those of ten minutes failed by the provider's fault, or for want of key or credit.",
    ),
    Alert(
        "FloworkDiskLow",
        f"flowork_disk_free_bytes < {DISK_MIN}",
        "1m",
        "critical",
        "The data folder's disk is nearly full",
        "{{ $value | humanize1024 }}B are free.",
    ),
    Alert(
        "FloworkDiskFilling",
        f"predict_linear(flowork_disk_free_bytes[2h], 12 * 3600) < {DISK_MIN}\nand flowork_disk_free_bytes >= {DISK_MIN}\n"
        "and flowork_disk_free_bytes offset 1h > 0",
        "30m",
        "warning",
        "The data folder's disk fills up",
        "If it goes on like this, it is nearly full within 12 hours.",
    ),
    Alert(
        "FloworkTunnelClosed",
        'flowork_listener_open{ingress="tunnel"} == 0 and max_over_time(flowork_listener_open{ingress="tunnel"}[1h]) == 1',
        "2m",
        "warning",
        "The listener for the tunnel has closed",
        "Who comes by the tunnel does not reach {{ $labels.instance }}.",
    ),
    Alert(
        "FloworkAuditBroken",
        "flowork_audit_intact == 0",
        "0m",
        "critical",
        "The audit log is not whole",
        "Records were changed, or an older copy was put in place.",
    ),
    Alert(
        "FloworkAuditHeadOld",
        f"flowork_audit_head_age_seconds > {HEAD_OLD_S}",
        "10m",
        "warning",
        "The audit log is no longer signed",
        "The newest signed word on it is {{ $value | humanizeDuration }} old.",
    ),
    Alert(
        "FloworkSecretsLocked",
        "flowork_secrets_open == 0",
        "2m",
        "critical",
        "The place of the secrets is locked",
        "Nobody can sign in, and nothing can be signed.",
    ),
    Alert(
        "FloworkEventLoopLag",
        "histogram_quantile(0.99, sum by (job, instance, le) (rate(flowork_event_loop_lag_seconds_bucket[5m]))) > 0.25",
        "5m",
        "warning",
        "The gateway is too busy to keep time",
        "One in a hundred things is {{ $value | humanizeDuration }} late.",
    ),
    Alert(
        "FloworkWriterSlow",
        "histogram_quantile(0.95, sum by (job, instance, engine, le) (rate(flowork_writer_wait_seconds_bucket[5m]))) > 0.1",
        "5m",
        "warning",
        "The queue of {{ $labels.engine }} is written slowly",
        "The 95th percentile of waits for a commit is {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "FloworkAuthFailures",
        "sum by (job, instance) (rate(flowork_auth_failures_total[5m])) * 60 > 30",
        "5m",
        "warning",
        "Many credentials are refused",
        '{{ $value | printf "%.0f" }} a minute.',
    ),
)
