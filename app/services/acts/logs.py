"""The log files: their end, and what is written from now on."""

import asyncio
from pathlib import Path

from app.bridge.acts.logs import FollowLogs, LogLine, LogLines, ReadLogs
from app.services.acts import Handlers
from app.services.log_files import Line, Tail, Wanted, newest
from contract.log_events import LEVELS
from kit.text import printable

AT_ONCE_MAX = 2000
"""Of what was written between two looks; the newest count."""


def handlers(data: Path) -> Handlers:
    """What these acts do; files are read on another thread."""
    folder = data / "logs"
    tail: Tail | None = None
    seen: list[Line] = []

    async def read(asked: ReadLogs) -> LogLines:
        nonlocal tail, seen
        tail = await asyncio.to_thread(Tail, folder)
        seen = lines = await asyncio.to_thread(newest, folder, asked.count, _wanted(asked.level, asked.text))
        return LogLines(tuple(map(_line, lines)), str(folder))

    async def follow(asked: FollowLogs) -> LogLines:
        nonlocal seen
        lines = [] if tail is None else await asyncio.to_thread(tail.more, _wanted(asked.level, asked.text))
        lines, seen = [line for line in lines if line not in seen], []  # the two first looks overlap, or a line could be missed
        return LogLines(tuple(map(_line, lines[-AT_ONCE_MAX:])), str(folder))

    return {ReadLogs: read, FollowLogs: follow}


def _wanted(level: str, text: str) -> Wanted:
    least, sought = LEVELS.index(level), text.casefold()

    def wanted(line: Line) -> bool:
        known = str(line["level"])
        if known in LEVELS and LEVELS.index(known) < least:
            return False
        return not sought or any(sought in f"{name}={value}".casefold() for name, value in line.items())

    return wanted


def _line(line: Line) -> LogLine:
    rest = {name: value for name, value in line.items() if name not in {"at", "level", "source", "event"} and value is not None}
    fields = printable(" ".join(f"{name}={value}" for name, value in rest.items()))
    return LogLine(str(line["at"]), str(line["level"]), str(line["source"]), str(line["event"]), fields)
