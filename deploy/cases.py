"""What `promtool` tries of each alert: half an hour in which all is well, one in which it is not, and well again.

What the descriptions say is compared too, so that a share is not told as seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contract.limits import MIB
from deploy.series import count, histogram, level, series, share

EVERY_MIN: Final = "1m"
FROM: Final = {"job": "flowork", "instance": "here"}
HOME: Final = {**FROM, "engine": "home"}
PROVIDER: Final = {**HOME, "provider": "ollama"}
GIB: Final = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Case:
    """One alert's three looks, at these minutes."""

    alert: str
    why: str
    series: Mapping[str, str]
    labels: Mapping[str, str]
    summary: str
    description: str
    quiet: int = 28
    fires: int = 58
    well: int = 88


READY: Final = series("flowork_ready", FROM)
SUCCEEDED: Final = series("flowork_jobs_total", HOME, state="succeeded")
DEAD: Final = series("flowork_jobs_total", HOME, state="dead")
FAILED: Final = series("flowork_job_failures_total", HOME, code="provider.down")
REFUSED: Final = series("flowork_job_failures_total", HOME, code="input.invalid")
ANSWERED: Final = series("http_server_request_duration_seconds_count", FROM, http_response_status_code="200")
BROKEN: Final = series("http_server_request_duration_seconds_count", FROM, http_response_status_code="503")
CALLED: Final = series("flowork_provider_call_seconds_count", PROVIDER)
UNREACHABLE: Final = series("flowork_provider_errors_total", PROVIDER, code="provider.unreachable")
MISASKED: Final = series("flowork_provider_errors_total", PROVIDER, code="provider.input_invalid")
LEFT: Final = series("flowork_provider_errors_total", PROVIDER, code="job.cancelled")
DELAY, END = "flowork_start_delay_seconds", "flowork_end_to_end_seconds"

