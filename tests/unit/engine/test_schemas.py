"""`engine.tools.schemas`: arguments against schemas that others wrote."""

import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from engine.rules.failures import JobFailed
from engine.tools.schemas import Schemas

ROOT = Path(__file__).parents[3]
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 9}, "in": {"type": "object", "properties": {"x": {"enum": ["a"]}}}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("fits", [{"n": 1}, {"n": 9, "in": {"x": "a"}}, {"n": 1, "in": {}}])
def test_what_fits_passes(fits: Any):
    Schemas().check(SCHEMA, fits)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({}, "arguments"),
        ({"n": "secret"}, "n"),
        ({"n": 10}, "n"),
        ({"n": 1, "secret": 1}, "arguments"),
        ({"n": 1, "in": {"x": "secret"}}, "in.x"),
    ],
    ids=["missing", "type", "maximum", "unknown", "nested"],
)
def test_a_mistake_is_told_by_place_and_rule_and_without_the_value(wrong: Any, place: str):
    with pytest.raises(JobFailed) as failed:
        Schemas().check(SCHEMA, wrong)
    assert (failed.value.code, failed.value.retryable) == ("tool.arguments_invalid", False)
    assert failed.value.message.startswith(f"{place}:")
    assert "secret" not in failed.value.message


def test_nothing_is_fetched_for_a_schema(monkeypatch: pytest.MonkeyPatch):
    fetched: list[object] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *asked, **_: fetched.append(asked))
    with pytest.raises(JobFailed) as failed:
        Schemas().check({"$ref": "http://127.0.0.1:9/schema.json"}, {})
    assert (failed.value.code, fetched) == ("tool.failed", [])


@pytest.mark.parametrize("schema", [{"type": "no such type"}, {"properties": 7}])
def test_a_schema_that_is_none_is_a_fault_of_the_tool(schema: dict[str, Any]):
    assert Schemas().fault(schema)
    with pytest.raises(JobFailed) as failed:
        Schemas().check(schema, {})
    assert failed.value.code == "tool.failed"


def test_heavy_libraries_are_loaded_only_when_they_are_used():
    code = (
        "import sys, engine.wiring, app.commands.tools\n"
        "print([name for name in ('mcp', 'jsonschema', 'httpx2', 'aiohttp.web', 'psutil') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"
