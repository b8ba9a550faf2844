"""The log files: their end, and what is written from now on."""

from dataclasses import dataclass

from app.bridge.acts import Act


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, ready to be shown."""

    at: str
    level: str
    source: str
    event: str
    fields: str
    """`name=value` of everything else."""


@dataclass(frozen=True)
class LogLines:
    """Oldest first."""

    lines: tuple[LogLine, ...]
    folder: str


@dataclass(frozen=True)
class ReadLogs(Act[LogLines]):
    """The newest lines of a level and above that hold a text; what follows is told by `FollowLogs`."""

    level: str = "debug"
    text: str = ""
    count: int = 1000


@dataclass(frozen=True)
class FollowLogs(Act[LogLines]):
    """Such lines as were written since the last `ReadLogs` or `FollowLogs`."""

    level: str = "debug"
    text: str = ""
