"""The calls in the source, and the list of log events (`contract.log_events`), say the same."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.log_events import CONTEXT, CORE, EVENTS, EXTRA, FIELDS, LEVELS

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ("app", "gateway", "engine", "contract", "kit")
AT_ANY_LEVEL = "at"
MADE_BY_THE_DOOR = {"library.said", "log.failed", "logs.lines_lost"}
"""`kit.logs` makes these lines itself."""


@dataclass(frozen=True)
class Call:
    place: str
    level: str
    event: str | None
    fields: frozenset[str | None]


def calls() -> list[Call]:
    found = []
    for source in sorted(path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        logs = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Log"
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level)) if name in logs and level in {*LEVELS, AT_ANY_LEVEL}:
                    said = node.args[1 if level == AT_ANY_LEVEL else 0]
                    event = said.value if isinstance(said, ast.Constant) else None
                    place = f"{source.relative_to(ROOT)}:{node.lineno}"
                    found.append(Call(place, level, event, frozenset(keyword.arg for keyword in node.keywords)))
    return found


CALLS = calls()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.place.rpartition(':')[0]}-{call.event}")
def test_a_line_is_one_of_the_listed_kinds_with_its_level_and_its_fields(call: Call):
    assert call.event in EVENTS, f"{call.place}: name the event in the call, and list it in contract/log_events.py"
    listed = EVENTS[call.event]
    assert call.level in {*listed.levels, AT_ANY_LEVEL}, call.place
    assert call.fields <= {*listed.fields, *CONTEXT, "exc_info"}, call.place


def test_every_listed_event_is_said_somewhere():
    assert set(EVENTS) == {call.event for call in CALLS} | MADE_BY_THE_DOOR


def test_every_listed_field_is_described_and_of_some_event():
    used = {field for event in EVENTS.values() for field in event.fields}
    assert used == set(FIELDS)
    assert not set(FIELDS) & {*CORE, *CONTEXT, *EXTRA}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_named_for_its_place_and_what_happened(name: str):
    assert re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", name)
    assert set(EVENTS[name].levels) <= set(LEVELS)