CASES: Final = (
    Case(
        "FloworkDown",
        "the target stops answering",
        {series("up", FROM): level(1, 0, 1)},
        FROM,
        "Flowork does not answer",
        "Prometheus cannot read here.",
    ),
    Case(
        "FloworkAbsent",
        "there is no target",
        {series("up", FROM): "1x29 stale _x28 1x30"},
        {"job": "flowork"},
        "Nobody watches Flowork",
        "Prometheus has no target of the job flowork.",
    ),
    Case(
        "FloworkNotReady",
        "it runs, but nobody could sign in",
        {READY: level(1, 0, 1), series("flowork_draining", FROM): level(0, 0, 0)},
        FROM,
        "Flowork runs, but is not ready",
        "A sign-in or a claim would fail at here.",
    ),
    Case(
        "FloworkNotReady",
        "a drain is no trouble; what is left after it is",
        {READY: level(0, 0, 1), series("flowork_draining", FROM): level(1, 0, 0)},
        FROM,
        "Flowork runs, but is not ready",
        "A sign-in or a claim would fail at here.",
    ),
    Case(
        "FloworkStartDelayHigh",
        "one in ten starts late",
        histogram(DELAY, HOME, "0.5", "1.0", (0.2, 1, 0)),
        HOME,
        "Jobs of home start late",
        "The 95th percentile of start delays is 750ms; promised are 0.5 s.",
    ),
    Case(
        "FloworkEndToEndHigh",
        "one in ten takes long",
        histogram(END, HOME, "1.5", "3.0", (0.2, 1, 0)),
        HOME,
        "Jobs of home take long",
        "The 95th percentile from submit to end is 2.25s; promised are 1.5 s.",
    ),
    Case(
        "FloworkBudgetBurnsFast",
        "one in five fails; what was asked wrongly does not count",
        {READY: level(1, 1, 1), REFUSED: count(5, 0, 5), **share(SUCCEEDED, FAILED, (0.1, 2, 0))},
        {**FROM, "of": "jobs"},
        "The budget for jobs is being spent fast",
        "It goes 20.0 times as fast as the promise allows.",
    ),
    Case(
        "FloworkBudgetBurnsFast",
        "all of a few jobs failing says nothing, all of many does",
        {READY: level(1, 1, 1), FAILED: count(0.5, 10, 0), DEAD: count(0.5, 10, 0), SUCCEEDED: count(0, 0, 10)},
        {**FROM, "of": "jobs"},
        "The budget for jobs is being spent fast",
        "It goes 100.0 times as fast as the promise allows.",
    ),
    Case(
        "FloworkBudgetBurnsFast",
        "one in five answers is a 5xx",
        {READY: level(1, 1, 1), **share(ANSWERED, BROKEN, (0.1, 2, 0))},
        {**FROM, "of": "http"},
        "The budget for http is being spent fast",
        "It goes 20.0 times as fast as the promise allows.",
    ),
    Case(
        "FloworkBudgetBurnsFast",
        "nearly every job starts late",
        {SUCCEEDED: count(10, 10, 10), READY: level(1, 1, 1), **histogram(DELAY, HOME, "0.5", "1.0", (2, 9, 0))},
        {**FROM, "of": "start_delay"},
        "The budget for start_delay is being spent fast",
        "It goes 18.0 times as fast as the promise allows.",
    ),
    Case(
        "FloworkBudgetBurnsFast",
        "nearly every job takes long",
        {SUCCEEDED: count(10, 10, 10), READY: level(1, 1, 1), **histogram(END, HOME, "1.5", "3.0", (2, 9, 0))},
        {**FROM, "of": "end_to_end"},
        "The budget for end_to_end is being spent fast",
        "It goes 18.0 times as fast as the promise allows.",
    ),
    Case(
        "FloworkBudgetBurnsSlow",
        "one in twenty fails for hours",
        {READY: level(1, 1, 1, minutes=180), **share(SUCCEEDED, FAILED, (0, 0.5, 0), minutes=180)},
        {**FROM, "of": "jobs"},
        "The budget for jobs is being spent",
        "For two hours it has gone 5.0 times as fast as the promise allows.",
        quiet=175,
        fires=350,
        well=385,
    ),
    Case(
        "FloworkQueueWaits",
        "one more job would wait",
        {series("flowork_queue_expected_wait_seconds", HOME): level(0.1, 2, 0.1)},
        HOME,
        "One more job would wait at home",
        "The expected wait is 2s; the aim is 0.5 s.",
    ),
    Case(
        "FloworkQueueDeep",
        "waiting and scheduled jobs together fill the queue",
        {
            series("flowork_queue_jobs", HOME, state="queued"): level(10, 5000, 10),
            series("flowork_queue_jobs", HOME, state="scheduled"): level(10, 4000, 10),
            series("flowork_queue_jobs", HOME, state="running"): level(9000, 9000, 9000),
        },
        HOME,
        "The queue of home is nearly full",
        "9000 jobs wait; at hard_cap submits are refused.",
    ),
    Case(
        "FloworkQueueStuck",
        "a job is not started; during a drain that is meant",
        {
            series("flowork_queue_oldest_age_seconds", HOME): level(600, 600, 0),
            series("flowork_engine_draining", HOME): level(1, 0, 0),
        },
        HOME,
        "A job of home is not being started",
        "The oldest job that could run has waited for 10m 0s.",
    ),
    Case(
        "FloworkQueueUnavailable",
        "its file was refused",
        {series("flowork_queue_available", HOME): level(1, 0, 1)},
        HOME,
        "The queue of home cannot be opened",
        "Its file is damaged, missing, or of a newer version; its jobs wait in it.",
    ),
    Case(
        "FloworkEngineDown",
        "the last process is silent",
        {
            series("flowork_instances", HOME, state="up"): level(1, 0, 1),
            series("flowork_instances", HOME, state="silent"): level(0, 1, 0),
            series("flowork_slots", HOME): level(4, 0, 4),
            series("flowork_engine_draining", HOME): level(0, 0, 0),
        },
        HOME,
        "Nobody serves home",
        "No process of this engine is up; its jobs wait.",
    ),
    Case(
        "FloworkEngineDown",
        "nothing is known of any process; during a drain that is meant",
        {
            series("flowork_instances", HOME, state="up"): "_x59 1x30",
            series("flowork_slots", HOME): level(0, 0, 4),
            series("flowork_engine_draining", HOME): level(1, 0, 0),
        },
        HOME,
        "Nobody serves home",
        "No process of this engine is up; its jobs wait.",
    ),
    Case(
        "FloworkEngineDeaf",
        "a process beats and asks for nothing",
        {series("flowork_instances", HOME, state="deaf"): level(0, 1, 0)},
        {**HOME, "state": "deaf"},
        "A process of home asks for no work",
        "Processes that beat but do not claim: 1.",
    ),
    Case(
        "FloworkProviderFailing",
        "four in five fail; what was asked wrongly or cancelled counts neither as failed nor as answered",
        {CALLED: count(10, 10, 10), UNREACHABLE: count(0.5, 4, 0), MISASKED: count(6, 4, 6), LEFT: count(2, 1, 2)},
        PROVIDER,
        "Calls of home to ollama fail",
        "80% of those of ten minutes failed by the provider's fault, or for want of key or credit.",
    ),
    Case(
        "FloworkProviderFailing",
        "all of a few failing says nothing, all of many does; soon after nobody calls it is over",
        {CALLED: count(0.5, 10, 0), UNREACHABLE: count(0.5, 10, 0)},
        PROVIDER,
        "Calls of home to ollama fail",
        "100% of those of ten minutes failed by the provider's fault, or for want of key or credit.",
        well=66,
    ),
    Case(
        "FloworkDiskLow",
        "the disk is nearly full",
        {series("flowork_disk_free_bytes", FROM): level(5 * GIB, GIB // 4, 5 * GIB)},
        FROM,
        "The data folder's disk is nearly full",
        "256MiB are free.",
    ),
    Case(
        "FloworkDiskFilling",
        "a gibibyte goes every ten minutes",
        {series("flowork_disk_free_bytes", FROM): f"{50 * GIB}x179 {50 * GIB}-{GIB // 10}x179 {50 * GIB}x179"},
        FROM,
        "The data folder's disk fills up",
        "If it goes on like this, it is nearly full within 12 hours.",
        quiet=170,
        fires=340,
        well=535,
    ),
    Case(
        "FloworkTunnelClosed",
        "its listener was open and is not; one that was never open is not missed",
        {series("flowork_listener_open", FROM, ingress="tunnel"): "0x59 1x29 0x29 1x30"},
        {**FROM, "ingress": "tunnel"},
        "The listener for the tunnel has closed",
        "Who comes by the tunnel does not reach here.",
        quiet=58,
        fires=115,
        well=145,
    ),
    Case(
        "FloworkAuditBroken",
        "a record was changed",
        {series("flowork_audit_intact", FROM): level(1, 0, 1)},
        FROM,
        "The audit log is not whole",
        "Records were changed, or an older copy was put in place.",
    ),
    Case(
        "FloworkAuditHeadOld",
        "it has not been signed for long",
        {series("flowork_audit_head_age_seconds", FROM): level(300, 1800, 10)},
        FROM,
        "The audit log is no longer signed",
        "The newest signed word on it is 30m 0s old.",
    ),
    Case(
        "FloworkSecretsLocked",
        "the keyring is locked",
        {series("flowork_secrets_open", FROM): level(1, 0, 1)},
        FROM,
        "The place of the secrets is locked",
        "Nobody can sign in, and nothing can be signed.",
    ),
    Case(
        "FloworkEventLoopLag",
        "one in ten is late",
        histogram("flowork_event_loop_lag_seconds", FROM, "0.1", "0.5", (0, 1, 0)),
        FROM,
        "The gateway is too busy to keep time",
        "One in a hundred things is 460ms late.",
    ),
    Case(
        "FloworkWriterSlow",
        "one in ten waits for long",
        histogram("flowork_writer_wait_seconds", HOME, "0.1", "0.5", (0, 1, 0)),
        HOME,
        "The queue of home is written slowly",
        "The 95th percentile of waits for a commit is 300ms.",
    ),
    Case(
        "FloworkAuthFailures",
        "somebody tries keys",
        {
            series("flowork_auth_failures_total", FROM, code="auth.a"): count(1, 30, 1),
            series("flowork_auth_failures_total", FROM, code="auth.b"): count(1, 30, 1),
        },
        FROM,
        "Many credentials are refused",
        "60 a minute.",
    ),
)
