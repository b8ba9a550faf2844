"""A file of lines in the data folder: its owner's alone, put aside by size, and never the reason that a program fails.

One process writes one file: whoever holds `<name>.lock`. A second process of the same folder (while one takes over from another,
or a second `flowork engine`) writes `<name>-2.log`, and changes over when the first one is gone.
"""

import contextlib
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

from kit.files import Locked, exclusive_lock, private_folder

LOOK_AGAIN_S: Final = 5.0
"""After a failure nothing is tried for so long; so often the file is looked for, and the better name asked for."""
WRITERS_MAX: Final = 16


class LogFile:
    """Appends lines. Owned by one thread; `close` may come from another one when that has ended.

    Args:
        folder: made with mode 0700 when it is not there, also again while running.
        name: of the file, without `.log`.
        max_bytes: a file that would grow beyond it is put aside as `<name>.log.1`, and so on.
        files: so many are kept in all.
        failed: hears of the first failure of several in a row.
        steady: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        max_bytes: int,
        files: int,
        failed: Callable[[OSError], None],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._name = name
        self._max_bytes = max_bytes
        self._files = files
        self._failed = failed
        self._steady = steady
        self._file: int | None = None
        self._inode = 0
        self._size = 0
        self._number = 0
        self._lock = contextlib.ExitStack()
        self._looked = steady() - LOOK_AGAIN_S
        self._again = 0.0
        self._well = True

    @property
    def path(self) -> Path:
        """Where the lines go now."""
        return self._folder / f"{self._name}{'' if self._number <= 1 else f'-{self._number}'}.log"

    def write(self, lines: list[str]) -> int:
        """Append lines (without their line breaks); how many of them were kept, which after a failure is none for a while."""
        now = self._steady()
        if now < self._again:
            return 0
        kept = 0
        try:
            self._ready(now)
            for data in self._portions(lines):
                self._append(data)
                kept += data.count(b"\n")
            self._well = True
        except OSError as error:
            self._again = now + LOOK_AGAIN_S
            self._shut()
            if self._well:
                self._well = False
                self._failed(error)
        return kept

    def close(self) -> None:
        """Close the file, and let another process have its name."""
        self._shut()
        self._lock.close()
        self._number = 0

    def _portions(self, lines: list[str]) -> list[bytes]:
        """As few writes as keep every file below its size."""
        portions, size = [bytearray()], self._size
        for line in lines:
            data = line.encode("utf-8", "backslashreplace") + b"\n"
            if size and size + len(data) > self._max_bytes:
                portions.append(bytearray())
                size = 0
            portions[-1] += data
            size += len(data)
        return [bytes(portion) for portion in portions if portion]

    def _append(self, data: bytes) -> None:
        if self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        assert self._file is not None
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self._size += written
            view = view[written:]

    def _ready(self, now: float) -> None:
        """Have the right file open: the one that is there, under the best name that is free."""
        due = now - self._looked >= LOOK_AGAIN_S
        if due and self._number > 1:
            self._claim(self._number)
        if self._file is not None and due and not self._is_there():
            self._shut()
        if due:
            self._looked = now
        if self._file is None:
            private_folder(self._folder)
            if self._number == 0:
                self._claim(WRITERS_MAX + 1)
            self._open()

    def _is_there(self) -> bool:
        try:
            return os.stat(self.path, follow_symlinks=False).st_ino == self._inode
        except OSError:
            return False

    def _claim(self, below: int) -> None:
        """Hold the first name that nobody holds, if there is one below this number."""
        for number in range(1, below):
            held = contextlib.ExitStack()
            try:
                suffix = "" if number == 1 else f"-{number}"
                held.enter_context(exclusive_lock(self._folder / f"{self._name}{suffix}.lock"))
            except (Locked, OSError):
                continue
            self.close()
            self._lock, self._number = held, number
            return
        if self._number == 0:
            raise BlockingIOError(f"{WRITERS_MAX} processes write logs into {self._folder}")

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.open(self.path, flags | getattr(os, "O_BINARY", 0), 0o600)
        told = os.fstat(self._file)
        self._inode, self._size = told.st_ino, told.st_size
        if told.st_mode & 0o077 and hasattr(os, "fchmod"):
            os.fchmod(self._file, 0o600)
        if self._size and not self._ends_whole():
            self._size += os.write(self._file, b"\n")  # whoever died while writing left half a line

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _rotate(self) -> None:
        """Put the file aside. Where another program holds it open (Windows), it goes on growing, and is tried again later."""
        self._shut()
        with contextlib.suppress(OSError):
            older = [self.path.with_name(f"{self.path.name}.{number}") for number in range(1, self._files)]
            for before, after in reversed(list(pairwise([self.path, *older]))):
                with contextlib.suppress(FileNotFoundError):
                    before.replace(after)
            if not older:
                self.path.unlink()
        self._open()

    def _shut(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None
