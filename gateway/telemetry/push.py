"""The metrics by OTLP over HTTP, for collectors that are pushed to. OpenTelemetry is loaded here only, and only when asked for.

One definition for both: what `/metrics` shows is converted. Names become OpenTelemetry's, from which its own rules make
Prometheus' names again: `flowork_start_delay_seconds` is `flowork.start_delay` in `s`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import export as otlp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from kit.clock import Clock
from kit.logs import Log
from kit.otlp import OtlpSettings

log = Log("otlp")
TIMEOUT_S: Final = 10
UNITS: Final = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}
LABELS: Final = {
    "http_request_method": "http.request.method",
    "http_route": "http.route",
    "http_response_status_code": "http.response.status_code",
}
NAMES: Final = {"http_server_request_duration_seconds": "http.server.request.duration"}
UNTOLD: Final[Any] = None
"""Prometheus keeps no least and greatest; the field is optional on the wire, though not in the class."""


@dataclass(frozen=True, slots=True)
class Span:
    """What the counts are counted over; nanoseconds since the epoch."""

    start_ns: int
    end_ns: int


async def push(settings: OtlpSettings, read: Callable[[], Awaitable[list[Metric]]], clock: Clock, version: str, instance: str) -> None:
    """Push all metrics every `metrics_interval_s`, for ever. A collector that is away costs nothing but its samples.

    `read` gives all families as they are now, `instance` is the `service.instance.id`.

    Raises:
        HeadersRefused: the file with the collector's headers cannot be used.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells each failed attempt with a stack; we tell the first
    exporter = _exporter(settings)
    resource = Resource({"service.name": "flowork-gateway", "service.version": version, "service.instance.id": instance})
    start_ns, reached = clock.now().wall * 1000, True
    try:
        while True:
            await asyncio.sleep(settings.metrics_interval_s)
            data = converted(await read(), resource, Span(start_ns, clock.now().wall * 1000))
            done = await asyncio.to_thread(exporter.export, data) is otlp.MetricExportResult.SUCCESS
            if done is not reached:
                reached = done
                (log.info if done else log.warning)("otlp.metrics", reached=done, endpoint=settings.endpoint)
    finally:
        exporter.shutdown()


def _exporter(settings: OtlpSettings) -> OTLPMetricExporter:
    """One that hears of no variable in the environment: it sends where the settings say, or nowhere."""
    session = requests.Session()
    session.trust_env = False
    return OTLPMetricExporter(endpoint=f"{settings.endpoint}/v1/metrics", headers=settings.headers(), timeout=TIMEOUT_S, session=session)


def converted(families: Iterable[Metric], resource: Resource, span: Span) -> otlp.MetricsData:
    """Prometheus' families as OTLP's."""
    metrics = [metric for family in families if (metric := _metric(family, span)) is not None]
    scope = otlp.ScopeMetrics(InstrumentationScope("flowork"), metrics, "")
    return otlp.MetricsData([otlp.ResourceMetrics(resource, [scope], "")])


def otlp_name(prometheus: str) -> tuple[str, str]:
    """A family's name and unit in OpenTelemetry; counts of things have the unit 1."""
    suffix = next((suffix for suffix in UNITS if prometheus.endswith(suffix)), "")
    name = prometheus.removesuffix(suffix).replace("flowork_", "flowork.", 1).replace("process_", "process.", 1)
    return NAMES.get(prometheus, name), UNITS.get(suffix, "1")


def _metric(family: Metric, span: Span) -> otlp.Metric | None:
    name, unit = otlp_name(family.name)
    data: otlp.Sum | otlp.Histogram | otlp.Gauge
    if family.type == "counter":
        counts = [_number(sample, span) for sample in family.samples if sample.name.endswith("_total")]
        data = otlp.Sum(counts, otlp.AggregationTemporality.CUMULATIVE, is_monotonic=True)
    elif family.type == "histogram":
        data = otlp.Histogram(list(_histograms(family.samples, span)), otlp.AggregationTemporality.CUMULATIVE)
    else:
        data = otlp.Gauge([_number(sample, span) for sample in family.samples])
    return otlp.Metric(name, family.documentation, unit, data) if data.data_points else None


def _number(sample: Sample, span: Span) -> otlp.NumberDataPoint:
    return otlp.NumberDataPoint(_attributes(sample.labels), span.start_ns, span.end_ns, sample.value)


def _histograms(samples: Iterable[Sample], span: Span) -> Iterator[otlp.HistogramDataPoint]:
    """One point for each set of labels; Prometheus' buckets are cumulative, OTLP's are not."""
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        field = sample.labels.get("le") or sample.name.rpartition("_")[2]
        found.setdefault(tuple(labels.items()), {})[field] = sample.value
    for labels_, fields in found.items():
        total = fields.pop("sum")
        count = round(fields.pop("count"))
        fields.pop("created", None)
        below = [round(value) for value in fields.values()]
        yield otlp.HistogramDataPoint(
            attributes=_attributes(dict(labels_)),
            start_time_unix_nano=span.start_ns,
            time_unix_nano=span.end_ns,
            count=count,
            sum=total,
            bucket_counts=[after - before for before, after in pairwise([0, *below])],
            explicit_bounds=[float(bound) for bound in fields if bound != "+Inf"],
            min=UNTOLD,
            max=UNTOLD,
        )


def _attributes(labels: Mapping[str, str]) -> dict[str, str | int]:
    """Labels under OpenTelemetry's names; a status is a number there."""
    return {LABELS.get(name, name): int(value) if name == "http_response_status_code" else value for name, value in labels.items()}
