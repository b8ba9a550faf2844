"""Values as YAML: enough of it for files that Prometheus reads and people compare."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./:-]*|[0-9]+[a-z]+")
_MEANS_SOMETHING_ELSE = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


def to_yaml(value: Any) -> str:
    """Mappings, sequences, text and numbers in block style; text of several lines as it is, other text quoted where YAML needs it."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _entry(f"{name}:", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(head: str, inner: Any) -> Iterator[str]:
    if isinstance(inner, str) and "\n" in inner:
        yield f"{head} |-"
        yield from (f"  {line}" for line in inner.splitlines())
    elif isinstance(inner, str) or not isinstance(inner, Mapping | Sequence):
        yield f"{head} {_scalar(inner)}"
    elif not inner:
        yield f"{head} {json.dumps(inner)}"
    else:
        yield head
        yield from (f"  {line}" for line in _lines(inner))


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _MEANS_SOMETHING_ELSE:
        return value
    return json.dumps(value, ensure_ascii=False)
