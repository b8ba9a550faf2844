"""From a record to a line: place, exception, secrets out, sizes bounded, one JSON object.

Each step is a structlog processor. Taking secrets out is the last one before rendering.
"""

import json
import logging
import re
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from structlog.processors import format_exc_info
from structlog.typing import EventDict, Processor, WrappedLogger

from kit.logs import FIELDS
from kit.redact import GONE, NAMES, redact

FIELD_MAX: Final = 8 * 1024
"""Characters of one field."""
LINE_MAX: Final = 64 * 1024
"""Characters of a line (it is ASCII, so bytes)."""
KEY_MAX, DEPTH_MAX, ITEMS_MAX = 128, 6, 256
LIBRARY: Final = "library.said"
"""The event of lines that other libraries wrote; their words are in `message`."""
FAILED: Final = "log.failed"
CORE: Final = ("at", "level", "source", "event")
_UNREAD: Final = 4 * 1024
"""So much beyond a field's size is still read for secrets, so that none is cut in half before it is known as one."""
_HALF_SECRET: Final = 128
_INT_MAX: Final = 2**63
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_IDS: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}|[a-z0-9]{4,25}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids of requests, traces and jobs: new on every line, never a secret by their form, and slow to look through."""
_second: tuple[int, str] = (0, "")


def described(record: logging.LogRecord) -> EventDict:
    """A record as the fields of its line: clean, bounded, and nothing in them but JSON's own types. Never raises."""
    try:
        line: Any = {"_record": record}
        for step in STEPS:
            line = step(None, record.levelname, line)
        return dict(line)
    except Exception as error:  # noqa: BLE001  # a line that cannot be written must not end what wrote it
        return {**_place(record), "event": FAILED, "error": type(error).__name__}


def as_json(line: EventDict) -> str:
    """One JSON object, ASCII, at most `LINE_MAX` characters; of a longer one the longest fields are left out and named in `cut`."""
    text = _encode(line)
    if len(text) <= LINE_MAX:
        return text
    sizes = sorted(((len(_encode(value)), name) for name, value in line.items() if name not in CORE), reverse=True)
    kept, room = dict(line), len(text) - LINE_MAX + 2048
    cut: list[str] = []
    for size, name in sizes:
        if room <= 0:
            break
        del kept[name]
        cut.append(name)
        room -= size
    return _encode({**kept, "cut": cut[:16]})


def at(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    global _second
    whole = int(seconds)
    known, text = _second
    if known != whole:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    return f"{text}.{int((seconds - whole) * 1000):03d}Z"


def _place(record: logging.LogRecord) -> dict[str, Any]:
    return {"at": at(record.created), "level": record.levelname.lower(), "source": record.name}


def _placed(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    record: logging.LogRecord = line["_record"]
    fields: dict[str, Any] | None = getattr(record, FIELDS, None)
    head = _place(record)
    if fields is None:
        return {**head, "event": LIBRARY, "message": record.getMessage(), **_error(record)}
    head["event"] = record.msg
    return {**head, **{name: value for name, value in fields.items() if name not in head}, **_error(record)}


def _error(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
    if record.stack_info:
        found["stack"] = record.stack_info
    return found


def _clean(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    return _plain_dict(line, 0)


STEPS: Final[tuple[Processor, ...]] = (_placed, format_exc_info, _clean)


def _plain(value: Any, depth: int) -> Any:
    """The value, without secrets, as something that JSON has."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool:
        return value
    found = _PLAIN.get(kind)
    if found is not None:
        return found(value, depth)
    for base, way in _PLAIN.items():
        if isinstance(value, base):
            return way(value, depth)
    return _text(_said(value))


def _plain_dict(value: MutableMapping[Any, Any], depth: int) -> dict[str, Any]:
    if depth > DEPTH_MAX:
        return {"...": f"{len(value)} entries"}
    plain = {}
    for number, (key, inner) in enumerate(value.items()):
        if number == ITEMS_MAX:
            plain["..."] = f"{len(value) - ITEMS_MAX} more"
            break
        name = key if type(key) is str else _said(key)
        hidden = name.lower() in NAMES and inner is not None
        plain[_text(name)[:KEY_MAX]] = GONE if hidden else _plain(inner, depth + 1)
    return _fitting(plain) if depth == 1 else plain


def _plain_list(value: Any, depth: int) -> list[Any]:
    if depth > DEPTH_MAX:
        return [f"... {len(value)} entries"]
    found = []
    for number, inner in enumerate(value):
        if number == ITEMS_MAX:
            found.append(f"... {len(value) - ITEMS_MAX} more")
            break
        found.append(_plain(inner, depth + 1))
    return _fitting(found) if depth == 1 else found


def _fitting(value: Any) -> Any:
    """A field of many parts, as text once it is too large."""
    text = _encode(value)
    return value if len(text) <= FIELD_MAX else _shortened(text, len(text))


def _plain_int(value: int, _depth: int) -> int | str:
    return int(value) if -_INT_MAX <= value < _INT_MAX else _text(_said(int(value)))


def _plain_float(value: float, _depth: int) -> float | None:
    return float(value) if value - value == 0 else None  # JSON has neither NaN nor infinities


def _plain_bytes(value: Any, _depth: int) -> str:
    return _text(bytes(value[: FIELD_MAX + _UNREAD]).decode("utf-8", "backslashreplace"))


_PLAIN: Final[dict[type, Callable[[Any, int], Any]]] = {
    str: lambda value, _depth: _text(str.__str__(value)),
    int: _plain_int,
    float: _plain_float,
    dict: _plain_dict,
    list: _plain_list,
    tuple: _plain_list,
    set: _plain_list,
    frozenset: _plain_list,
    bytes: _plain_bytes,
    bytearray: _plain_bytes,
    memoryview: _plain_bytes,
}


def _said(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # whatever its __str__ does
        return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    if text in _clean_texts or _IDS.fullmatch(text):
        return text
    size = len(text)
    if size > FIELD_MAX + _UNREAD:
        clean = redact(text[: FIELD_MAX + _UNREAD])[:-_HALF_SECRET]
    else:
        clean = redact(text)
    if not clean.isascii():
        clean = clean.encode("utf-8", "backslashreplace").decode()  # half a character is no text to strict readers
    if size > FIELD_MAX:
        return _shortened(clean, size)
    if clean == text and size <= KEY_MAX:
        _remember(text)
    return clean


_clean_texts: Final[set[str]] = set()
"""Short texts that were looked through and are as they were: routes, users, addresses come again and again. Never a secret."""
_CLEAN_MAX: Final = 2048


def _remember(text: str) -> None:
    if len(_clean_texts) >= _CLEAN_MAX:
        _clean_texts.clear()
    _clean_texts.add(text)


def _shortened(text: str, size: int) -> str:
    return f"{text[: FIELD_MAX - 32]}... ({size} characters)"
