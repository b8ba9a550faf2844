"""Holds every log line that a test produces, in this process and in those it starts, against the published schema."""

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

from kit.logs.lines import as_json, described
from tests.support.schema import mistakes

ROOT = Path(__file__).parent.parent.parent
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "log-line.schema.json").read_text(encoding="utf-8"))
MADE_UP = "flowork.test"
"""Source of the lines that tests of the pipeline itself write."""
_good: set[tuple[Any, ...]] = set()


def wrong(line: Any) -> list[str]:
    """What is wrong with a line. Each shape is judged once: values of other strings and numbers change nothing."""
    if not isinstance(line, dict):
        return [f"{line!r} is no object"]
    listed = any(isinstance(value, list) for value in line.values())
    shape = (line.get("event"), line.get("level"), *((name, type(value)) for name, value in line.items()))
    if shape in _good and not listed:
        return []
    found = [f"{line.get('event')}: {mistake}" for mistake in mistakes(SCHEMA, line)]
    if not found:
        _good.add(shape)
    return found


class Held(logging.Handler):
    """Judges the lines of this process."""

    def __init__(self) -> None:
        super().__init__()
        self.mistakes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != MADE_UP:
            self.mistakes += wrong(json.loads(as_json(described(record))))


def in_file(path: Path) -> list[str]:
    """What is wrong in a log file: it has nothing but lines; only the last one may be cut, by a kill."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            found += wrong(json.loads(line))
        except ValueError:
            found.append(f"{path.name}: no JSON: {line[:200]!r}")
    return found


def on_stderr(path: Path) -> list[str]:
    """What is wrong in what a program wrote to its standard error, words for people left aside."""
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        if line.startswith(b"{"):
            try:
                found += wrong(json.loads(line))
            except ValueError:
                found.append(f"{path.name}: no JSON: {line[:200]!r}")
        elif line.startswith(b"Traceback (most recent call last)"):
            found.append(f"{path.name}: a traceback that went past the log")
    return found


class Programs:
    """The programs that a test has started."""

    def __init__(self) -> None:
        self._stderr: set[Path] = set()
        self._data: set[Path] = set()

    def started(self, stderr: Path, arguments: tuple[str, ...]) -> None:
        """Remember where one writes."""
        self._stderr.add(stderr)
        self._data |= {Path(value) for name, value in pairwise(arguments) if name == "--data"}

    def mistakes(self) -> list[str]:
        """What is wrong with their lines; then forget them."""
        found = [mistake for path in self._stderr if path.exists() for mistake in on_stderr(path)]
        found += [mistake for data in self._data for path in (data / "logs").glob("*.log*") for mistake in in_file(path)]
        self._stderr.clear()
        self._data.clear()
        return found


PROGRAMS = Programs()
