"""Every metric and label that rules and dashboard name is one that the gateway has."""

import re

import pytest

from contract.words import JobState
from deploy.alerts import ALERTS
from deploy.recorded import RECORDS
from deploy.rows import ROWS
from gateway.telemetry.meters import Meters
from gateway.telemetry.scene import LevelScene, QueueScene, Scene
from gateway.telemetry.signals import Submission

QUERIES = {
    **{f"record {record.name} {' '.join(record.labels.values())}".rstrip(): record.expr for record in RECORDS},
    **{f"alert {alert.name}": alert.expr for alert in ALERTS},
    **{f"panel {panel.title} {query.legend}": query.expr for row in ROWS for panel in row.panels for query in panel.queries},
}
OF_PROMETHEUS = {"job", "instance"}
LEVELS = {"engine": {"engine"}, "provider": {"engine", "provider"}, "of": {"of"}}
"""What the names of records begin with -> labels."""
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"""Told on Linux only."""
WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "offset", "bool"}
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
MATCHERS = re.compile(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)")
SPAN = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
NAME = re.compile(r"(?<![\w.$])([A-Za-z_:][\w:]*)(?!\s*\()\b(?![\w:])")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def has() -> dict[str, set[str]]:
    """Sample -> its labels, of a gateway to which everything has happened."""
    meters = Meters(lambda engine: engine)
    meters.answered("/x", "GET", 200, 0.1)
    meters.auth_failed("auth.x")
    meters.submitted("home", Submission.ACCEPTED)
    meters.refused("home", "queue.full")
    meters.leased("home", 1)
    meters.ended("home", JobState.DEAD, "x", 1)
    meters.committed("home", 1, 0.1, 0.1)
    meters.provider_called("home", "ollama", 0.1, 0.1, "provider.x")
    meters.provider_used("home", "ollama", 1, 1, 0.1)
    meters.loop_late(0.1)
    queue = QueueScene({"queued": 1}, 1, 1, 1, 1, {"up": 1}, 1, draining=False, available=True)
    levels = {
        name: LevelScene(seconds=seconds, value=1, target=1, burning=False, budget_left=1)
        for name, seconds in (("start_delay", True), ("error_rate", False))
    }
    scene = Scene("1", True, False, {"home": queue}, levels, {"tunnel": True}, 1, 1, 1, 1, True)
    found = {sample.name: set(sample.labels) for family in meters.read(scene) for sample in family.samples}
    found |= {record.name: LEVELS[record.name.partition(":")[0]] for record in RECORDS}
    return found | {name: set() for name in PROCESS} | {"up": set()}


HAS = has()


def named(query: str) -> set[str]:
    """The metrics of a query."""
    bare = SPAN.sub(" ", GROUPED.sub(" ", MATCHERS.sub(r" \1 ", query)))
    return set(NAME.findall(TEXT.sub(" ", bare))) - WORDS


@pytest.mark.parametrize("where", QUERIES)
def test_a_query_names_only_metrics_and_labels_that_exist(where: str):
    query = QUERIES[where].replace("$engine", "home").replace("$__rate_interval", "1m")
    metrics = named(query)
    assert metrics
    assert metrics - HAS.keys() == set()
    for metric, inside in MATCHERS.findall(query):
        assert set(LABEL.findall(TEXT.sub(" ", inside))) - HAS[metric] - OF_PROMETHEUS == set(), metric
    every = set().union(*(HAS[metric] for metric in metrics)) | OF_PROMETHEUS
    for grouped in GROUPED.findall(query):
        assert {label.strip() for label in grouped.split(",")} - every == set()


def test_the_names_of_a_query_are_found():
    query = 'sum by (engine, le) (rate(a_bucket{engine=~"x|y.*"}[5m])) / on (job) (b:c > 0.5 or d offset 1h) and vector(1e3)'
    assert named(query) == {"a_bucket", "b:c", "d"}


def test_the_limits_of_the_promises_are_edges_of_their_histograms():
    meters = Meters(lambda engine: engine)
    meters.leased("home", 1)
    edges = {sample.labels.get("le") for family in meters.read(Scene("1", True, False)) for sample in family.samples}
    wanted = {le for record in RECORDS for le in re.findall(r'le="([^"]*)"', record.expr)}
    assert wanted == {"0.5", "1.5"}
    assert wanted <= edges
