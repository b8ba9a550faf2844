"""Every metric of the gateway, defined once: `/metrics`, the OTLP push, the dashboard and the alert rules all read these.

Names follow Prometheus' conventions (base units, `_total`), those of HTTP OpenTelemetry's. Labels are engines, routes, codes and
other words from closed lists, never a user, a job or an address: their number does not grow with use.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPMethod
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.words import JobState
from gateway.telemetry.scene import LevelScene, QueueScene, Scene
from gateway.telemetry.signals import Listener, Submission

disable_created_metrics()  # type: ignore[no-untyped-call] # a second time series beside each, for what `process_start_time_seconds` tells once


def _steps(least: float, most: float, ratio: float) -> tuple[float, ...]:
    """Boundaries from `least`, each so many times the one before, rounded to three digits; the last is `most`."""
    found, step = [], least
    while step < most / ratio**0.5:
        found.append(float(f"{step:.3g}"))
        step *= ratio
    return (*found, most)


JOB_S: Final = (*_steps(0.001, 0.5, 1.12), *_steps(0.56, 1.5, 1.12), *_steps(1.68, 5.0, 1.12), 10.0, 20.0, 60.0, 300.0, 1800.0)
"""So fine that a p95 read off the histogram is within 5 % of the true one; with edges at the promises' 0.5 s and 1.5 s."""
COMMIT_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
BATCH: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
HTTP_S: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CALL_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
LATE_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
NO_ROUTE: Final = "none"
NO_CODE: Final = "none"
CODES_MAX: Final = 100
OTHER_CODE: Final = "other"
"""Stands for the codes of failures beyond the first hundred."""
METHODS: Final = frozenset(str(method) for method in HTTPMethod)
OTHER_METHOD: Final = "_OTHER"
"""OpenTelemetry's word for a method that is none."""


@dataclass(slots=True)
class _EngineMeters:
    """The metrics of one engine: looked up once, as finding a label's child costs more than counting; and there from the start, at 0."""

    accepted: Counter
    replayed: Counter
    lost: Counter
    fenced: Counter
    again: Counter
    delay: Histogram
    end: Histogram
    batch: Histogram
    waited: Histogram
    commit: Histogram


