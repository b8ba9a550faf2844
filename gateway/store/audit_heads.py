"""The audit log's second witness: a text file elsewhere, one line for each signed head, only ever appended to."""

import os
from pathlib import Path


class HeadsNotWritten(Exception):
    """The line is not in the file."""


class HeadsFile:
    """Methods block: call them in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last: str | None = None

    def add(self, line: str) -> None:
        """Append a line, durably; harmless when it is the last one already.

        Raises:
            HeadsNotWritten.
        """
        try:
            if self._last is None:
                self._last = self._mended()
            if self._last == line:
                return
            self._append(f"{line}\n")
            self._last = line
        except OSError as error:
            raise HeadsNotWritten(f"{self.path}: {error.strerror}") from error

    def lines(self) -> list[str]:
        """All of them, oldest first; none when there is no file.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return self.path.read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _mended(self) -> str:
        """The last line; one that a crash cut short is ended, so that the next one stands by itself."""
        lines = self.lines()
        if lines and not self.path.read_bytes().endswith(b"\n"):
            self._append("\n")
        return lines[-1] if lines else ""

    def _append(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there may be anybody's
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "a", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
