"""The part of JSON Schema (2020-12) that our published schemas use. An unknown keyword is an error, not a pass."""

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
SAYS_NOTHING = {"$schema", "title", "description", "else", "then"}


def mistakes(schema: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """What is wrong with a value, in words."""
    for keyword, said in schema.items():
        match keyword:
            case "type":
                if not any(_is(kind, value) for kind in ([said] if isinstance(said, str) else said)):
                    yield f"{at or 'line'}: {value!r:.80} is no {said}"
            case "enum" if value not in said:
                yield f"{at or 'line'}: {value!r:.80} is not among {said!r:.200}"
            case "const" if value != said:
                yield f"{at or 'line'}: {value!r:.80} is not {said!r}"
            case "pattern" if isinstance(value, str) and not re.search(said, value):
                yield f"{at}: {value!r:.80} does not look like {said}"
            case "required":
                yield from (f"{name} is missing" for name in said if name not in value)
            case "properties":
                for name, inner in said.items():
                    if name in value:
                        yield from mistakes(inner, value[name], name)
            case "propertyNames":
                for name in value:
                    yield from mistakes(said, name, f"field {name}")
            case "additionalProperties":
                assert said is False
                yield from (f"{name} is not known" for name in value if name not in schema["properties"])
            case "items" if isinstance(value, list):
                for inner in value:
                    yield from mistakes(said, inner, at)
            case "allOf":
                for inner in said:
                    yield from mistakes(inner, value, at)
            case "if":
                if not any(mistakes(said, value, at)):
                    yield from mistakes(schema["then"], value, at)
            case "enum" | "const" | "pattern" | "items":
                continue
            case _ if keyword not in SAYS_NOTHING:
                raise NotImplementedError(keyword)


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, TYPES[kind]) and (kind not in {"number", "integer"} or not isinstance(value, bool))
