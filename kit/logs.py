"""Log lines: an event name plus fields, one JSON object a line."""

import json
import logging
import sys
from typing import Any, TextIO

_NAMED = "flowork_fields"


class Log:
    """A named source of log lines. Fields are JSON scalars; a field named like a secret is the caller's mistake."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"flowork.{name}")

    def debug(self, event: str, **fields: Any) -> None:
        self._emit(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._emit(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._emit(logging.WARNING, event, fields)

    def error(self, event: str, exc_info: BaseException | None = None, **fields: Any) -> None:
        self._emit(logging.ERROR, event, fields, exc_info)

    def _emit(self, level: int, event: str, fields: dict[str, Any], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={_NAMED: fields}, exc_info=error)


class JsonLines(logging.Formatter):
    """Renders a record as one JSON object; line breaks and control characters cannot get out of a field."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "source": record.name,
            "event": record.getMessage(),
        }
        line = {**line, **{name: value for name, value in getattr(record, _NAMED, {}).items() if name not in line}}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def to_stream(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send Flowork's lines, and other libraries' warnings, to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("flowork").setLevel(level)
