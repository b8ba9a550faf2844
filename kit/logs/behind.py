"""A queue of lines, and the one thread that writes them: a slow disk, or a terminal that was stopped, holds up nothing else."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

BYTES_MAX: Final = 8 * 1024 * 1024
"""Lines that wait, in characters; beyond that they are dropped and counted."""
LINGER_S: Final = 0.05
"""So long lines that are not urgent gather, so that a busy program wakes the thread 20 times a second at most."""

Write = Callable[[list[str]], int]
"""Writes lines; returns how many of them it could keep."""


class Behind:
    """Writes lines on a thread of its own.

    Args:
        name: of the thread.
        write: called on that thread; when it raises, nothing was kept.
        lost: makes the line that tells how many were dropped.
        bytes_max: see `BYTES_MAX`.
        linger_s: see `LINGER_S`.
    """

    def __init__(
        self,
        name: str,
        write: Write,
        lost: Callable[[int], str],
        bytes_max: int = BYTES_MAX,
        linger_s: float = LINGER_S,
    ) -> None:
        self._write = write
        self._lost = lost
        self._bytes_max = bytes_max
        self._linger_s = linger_s
        self._lines: deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._urgent = False
        self._closed = False
        self._busy = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, line: str, urgent: bool = False) -> None:
        """Have a line written soon; an urgent one at once. Never waits for the disk."""
        with self._news:
            if self._closed or self._size + len(line) > self._bytes_max:
                self._dropped += 1
                return
            first = not self._lines
            self._lines.append(line)
            self._size += len(line)
            if urgent and not self._urgent:
                self._urgent = True
                self._news.notify_all()
            elif first:
                self._news.notify_all()

    def flush(self, within_s: float = 2.0) -> bool:
        """Wait until everything so far was written; False when that took too long."""
        with self._news:
            if self._lines:
                self._urgent = True
                self._news.notify_all()
            return self._news.wait_for(lambda: not self._lines and not self._busy, within_s)

    def close(self, within_s: float = 2.0) -> None:
        """Write what waits, then end the thread; a disk that hangs is waited for no longer than this."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._thread.join(within_s)

    def _run(self) -> None:
        last = False
        while not last:
            lines, dropped, last = self._next()
            told = [*lines, self._lost(dropped)] if dropped else lines
            try:
                kept = self._write(told) if told else 0
            except Exception:  # noqa: BLE001  # a thread that dies here would take every later line with it
                kept = 0
            with self._news:
                self._busy = False
                if kept < len(told):  # the notice, at the end, is not among those kept
                    self._dropped += dropped + len(lines) - kept
                self._news.notify_all()

    def _next(self) -> tuple[list[str], int, bool]:
        """Wait for lines; with them how many were dropped, and whether these are the last ones."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._closed)
            self._news.wait_for(lambda: self._urgent or self._closed, self._linger_s)
            lines, dropped = list(self._lines), self._dropped
            self._lines.clear()
            self._size = self._dropped = 0
            self._urgent, self._busy = False, True
            return lines, dropped, self._closed
