"""Reading the log files of a data folder, also while others write and put them aside."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Wanted = Callable[[Line], bool]


def newest(folder: Path, count: int, wanted: Wanted) -> list[Line]:
    """The newest lines of all files together, oldest first."""
    found: list[Line] = []
    for current in _current(folder):
        mine: deque[Line] = deque(maxlen=count)
        for path in [current, *_aside(current)]:  # newest file first; older ones only while something is missing
            lines = [line for line in _parsed(_bytes(path).split(b"\n")) if wanted(line)]
            mine = deque([*lines, *mine], maxlen=count)
            if len(mine) == count:
                break
        found += mine
    return sorted(found, key=_at)[-count:]


class Tail:
    """What is written from now on. Only whole lines; what was written into a file just before it was put aside is not missed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[int, int]] = {}
        for path in _current(folder):
            told = path.stat()
            self._read[path] = (told.st_ino, told.st_size)

    def more(self, wanted: Wanted) -> list[Line]:
        """Lines since the last look, oldest first."""
        found = []
        for path in _current(self._folder):
            inode, offset = self._read.get(path, (0, 0))
            now = _inode(path)
            if inode and now != inode:
                found += self._rest(path, inode, offset)
            if now != inode:
                inode, offset = now, 0
            data = _bytes(path, offset)
            whole = data[: data.rfind(b"\n") + 1]
            found += _parsed(whole.split(b"\n"))
            self._read[path] = (inode, offset + len(whole))
        return sorted(filter(wanted, found), key=_at)

    @staticmethod
    def _rest(path: Path, inode: int, offset: int) -> list[Line]:
        old = next((each for each in _aside(path) if _inode(each) == inode), None)
        return [] if old is None else list(_parsed(_bytes(old, offset).split(b"\n")))


def _current(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def _aside(path: Path) -> list[Path]:
    """Files put aside, newest first."""
    numbered = [(each.suffix[1:], each) for each in path.parent.glob(f"{path.name}.*")]
    return [each for _, each in sorted((int(number), each) for number, each in numbered if number.isdecimal())]


def _bytes(path: Path, offset: int = 0) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:  # put aside in this moment
        return b""


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _parsed(lines: list[bytes]) -> Iterator[Line]:
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue  # half a line, of whoever died
        if isinstance(line, dict) and {"at", "level", "source", "event"} <= set(line):
            yield line


def _at(line: Line) -> str:
    return str(line["at"])
