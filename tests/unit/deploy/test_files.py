"""The files of deploy/ are what the code says, and what they point to is there."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from app.roles import ROLES
from deploy.alerts import ALERTS, RUNBOOKS
from deploy.cases import CASES
from deploy.dashboard import dashboard
from deploy.panels import Panel
from deploy.rows import ROWS
from deploy.yaml_text import to_yaml

ROOT = Path(__file__).parent.parent.parent.parent
PAGES = sorted((ROOT / RUNBOOKS).glob("*.md"))
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
COMMAND = re.compile(r"`flowork (\w+)")
PANELS = {panel.title for row in ROWS for panel in row.panels}
ROW_TITLES = {row.title for row in ROWS}


def test_the_written_files_are_up_to_date():
    found = subprocess.run([sys.executable, "deploy/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_is_tried_and_has_a_page():
    assert {case.alert for case in CASES} == {alert.name for alert in ALERTS}
    assert {page.stem for page in PAGES} == {alert.name for alert in ALERTS}
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)
    assert {alert.severity for alert in ALERTS} == {"critical", "warning"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "deploy" / "README.md"], ids=lambda page: page.stem)
def test_a_page_names_commands_panels_and_files_that_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    assert set(COMMAND.findall(text)) - ROLES.keys() == set()
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []
    assert set(re.findall(r"\*([A-Z][^*]+)\*", text)) - PANELS - ROW_TITLES == set()


def boxes() -> Iterator[tuple[str, Mapping[str, int]]]:
    yield from ((panel["title"], panel["gridPos"]) for panel in dashboard()["panels"])


def test_no_panel_lies_on_another_or_beyond_the_edge():
    for (one, a), (other, b) in combinations(boxes(), 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (one, other)
    assert all(box["x"] + box["w"] <= 24 for _, box in boxes())


def each_panel() -> list[Panel]:
    return [panel for row in ROWS for panel in row.panels]


def test_every_panel_says_what_it_shows_in_which_unit():
    for panel in each_panel():
        assert panel.description.endswith("."), panel.title
        assert panel.unit, panel.title
        assert all(query.legend for query in panel.queries), panel.title
    titles = [panel.title for panel in each_panel()]
    assert len(set(titles)) == len(titles)
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": "plain_word"}, "a: 1\nb: plain_word\n"),
        ({"a": "with: colon"}, 'a: "with: colon"\n'),
        ({"a": "true", "b": "15s", "c": "1"}, 'a: "true"\nb: 15s\nc: "1"\n'),
        ({"a": "one\ntwo"}, "a: |-\n  one\n  two\n"),
        ({"a": [{"b": 1, "c": [2]}, {"b": 3}], "d": []}, "a:\n  - b: 1\n    c:\n      - 2\n  - b: 3\nd: []\n"),
        ({"a": {"b": "é"}}, 'a:\n  b: "é"\n'),
    ],
)
def test_yaml_says_what_the_value_says(value: Any, text: str):
    assert to_yaml(value) == text
