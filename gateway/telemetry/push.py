"""The metrics by OTLP over HTTP, for collectors that are pushed to. Loaded only when one is named.

One definition for both: what `/metrics` shows is converted. Names become OpenTelemetry's, from which its own rules make
Prometheus' names again: `flowork_start_delay_seconds` is `flowork.start_delay` in `s`.
"""

import asyncio
import contextlib
import http.client
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from kit.clock import Clock
from kit.logs import Log
from kit.otlp import OtlpSettings
from kit.otlp_wire import Post, Poster, attributes, resource, scope
from kit.spans import Service, Value

log = Log("otlp")
UNITS: Final = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}
LABELS: Final = {
    "http_request_method": "http.request.method",
    "http_route": "http.route",
    "http_response_status_code": "http.response.status_code",
}
NAMES: Final = {"http_server_request_duration_seconds": "http.server.request.duration"}
CUMULATIVE: Final = otlp.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass(frozen=True, slots=True)
class Counted:
    """The time over which counts are counted; nanoseconds since the epoch."""

    start_ns: int
    end_ns: int


async def push(settings: OtlpSettings, read: Callable[[], Awaitable[list[Metric]]], clock: Clock, service: Service) -> None:
    """Push all metrics every `metrics_interval_s`, for ever; `read` gives all families as they are now.

    A collector that is away costs nothing but its samples: counts go on, and the next push tells them.

    Raises:
        HeadersRefused: the file with the collector's headers cannot be used.
    """
    assert settings.endpoint is not None
    post = Poster(settings.endpoint, "/v1/metrics", settings.headers())
    start_ns, reached = clock.now().wall * 1000, True
    while True:
        await asyncio.sleep(settings.metrics_interval_s)
        body = encoded(await read(), service, Counted(start_ns, clock.now().wall * 1000))
        status = await asyncio.to_thread(_sent, post, body)
        done = status is not None and status < 300
        if done and not reached:
            log.info("metrics.sent_again")
        elif reached and not done:
            log.warning("metrics.unsent", status=status)
        reached = done


def _sent(post: Post, body: bytes) -> int | None:
    """The collector's status; None when there was no answer."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        return post(body)
    return None


def encoded(families: Iterable[Metric], service: Service, counted: Counted) -> bytes:
    """One `ExportMetricsServiceRequest` with Prometheus' families."""
    metrics = [metric for family in families if (metric := _metric(family, counted)) is not None]
    whole = otlp.ResourceMetrics(resource=resource(service), scope_metrics=[otlp.ScopeMetrics(scope=scope(service), metrics=metrics)])
    body: bytes = ExportMetricsServiceRequest(resource_metrics=[whole]).SerializeToString()
    return body


def otlp_name(prometheus: str) -> tuple[str, str]:
    """A family's name and unit in OpenTelemetry; counts of things have the unit 1."""
    suffix = next((suffix for suffix in UNITS if prometheus.endswith(suffix)), "")
    name = prometheus.removesuffix(suffix).replace("flowork_", "flowork.", 1).replace("process_", "process.", 1)
    return NAMES.get(prometheus, name), UNITS.get(suffix, "1")


def _metric(family: Metric, counted: Counted) -> otlp.Metric | None:
    if not family.samples:
        return None
    name, unit = otlp_name(family.name)
    metric = otlp.Metric(name=name, description=family.documentation, unit=unit)
    if family.type == "counter":
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = CUMULATIVE
        metric.sum.data_points.extend(_number(sample, counted) for sample in family.samples)
    elif family.type == "histogram":
        metric.histogram.aggregation_temporality = CUMULATIVE
        metric.histogram.data_points.extend(_histograms(family.samples, counted))
    else:
        metric.gauge.data_points.extend(_number(sample, counted) for sample in family.samples)
    return metric


def _number(sample: Sample, counted: Counted) -> otlp.NumberDataPoint:
    return otlp.NumberDataPoint(
        attributes=_labels(sample.labels),
        start_time_unix_nano=counted.start_ns,
        time_unix_nano=counted.end_ns,
        as_double=sample.value,
    )


def _histograms(samples: Iterable[Sample], counted: Counted) -> Iterator[otlp.HistogramDataPoint]:
    """One point for each set of labels; Prometheus' buckets are running sums, OTLP's are not."""
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        field = sample.labels.get("le") or sample.name.rpartition("_")[2]
        found.setdefault(labels, {})[field] = sample.value
    for labels, fields in found.items():
        total, count = fields.pop("sum"), round(fields.pop("count"))
        yield otlp.HistogramDataPoint(
            attributes=_labels(dict(labels)),
            start_time_unix_nano=counted.start_ns,
            time_unix_nano=counted.end_ns,
            count=count,
            sum=total,
            bucket_counts=[round(after - before) for before, after in pairwise([0.0, *fields.values()])],
            explicit_bounds=[float(bound) for bound in fields if bound != "+Inf"],
        )


def _labels(labels: Mapping[str, str]) -> list[KeyValue]:
    """Labels under OpenTelemetry's names; a status is a number there."""
    named: dict[str, Value] = {
        LABELS.get(name, name): int(value) if name == "http_response_status_code" else value for name, value in labels.items()
    }
    return attributes(named)
