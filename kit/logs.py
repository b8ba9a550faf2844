"""Log lines: an event name plus fields, one JSON object a line, without secrets."""

import json
import logging
import sys
from types import TracebackType
from typing import Any, TextIO

from kit.redact import redact, redacted

_NAMED = "flowork_fields"


class Log:
    """A named source of log lines. Fields are JSON scalars; what has the form of a secret is taken out (`kit.redact`)."""

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
            "event": redact(record.getMessage()),
        }
        line = {**line, **{name: value for name, value in redacted(getattr(record, _NAMED, {})).items() if name not in line}}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line)


def to_stream(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send Flowork's lines, other libraries' warnings, and what ends the program, to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("flowork").setLevel(level)
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback on its way out goes through the same door: its message may hold anything."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("flowork").critical("program.failed", exc_info=error)
