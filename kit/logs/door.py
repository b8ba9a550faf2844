"""The one way out for lines: ours, other libraries' warnings, and what ends the program."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import EventDict

from kit.logs.lines import FAILED, as_json, described

URGENT: Final = logging.WARNING
"""From this level on a line is not kept waiting for others."""
Render = Callable[[EventDict], str]


@dataclass(frozen=True, slots=True)
class Sink:
    """A place for lines."""

    least: int
    """The least level that it takes."""
    render: Render
    put: Callable[[str, bool], object]
    """Takes a line, and whether it is urgent; raises nothing."""


class Door(logging.Handler):
    """Describes each record once, and shows it to every sink that takes its level."""

    def __init__(self, sinks: list[Sink]) -> None:
        super().__init__()
        self._sinks = sinks

    def createLock(self) -> None:  # noqa: N802  # the standard library's name
        """Have none: sinks take lines from any thread, and nobody should wait for another's rendering."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. Never raises."""
        line = described(record)
        shown: dict[Render, str] = {}
        for sink in self._sinks:
            if record.levelno >= sink.least:
                if sink.render not in shown:
                    shown[sink.render] = _rendered(sink.render, line)
                sink.put(shown[sink.render], record.levelno >= URGENT)


def _rendered(render: Render, line: EventDict) -> str:
    try:
        return render(line)
    except Exception as error:  # noqa: BLE001  # a line that cannot be written must not end what wrote it
        return as_json({**{name: line[name] for name in ("at", "level", "source")}, "event": FAILED, "error": type(error).__name__})
