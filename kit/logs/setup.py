"""Where the lines of this process go: standard error, a file, or a stream of a test."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

from structlog.typing import EventDict

from kit.logs import ROOT, Log
from kit.logs.behind import LINGER_S, Behind
from kit.logs.door import Door, Render, Sink
from kit.logs.file import LogFile
from kit.logs.lines import as_json, at
from kit.logs.pretty import Pretty
from kit.logs.settings import LogSettings

log = Log("logs")
program = Log("program")
FOLDER: Final = "logs"
_open: list[Behind] = []
_told: list[BaseException] = []


def to_stream(stream: TextIO | None = None, level: int = logging.INFO, render: Render = as_json) -> None:
    """Send every line to a stream (standard error) at once, on the caller's thread."""
    write = _writer(sys.stderr if stream is None else stream)
    _install([Sink(level, render, lambda line, _urgent: write([line]))])


@contextlib.contextmanager
def logging_to(
    folder: Path, name: str, settings: LogSettings, environment: Mapping[str, str] = os.environ, at_terminal: int = logging.INFO
) -> Iterator[None]:
    """Send every line to standard error and to `<folder>/logs/<name>.log`, each by a thread; at the end what waits is written.

    `at_terminal` is the least level that a person at a terminal sees who said none.
    """
    stream = sys.stderr
    render = rendering(settings, stream, environment)
    shown = settings.least(at_terminal if stream.isatty() else logging.INFO)
    with contextlib.ExitStack() as opened:
        sinks = [Sink(shown, render, _behind(opened, "flowork-log-stderr", _writer(stream), render, 0.0 if stream.isatty() else LINGER_S))]
        if settings.file:
            file = LogFile(folder / FOLDER, name, settings.file_max_bytes, settings.files, _not_written)
            opened.callback(file.close)
            sinks.append(Sink(settings.least(logging.INFO), as_json, _behind(opened, "flowork-log-file", file.write, as_json, LINGER_S)))
        _install(sinks)
        opened.callback(to_stream, stream, shown, render)
        logging.captureWarnings(True)
        threading.excepthook = lambda said: program.error("thread.failed", exc_info=said.exc_value, thread=_name(said.thread))
        sys.unraisablehook = lambda said: program.error("program.unraisable", exc_info=said.exc_value, where=said.err_msg)
        try:
            yield
        except Exception as error:
            _fail(error)  # now, while there is a file to tell it to
            raise


def flush() -> None:
    """Have everything written that was said so far; for a process that is about to end without ceremony."""
    for behind in _open:
        behind.flush(0.5)


def rendering(settings: LogSettings, stream: TextIO, environment: Mapping[str, str]) -> Render:
    """How lines look on a stream."""
    terminal = stream.isatty()
    if settings.form == "json" or (settings.form == "auto" and not terminal):
        return as_json
    return Pretty(colours=terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb")


def _install(sinks: list[Sink]) -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[Door(sinks)], force=True)
    logging.getLogger(ROOT).setLevel(min(sink.least for sink in sinks))
    sys.excepthook = _uncaught


def _behind(
    opened: contextlib.ExitStack, name: str, write: Callable[[list[str]], int], render: Render, linger_s: float
) -> Callable[[str, bool], None]:
    def lost(lines: int) -> str:
        line: EventDict = {"at": at(time.time()), "level": "warning", "source": f"{ROOT}.logs", "event": "logs.lines_lost", "lines": lines}
        return render(line)

    behind = Behind(name, write, lost, linger_s=linger_s)
    _open.append(behind)
    opened.callback(_open.remove, behind)
    opened.callback(behind.close)
    return behind.put


def _writer(stream: TextIO) -> Callable[[list[str]], int]:
    """Writes lines to a stream; how many arrived."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        descriptor = None

    def write(lines: list[str]) -> int:
        text = "".join(f"{line}\n" for line in lines)
        try:
            if descriptor is None:
                stream.write(text)
                stream.flush()
            else:
                # Past the stream's buffer: a thread that hangs in it (a stopped terminal) would break the end of the process.
                _write_all(descriptor, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):  # nobody reads any more
            return 0
        return len(lines)

    return write


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _not_written(error: OSError) -> None:
    log.warning("logs.not_written", reason=error.strerror or str(error))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback on its way out goes through the same door: its message may hold anything."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    elif error not in _told:
        _fail(error)


def _fail(error: BaseException) -> None:
    _told.append(error)
    program.critical("program.failed", exc_info=error)


def _name(thread: threading.Thread | None) -> str | None:
    return None if thread is None else thread.name