class Meters(Listener):
    """Counts what it is told.

    Args:
        name_of: an engine's id -> the name that labels carry.
    """

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._codes: set[str] = set()
        self._engines: dict[str, _EngineMeters] = {}
        self._looked = _Looked()
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self._http = Histogram(
            "http_server_request_duration_seconds",
            "From a request to the end of its answer. Claims and event streams wait on purpose.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=HTTP_S,
            registry=registry,
        )
        self._auth = Counter("flowork_auth_failures", "Credentials that were refused, by the code of why.", ["code"], registry=registry)
        self._submits = Counter("flowork_submits", "Submits that have their job.", ["engine", "outcome"], registry=registry)
        self._refused = Counter(
            "flowork_admissions_refused", "Submits that the queue refused, by the code of why.", ["engine", "code"], registry=registry
        )
        self._delay = Histogram(
            "flowork_start_delay_seconds",
            "From a job's commit to its lease's commit (claim latency).",
            ["engine"],
            buckets=JOB_S,
            registry=registry,
        )
        self._end = Histogram(
            "flowork_end_to_end_seconds",
            "From a job's commit to its final state, of those that succeeded or are dead.",
            ["engine"],
            buckets=JOB_S,
            registry=registry,
        )
        self._jobs = Counter("flowork_jobs", "Jobs that reached a final state.", ["engine", "state"], registry=registry)
        self._failures = Counter("flowork_job_failures", "Jobs that ended dead, by the code of why.", ["engine", "code"], registry=registry)
        self._lost = Counter("flowork_leases_lost", "Leases that ran out before their attempts ended.", ["engine"], registry=registry)
        self._fenced = Counter("flowork_finishes_fenced", "Reports of attempts that held nothing any more.", ["engine"], registry=registry)
        self._again = Counter(
            "flowork_claims_replayed", "Claims that were asked again and got the same leases.", ["engine"], registry=registry
        )
        self._batch = Histogram(
            "flowork_commit_batch_calls", "Calls that one commit carried.", ["engine"], buckets=BATCH, registry=registry
        )
        self._waited = Histogram(
            "flowork_writer_wait_seconds", "From a batch's first call to its turn.", ["engine"], buckets=COMMIT_S, registry=registry
        )
        self._commit = Histogram(
            "flowork_commit_seconds", "COMMIT of a queue, with its fsync.", ["engine"], buckets=COMMIT_S, registry=registry
        )
        of_provider = ["engine", "provider"]
        self._call = Histogram(
            "flowork_provider_call_seconds", "Calls to providers, to their end.", of_provider, buckets=CALL_S, registry=registry
        )
        self._first = Histogram(
            "flowork_provider_first_token_seconds",
            "From a call to the first token of its streamed answer.",
            of_provider,
            buckets=CALL_S,
            registry=registry,
        )
        self._call_errors = Counter(
            "flowork_provider_errors", "Calls to providers that failed, by the code of why.", [*of_provider, "code"], registry=registry
        )
        self._tokens = Counter("flowork_provider_tokens", "Tokens that providers counted.", [*of_provider, "direction"], registry=registry)
        self._cost = Counter(
            "flowork_provider_cost", "What they cost by the owner's prices, in the owner's currency.", of_provider, registry=registry
        )
        self._late = Histogram(
            "flowork_event_loop_lag_seconds", "How late the event loop runs what is due.", buckets=LATE_S, registry=registry
        )
        registry.register(self._looked)
        ProcessCollector(registry=registry)  # CPU, memory and open files, where the system tells (Linux)

    def page(self, scene: Scene, accept: str) -> tuple[bytes, str]:
        """All metrics, with what is looked at as `scene` says, in the format that an Accept header asks for; and its media type."""
        self._looked.scene = scene
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type

    def read(self, scene: Scene) -> list[Metric]:
        """The same, as families."""
        self._looked.scene = scene
        return list(self.registry.collect())

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        self._http.labels(method if method in METHODS else OTHER_METHOD, route or NO_ROUTE, str(status)).observe(seconds)

    def auth_failed(self, code: str) -> None:
        self._auth.labels(code).inc()

    def submitted(self, engine: str, how: Submission) -> None:
        of = self._of(engine)
        (of.accepted if how is Submission.ACCEPTED else of.replayed).inc()

    def refused(self, engine: str, code: str) -> None:
        self._refused.labels(self._name_of(engine), code).inc()

    def leased(self, engine: str, start_delay_ms: float) -> None:
        self._of(engine).delay.observe(start_delay_ms / 1000)

    def claim_replayed(self, engine: str) -> None:
        self._of(engine).again.inc()

    def leases_lost(self, engine: str, count: int) -> None:
        self._of(engine).lost.inc(count)

    def finish_fenced(self, engine: str) -> None:
        self._of(engine).fenced.inc()

    def ended(self, engine: str, state: JobState, code: str | None, end_to_end_ms: float | None) -> None:
        name = self._name_of(engine)
        self._jobs.labels(name, str(state)).inc()
        if state is JobState.DEAD:
            self._failures.labels(name, self._known(code or NO_CODE)).inc()
        if end_to_end_ms is not None and state in {JobState.SUCCEEDED, JobState.DEAD}:
            self._of(engine).end.observe(end_to_end_ms / 1000)

    def committed(self, engine: str, calls: int, waited_s: float, took_s: float) -> None:
        of = self._of(engine)
        of.batch.observe(calls)
        of.waited.observe(waited_s)
        of.commit.observe(took_s)

    def provider_called(self, engine: str, provider: str, took_s: float, first_token_s: float | None, code: str | None) -> None:
        name = self._name_of(engine)
        self._call.labels(name, provider).observe(took_s)
        if first_token_s is not None:
            self._first.labels(name, provider).observe(first_token_s)
        if code is not None:
            self._call_errors.labels(name, provider, self._known(code)).inc()

    def provider_used(self, engine: str, provider: str, input_tokens: int, output_tokens: int, cost: float) -> None:
        name = self._name_of(engine)
        self._tokens.labels(name, provider, "input").inc(input_tokens)
        self._tokens.labels(name, provider, "output").inc(output_tokens)
        self._cost.labels(name, provider).inc(cost)

    def loop_late(self, seconds: float) -> None:
        self._late.observe(seconds)

    def _known(self, code: str) -> str:
        """A code as a label: kinds make up their own, and one that puts an id into them must not fill the memory."""
        if code not in self._codes and len(self._codes) < CODES_MAX:
            self._codes.add(code)
        return code if code in self._codes else OTHER_CODE

    def _of(self, engine: str) -> _EngineMeters:
        found = self._engines.get(engine)
        if found is None:
            name = self._name_of(engine)
            found = self._engines[engine] = _EngineMeters(
                accepted=self._submits.labels(name, Submission.ACCEPTED),
                replayed=self._submits.labels(name, Submission.REPLAYED),
                lost=self._lost.labels(name),
                fenced=self._fenced.labels(name),
                again=self._again.labels(name),
                delay=self._delay.labels(name),
                end=self._end.labels(name),
                batch=self._batch.labels(name),
                waited=self._waited.labels(name),
                commit=self._commit.labels(name),
            )
        return found


