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


class Programs:
    """The programs that tests have started. What they write is judged after each test, from where the last look ended."""

    def __init__(self) -> None:
        self._stderr: set[Path] = set()
        self._data: set[Path] = set()
        self._read: dict[tuple[Path, int], int] = {}

    def started(self, stderr: Path, arguments: tuple[str, ...]) -> None:
        """Remember where one writes."""
        self._stderr.add(stderr)
        self._data |= {Path(value) for name, value in pairwise(arguments) if name == "--data"}

    def mistakes(self) -> list[str]:
        """What is wrong with their lines since the last look."""
        found = [mistake for path in self._stderr for line in self._lines(path) for mistake in on_stderr(path, line)]
        files = [path for data in self._data for path in (data / "logs").glob("*.log*")]
        return found + [mistake for path in files for line in self._lines(path) for mistake in in_file(path, line)]

    def _lines(self, path: Path) -> list[bytes]:
        """Whole lines; the last one may have been cut by a kill."""
        if not path.is_file():
            return []
        key = (path, path.stat().st_ino)
        with path.open("rb") as file:
            file.seek(self._read.get(key, 0))
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[key] = self._read.get(key, 0) + len(whole)
        return whole.split(b"\n")[:-1]


def in_file(path: Path, line: bytes) -> list[str]:
    """What is wrong with a line of a log file, which has nothing but lines."""
    try:
        return wrong(json.loads(line))
    except ValueError:
        return [f"{path}: no JSON: {line[:200]!r}"]


def on_stderr(path: Path, line: bytes) -> list[str]:
    """What is wrong with a line on a program's standard error, words for people left aside."""
    if line.startswith(b"Traceback (most recent call last)"):
        return [f"{path}: a traceback that went past the log"]
    return in_file(path, line) if line.startswith(b"{") else []


PROGRAMS = Programs()
