"""Lines for people at a terminal: time, level, event, then the fields that a person can use."""

from datetime import datetime
from typing import Any, Final

from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter
from structlog.typing import EventDict

from kit.text import printable

EVENT_WIDTH: Final = 24
SHORT_IDS: Final = {"trace_id": 8, "user_id": 10, "gateway_id": 10, "instance": 12}
"""Characters that are enough to tell one from another, and to find the rest in the file."""
JOB_TAIL: Final = 12
"""Of a job's id, whose beginnings are the engine and the time, the end is shown; `flowork logs --job` takes it."""
LEFT_OUT: Final = frozenset({"source", "request_id", "ingress"})
"""In the file only."""
RESET, DIM, BOLD, RED, YELLOW, GREEN = "\x1b[0m", "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m"
LEVELS: Final = {
    "debug": ("debug", DIM),
    "info": ("info ", GREEN),
    "warning": ("warn ", YELLOW),
    "error": ("ERROR", RED),
    "critical": ("FATAL", RED),
}
SPEAK_FOR_THEMSELVES: Final = ("method", "route", "status")
TEXTS: Final = ("exception", "stack")


class Pretty:
    """Renders the fields of a line for a terminal; nothing in them can move its cursor."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        reset, dim = (RESET, DIM) if colours else ("", "")
        plain = KeyValueColumnFormatter(key_style=None, value_style="", reset_style="", value_repr=str)
        self._renderer = ConsoleRenderer(
            columns=[
                Column("at", KeyValueColumnFormatter(key_style=None, value_style=dim, reset_style=reset, value_repr=str)),
                Column("level", plain),
                Column("event", plain),
                *(Column(name, KeyValueColumnFormatter(None, "", "", value_repr=_shown)) for name in SPEAK_FOR_THEMSELVES),
                Column("latency_ms", KeyValueColumnFormatter(None, "", "", value_repr=lambda value: f"{value} ms")),
                Column("", KeyValueColumnFormatter(key_style=dim, value_style="", reset_style=reset, value_repr=_shown)),
            ],
            sort_keys=False,
        )

    def __call__(self, line: EventDict) -> str:
        """The line, and below it its exception."""
        head = {"at": _clock(line["at"]), "level": self._level(line["level"]), "event": self._event(line)}
        fields = {
            name: _short(name, value)
            for name, value in line.items()
            if name not in head and name not in LEFT_OUT and name not in TEXTS and value is not None
        }
        first = self._renderer(None, "", {**head, **fields})
        return "\n".join([first.rstrip(), *(_below(line[name]) for name in TEXTS if name in line)])

    def _level(self, level: str) -> str:
        word, colour = LEVELS.get(level, (level[:5].ljust(5), ""))
        return f"{colour}{word}{RESET}" if self._colours and colour else word

    def _event(self, line: EventDict) -> str:
        padded = printable(str(line["event"])).ljust(EVENT_WIDTH)
        return f"{BOLD}{padded}{RESET}" if self._colours else padded


def _clock(at: str) -> str:
    """The time of day where the reader is; the file has UTC."""
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S.%f")[:12]


def _short(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "job_id" and len(value) > JOB_TAIL:
        return f"..{value[-JOB_TAIL:]}"
    return value[: SHORT_IDS.get(name)]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ",".join(_shown(inner) for inner in value) or "-"
    text = printable(str(value))
    return f'"{text}"' if not text or any(letter in text for letter in ' "=') else text


def _below(text: str) -> str:
    return "\n".join(f"    {printable(row)}" for row in str(text).splitlines())