class _Looked(Collector):
    """The metrics that are looked at."""

    def __init__(self) -> None:
        self.scene = Scene(version="", ready=False, draining=False)

    def collect(self) -> Iterable[Metric]:
        return families(self.scene)


_BY_ENGINE: Final[list[tuple[str, str, Callable[[QueueScene], float | None]]]] = [
    ("flowork_queue_oldest_age_seconds", "How long the oldest job waits for its first lease.", lambda queue: queue.oldest_s),
    ("flowork_queue_expected_wait_seconds", "What one more job would wait.", lambda queue: queue.wait_s),
    ("flowork_queue_available", "0 while the queue's file is refused.", lambda queue: queue.available),
    ("flowork_slots", "Jobs that may run at once (workers).", lambda queue: queue.slots),
    ("flowork_slots_busy", "Jobs that run.", lambda queue: queue.busy),
    ("flowork_worker_busy_ratio", "Busy slots over slots.", lambda queue: queue.busy / queue.slots if queue.slots else None),
    ("flowork_wal_bytes", "Size of the queue's write-ahead log.", lambda queue: queue.wal_bytes),
    ("flowork_engine_draining", "1 while the engine takes no new work.", lambda queue: queue.draining),
]
_BY_LEVEL: Final[list[tuple[str, str, Callable[[LevelScene], float | None]]]] = [
    ("flowork_slo_seconds", "What is measured of a promise about time (p95 of 15 minutes).", lambda of: of.value if of.seconds else None),
    ("flowork_slo_target_seconds", "The most that is promised of it.", lambda of: of.target if of.seconds else None),
    ("flowork_slo_ratio", "What is measured of a promise about a share.", lambda of: None if of.seconds else of.value),
    ("flowork_slo_target_ratio", "The most, or the least, that is promised of it.", lambda of: None if of.seconds else of.target),
    ("flowork_slo_burning", "1 while a promise is not met.", lambda level: level.burning),
    ("flowork_slo_error_budget_ratio", "What is left of the error budget; below 0 it is overspent.", lambda level: level.budget_left),
]
_WHOLE: Final[list[tuple[str, str, Callable[[Scene], float | None]]]] = [
    ("flowork_ready", "1 when a sign-in and a claim would succeed.", lambda scene: scene.ready),
    ("flowork_draining", "1 while the gateway takes no new jobs.", lambda scene: scene.draining),
    ("flowork_sockets", "Live sockets of people.", lambda scene: scene.sockets),
    ("flowork_disk_free_bytes", "Left on the data folder's disk.", lambda scene: scene.disk_free_bytes),
    ("flowork_memory_free_bytes", "What programs can get without swapping.", lambda scene: scene.memory_free_bytes),
    ("flowork_audit_head_age_seconds", "Age of the newest signed word on the audit log.", lambda scene: scene.audit_head_age_s),
    ("flowork_audit_intact", "1 when the audit log was whole at its last reading.", lambda scene: scene.audit_intact),
    ("flowork_secrets_open", "1 while the place of the secrets is neither locked nor gone.", lambda scene: scene.secrets_open),
]


def families(scene: Scene) -> list[Metric]:
    """What is looked at: each family, with a sample for what is known of it."""
    queues, levels = scene.queues.items(), scene.levels.items()
    found = [_gauge(metric, text, ["engine"], (((name,), of(queue)) for name, queue in queues)) for metric, text, of in _BY_ENGINE]
    found += [_gauge(metric, text, ["slo"], (((name,), of(level)) for name, level in levels)) for metric, text, of in _BY_LEVEL]
    found += [_gauge(metric, text, [], [((), of(scene))]) for metric, text, of in _WHOLE]
    by_state = ["engine", "state"]
    jobs = (((name, state), count) for name, queue in queues for state, count in queue.jobs.items())
    instances = (((name, state), count) for name, queue in queues for state, count in queue.instances.items())
    listeners = (((name,), opened) for name, opened in scene.listeners.items())
    return [
        _gauge("flowork_queue_jobs", "Jobs that wait or run.", by_state, jobs),
        _gauge("flowork_instances", "Processes that serve an engine.", by_state, instances),
        *found,
        _gauge(
            "flowork_listener_open", "1 while a listener is open; the tunnel's is where a tunnel client connects.", ["ingress"], listeners
        ),
        _gauge("flowork_build_info", "What runs.", ["version"], [((scene.version,), 1)]),
    ]


def _gauge(name: str, text: str, labels: list[str], samples: Iterable[tuple[tuple[str, ...], float | None]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(list(values), float(value))
    return family
