"""The OTLP push says what `/metrics` says: read back from the bytes that go over the wire."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from gateway.telemetry.meters import JOB_S, Meters
from gateway.telemetry.push import Span, converted, otlp_name
from gateway.telemetry.scene import Scene

SCENE = Scene(version="1", ready=True, draining=False, disk_free_bytes=5)


def pushed(meters: Meters) -> dict[str, Any]:
    """The metrics by name, as a collector decodes them."""
    data = converted(meters.read(SCENE), Resource({"service.name": "flowork-gateway"}), Span(1, 2))
    (resource,) = encode_metrics(data).resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: metric for metric in scope.metrics}


@pytest.fixture
def meters() -> Meters:
    return Meters(lambda engine: engine)


def test_a_histogram_has_the_counts_of_its_buckets_not_their_running_sums(meters: Meters):
    for delay_ms in (3.0, 3.0, 400.0, 1e9):
        meters.leased("home", delay_ms)
    metric = pushed(meters)["flowork.start_delay"]
    (point,) = metric.histogram.data_points
    assert (metric.unit, point.count, point.start_time_unix_nano, point.time_unix_nano) == ("s", 4, 1, 2)
    assert point.sum == pytest.approx(1_000_000.406)
    assert list(point.explicit_bounds) == list(JOB_S)
    assert len(point.bucket_counts) == len(JOB_S) + 1
    counted = {index: count for index, count in enumerate(point.bucket_counts) if count}
    assert counted == {JOB_S.index(0.00311): 2, JOB_S.index(0.406): 1, len(JOB_S): 1}
    assert not point.HasField("min")
    assert [(label.key, label.value.string_value) for label in point.attributes] == [("engine", "home")]


def test_a_counter_is_a_cumulative_sum_under_its_bare_name(meters: Meters):
    meters.leases_lost("home", 3)
    metric = pushed(meters)["flowork.leases_lost"]
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == 2
    assert [point.as_double for point in metric.sum.data_points] == [3.0]


def test_http_has_the_names_and_types_of_the_convention(meters: Meters):
    meters.answered("/api/v1/jobs", "POST", 201, 0.1)
    (point,) = pushed(meters)["http.server.request.duration"].histogram.data_points
    labels = {label.key: label.value for label in point.attributes}
    assert labels["http.request.method"].string_value == "POST"
    assert labels["http.route"].string_value == "/api/v1/jobs"
    assert labels["http.response.status_code"].int_value == 201


def test_what_is_looked_at_is_a_gauge_and_what_is_unknown_is_left_out(meters: Meters):
    found = pushed(meters)
    assert [point.as_double for point in found["flowork.disk_free"].gauge.data_points] == [5.0]
    assert found["flowork.disk_free"].unit == "By"
    assert "flowork.memory_free" not in found


@pytest.mark.parametrize(
    ("prometheus", "name", "unit"),
    [
        ("flowork_start_delay_seconds", "flowork.start_delay", "s"),
        ("flowork_wal_bytes", "flowork.wal", "By"),
        ("flowork_worker_busy_ratio", "flowork.worker_busy", "1"),
        ("flowork_submits", "flowork.submits", "1"),
        ("process_resident_memory_bytes", "process.resident_memory", "By"),
    ],
)
def test_names_lose_their_unit_which_stands_beside_them(prometheus: str, name: str, unit: str):
    assert otlp_name(prometheus) == (name, unit)
