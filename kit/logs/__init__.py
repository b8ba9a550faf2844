"""Log lines: an event name plus fields, and what the running request or job adds to each of its lines.

Importing this costs nothing: where lines go, and how they look, is loaded by the program that says so (`kit.logs.setup`).
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

ROOT: Final = "flowork"
FIELDS: Final = "flowork_fields"
"""Attribute of a record that was made here; those of other libraries have none."""
_EMPTY: Final[Mapping[str, Any]] = {}
_around: ContextVar[Mapping[str, Any]] = ContextVar("flowork_log_context", default=_EMPTY)


class Log:
    """A named source of log lines. Fields are JSON scalars; what has the form of a secret is taken out (`kit.redact`).

    No call raises, whatever is in a field; below the level a call costs one look-up.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{name}")

    def debug(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._emit(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._emit(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.WARNING):
            self._emit(logging.WARNING, event, fields)

    def error(self, event: str, exc_info: BaseException | None = None, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.ERROR):
            self._emit(logging.ERROR, event, fields, exc_info)

    def critical(self, event: str, exc_info: BaseException | None = None, **fields: Any) -> None:
        if self._logger.isEnabledFor(logging.CRITICAL):
            self._emit(logging.CRITICAL, event, fields, exc_info)

    def shows(self, level: int) -> bool:
        """Whether a line of this level (`logging.INFO` ...) would be written: for callers that must work to make its fields."""
        return self._logger.isEnabledFor(level)

    def at(self, level: int, event: str, **fields: Any) -> None:
        """A line whose level is only known now."""
        if self._logger.isEnabledFor(level):
            self._emit(level, event, fields)

    def _emit(self, level: int, event: str, fields: dict[str, Any], error: BaseException | None = None) -> None:
        trace = None if error is None else (type(error), error, error.__traceback__)
        # Not Logger.log: it walks the stack for a file name that no line shows.
        record = logging.LogRecord(self._logger.name, level, "", 0, event, (), trace)
        setattr(record, FIELDS, {**fields, **_around.get(), **fields})  # its own come first, and win
        self._logger.handle(record)


@contextlib.contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add fields to every line that is written in this block, also by tasks begun in it; ends with whatever `bind` added inside.

    One variable holds them all, so that leaving the block forgets what callees bound, and concurrent requests see their own.
    """
    token = _around.set(_with(fields))
    try:
        yield
    finally:
        _around.reset(token)


def bind(**fields: Any) -> None:
    """Add fields to every later line of the `bound` block around: what was not yet known at its beginning."""
    _around.set(_with(fields))


def around() -> Mapping[str, Any]:
    """What is added to lines here."""
    return _around.get()


def _with(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**_around.get(), **{name: value for name, value in fields.items() if value is not None}}
