"""What the dashboard shows, row by row."""

from typing import Final

from deploy.alerts import DISK_MIN, FAST, HEAD_OLD_S, QUEUE_WAIT_S, SLOW
from deploy.panels import ENGINE, RATE, Kind, Panel, Query, Row, quantiles, rate
from deploy.recorded import BURN, BUSY, END_TO_END_P95, END_TO_END_S, ERROR_RATE, START_DELAY_P95, START_DELAY_S
from gateway.rules.slo import TARGETS, Slo

PROVIDER: Final = "engine, provider"


def _promise(title: str, slo: str, unit: str, target: float) -> Panel:
    at_most = slo != "availability"
    steps = ((target, "red"),) if at_most else ((0.0, "red"), (target, "green"))
    said = "As the gateway itself measures it, over 15 minutes." if at_most else "This month: ready while switched on and awake."
    metric = "flowork_slo_seconds" if unit == "s" else "flowork_slo_ratio"
    return Panel(title, said, unit, (Query(f'{metric}{{slo="{slo}"}}', title),), Kind.NUMBER, 4, steps)


PROMISES: Final = Row(
    "Promises",
    (
        _promise("Start delay p95", "start_delay", "s", START_DELAY_S),
        _promise("End to end p95", "end_to_end", "s", END_TO_END_S),
        _promise("Expected wait p95", "queue_wait", "s", QUEUE_WAIT_S),
        _promise("Error rate", "error_rate", "percentunit", ERROR_RATE),
        _promise("Availability", "availability", "percentunit", TARGETS[Slo.AVAILABILITY]),
        Panel(
            "Ready",
            "1 when a sign-in and a claim would succeed.",
            "bool_yes_no",
            (Query("flowork_ready", "ready"),),
            Kind.NUMBER,
            4,
            ((0.0, "red"), (1.0, "green")),
        ),
        Panel(
            "Error budget left",
            "1 is all of it, below 0 it is overspent. Of errors: 24 hours; of availability: this month.",
            "percentunit",
            (Query("flowork_slo_error_budget_ratio", "{{slo}}"),),
            width=12,
            least=None,
        ),
        Panel(
            "Budget burn",
            f"1 spends a budget exactly. Alerts: {FAST:g} over 15 minutes, {SLOW:g} over two hours.",
            "none",
            (Query(f"{BURN}15m", "{{of}}, 15 min"), Query(f"{BURN}2h", "{{of}}, 2 h")),
            width=12,
            steps=((SLOW, "orange"), (FAST, "red")),
        ),
    ),
)
QUEUE: Final = Row(
    "Queue",
    (
        Panel(
            "Jobs",
            "Jobs that wait or run.",
            "short",
            (Query(f"flowork_queue_jobs{{{ENGINE}}}", "{{engine}} {{state}}"),),
        ),
        Panel(
            "Waiting",
            "How long the oldest job has waited, and what one more would wait.",
            "s",
            (
                Query(f"flowork_queue_oldest_age_seconds{{{ENGINE}}}", "{{engine}} oldest"),
                Query(f"flowork_queue_expected_wait_seconds{{{ENGINE}}}", "{{engine}} one more"),
            ),
        ),
        Panel(
            "Jobs in and out",
            "Submits taken, and jobs that reached a final state.",
            "ops",
            (
                Query(f"sum by (engine) (rate(flowork_submits_total{{{ENGINE}}}{RATE}))", "{{engine}} submitted"),
                Query(f"sum by (engine, state) (rate(flowork_jobs_total{{{ENGINE}}}{RATE}))", "{{engine}} {{state}}"),
            ),
        ),
        Panel(
            "Refused submits",
            "By reason; docs/operating.md says what to do about each.",
            "ops",
            (rate("flowork_admissions_refused_total", "engine, code"),),
            width=12,
        ),
        Panel(
            "Failed jobs",
            "Jobs that ended dead, by reason.",
            "ops",
            (rate("flowork_job_failures_total", "engine, code"),),
            width=12,
        ),
    ),
)
DELAYS: Final = Row(
    "Delays",
    (
        Panel(
            "Start delay",
            "From a job's commit to its lease's commit.",
            "s",
            quantiles("flowork_start_delay_seconds"),
            width=12,
            steps=((START_DELAY_S, "red"),),
        ),
        Panel(
            "End to end",
            "From a job's commit to its final state.",
            "s",
            quantiles("flowork_end_to_end_seconds"),
            width=12,
            steps=((END_TO_END_S, "red"),),
        ),
        Panel(
            "Start delay p95 of 15 minutes",
            "As the alerts see it.",
            "s",
            (Query(f"{START_DELAY_P95}15m{{{ENGINE}}}", "{{engine}}"),),
            width=12,
            steps=((START_DELAY_S, "red"),),
        ),
        Panel(
            "End to end p95 of 15 minutes",
            "As the alerts see it.",
            "s",
            (Query(f"{END_TO_END_P95}15m{{{ENGINE}}}", "{{engine}}"),),
            width=12,
            steps=((END_TO_END_S, "red"),),
        ),
    ),
)
ENGINES: Final = Row(
    "Engines",
    (
        Panel(
            "Slots",
            "Jobs that may run at once, and those that do.",
            "short",
            (Query(f"flowork_slots{{{ENGINE}}}", "{{engine}} slots"), Query(f"flowork_slots_busy{{{ENGINE}}}", "{{engine}} busy")),
        ),
        Panel(
            "Busy",
            "Busy slots over slots; 65 to 80 % is the aim while there is work for one.",
            "percentunit",
            (
                Query(f"flowork_worker_busy_ratio{{{ENGINE}}}", "{{engine}} now"),
                Query(f"{BUSY}{{{ENGINE}}}", "{{engine}} with work, 15 min"),
            ),
            steps=((0.65, "green"), (0.8, "orange")),
            most=1,
        ),
        Panel(
            "Processes",
            "Up, deaf (beats, but asks for no work) and silent.",
            "short",
            (Query(f"flowork_instances{{{ENGINE}}}", "{{engine}} {{state}}"),),
        ),
        Panel(
            "Leases that went wrong",
            "Ran out, were reported too late, or were asked for again. Some are normal when processes die.",
            "ops",
            (
                Query(f"sum by (engine) (rate(flowork_leases_lost_total{{{ENGINE}}}{RATE}))", "{{engine}} lost"),
                Query(f"sum by (engine) (rate(flowork_finishes_fenced_total{{{ENGINE}}}{RATE}))", "{{engine}} fenced"),
                Query(f"sum by (engine) (rate(flowork_claims_replayed_total{{{ENGINE}}}{RATE}))", "{{engine}} replayed"),
            ),
            width=24,
        ),
    ),
)
MODELS: Final = Row(
    "Models",
    (
        Panel(
            "Calls to providers",
            "Each try is one; a model whose breaker is open is not called.",
            "ops",
            (rate("flowork_provider_call_seconds_count", PROVIDER),),
        ),
        Panel(
            "Failed calls",
            "By reason; docs/operating.md says what to do about each.",
            "ops",
            (rate("flowork_provider_errors_total", f"{PROVIDER}, code"),),
        ),
        Panel("Time of calls", "To their end, also of those that failed.", "s", quantiles("flowork_provider_call_seconds", PROVIDER)),
        Panel(
            "First token",
            "From a call to the first token of its streamed answer.",
            "s",
            quantiles("flowork_provider_first_token_seconds", PROVIDER),
        ),
        Panel(
            "Tokens a minute",
            "As the provider counts them, guessed where it did not tell.",
            "short",
            (
                Query(
                    f"60 * sum by ({PROVIDER}, direction) (rate(flowork_provider_tokens_total{{{ENGINE}}}{RATE}))",
                    "{{engine}} {{provider}} {{direction}}",
                ),
            ),
        ),
        Panel(
            "Cost of a day",
            "Of the last 24 hours, by the prices in config.toml and in their currency; 0 without prices.",
            "none",
            (Query(f"sum by ({PROVIDER}) (increase(flowork_provider_cost_total{{{ENGINE}}}[1d]))", "{{engine}} {{provider}}"),),
        ),
    ),
)
HTTP: Final = Row(
    "HTTP",
    (
        Panel(
            "Answers",
            "By status.",
            "reqps",
            (rate("http_server_request_duration_seconds_count", "http_response_status_code", ""),),
            stacked=True,
        ),
        Panel(
            "5xx",
            "Share of all answers.",
            "percentunit",
            (
                Query(
                    f'(sum(rate(http_server_request_duration_seconds_count{{http_response_status_code=~"5.."}}{RATE})) or vector(0))'
                    f" / sum(rate(http_server_request_duration_seconds_count{RATE}))",
                    "5xx",
                ),
            ),
            steps=((ERROR_RATE, "red"),),
        ),
        Panel(
            "Latency p95 by route",
            "Claims and event streams wait on purpose, and are left out.",
            "s",
            (
                Query(
                    "histogram_quantile(0.95, sum by (http_route, le) (rate(http_server_request_duration_seconds_bucket"
                    f'{{http_route!~".*/(claim|events)"}}{RATE})))',
                    "{{http_route}}",
                ),
            ),
        ),
    ),
)
STORE: Final = Row(
    "Store",
    (
        Panel(
            "Calls per commit",
            "How many calls shared one fsync, on average.",
            "short",
            (
                Query(
                    f"sum by (engine) (rate(flowork_commit_batch_calls_sum{{{ENGINE}}}{RATE}))"
                    f" / sum by (engine) (rate(flowork_commit_batch_calls_count{{{ENGINE}}}{RATE}))",
                    "{{engine}}",
                ),
            ),
            width=6,
        ),
        Panel("Writer wait", "From a call to its turn.", "s", quantiles("flowork_writer_wait_seconds"), width=6),
        Panel("Commit", "COMMIT, with its fsync.", "s", quantiles("flowork_commit_seconds"), width=6),
        Panel(
            "Write-ahead log",
            "0 while a queue's file is closed.",
            "bytes",
            (Query(f"flowork_wal_bytes{{{ENGINE}}}", "{{engine}}"),),
            width=6,
        ),
    ),
)
SECURITY: Final = Row(
    "Security",
    (
        Panel("Refused credentials", "By reason.", "ops", (rate("flowork_auth_failures_total", "code", ""),), width=12),
        Panel(
            "Audit log",
            "1 when it was whole at its last reading.",
            "bool_yes_no",
            (Query("flowork_audit_intact", "whole"),),
            Kind.NUMBER,
            4,
            ((0.0, "red"), (1.0, "green")),
            tall=True,
        ),
        Panel(
            "Audit head",
            "Since it was last signed; at most five minutes when all is well.",
            "s",
            (Query("flowork_audit_head_age_seconds", "age"),),
            Kind.NUMBER,
            4,
            ((HEAD_OLD_S, "red"),),
            tall=True,
        ),
        Panel(
            "Secrets",
            "1 while their place is neither locked nor gone.",
            "bool_yes_no",
            (Query("flowork_secrets_open", "open"),),
            Kind.NUMBER,
            4,
            ((0.0, "red"), (1.0, "green")),
            tall=True,
        ),
    ),
)
PROCESS: Final = Row(
    "Process",
    (
        Panel("CPU", "Cores.", "none", (Query(f'rate(process_cpu_seconds_total{{job="flowork"}}{RATE})', "cores"),), width=6),
        Panel("Memory", "Resident.", "bytes", (Query('process_resident_memory_bytes{job="flowork"}', "resident"),), width=6),
        Panel(
            "Event-loop lag",
            "How late the gateway runs what is due.",
            "s",
            quantiles("flowork_event_loop_lag_seconds", by=""),
            width=6,
        ),
        Panel(
            "Disk free",
            "On the data folder's disk.",
            "bytes",
            (Query("flowork_disk_free_bytes", "free"),),
            width=6,
            steps=((0.0, "red"), (DISK_MIN, "green")),
        ),
        Panel("Memory free", "What programs can get without swapping.", "bytes", (Query("flowork_memory_free_bytes", "free"),), width=6),
        Panel("Listeners", "1 while open.", "short", (Query("flowork_listener_open", "{{ingress}}"),), width=6, most=1),
        Panel("Live sockets", "Of people.", "short", (Query("flowork_sockets", "sockets"),), width=6),
        Panel("Version", "What runs.", "none", (Query("flowork_build_info", "{{version}}"),), Kind.NUMBER, 6, tall=True, named=True),
    ),
)
ROWS: Final = (PROMISES, QUEUE, DELAYS, ENGINES, MODELS, HTTP, STORE, SECURITY, PROCESS)
