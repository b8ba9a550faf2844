"""JSON as the wire takes it: no NaN or Infinity, no lone surrogates, bounded depth (RFC 8259, security reference F7)."""

import math
from typing import Any

import pydantic_core

INFINITE = (math.inf, -math.inf)


class JsonRefused(ValueError):
    """The text is not JSON that we take; the message says why without repeating it."""


def decode(data: bytes, max_depth: int) -> Any:
    """Parse and bound.

    Raises:
        JsonRefused: malformed, not finite, or nested deeper than `max_depth`.
    """
    try:
        value = pydantic_core.from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise JsonRefused("the body is not valid JSON") from error
    _bound(value, max_depth)
    return value


def _bound(root: Any, max_depth: int) -> None:
    level = [root]
    inside = 0
    while level:
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                deeper.extend(node.values())
            elif isinstance(node, list):
                deeper.extend(node)
            elif node in INFINITE:
                raise JsonRefused("numbers must be finite")  # 1e999 parses as infinity
        if inside == max_depth and any(isinstance(node, dict | list) for node in level):
            raise JsonRefused(f"nested deeper than {max_depth}")
        level = [node for node in deeper if isinstance(node, dict | list | float)]
        inside += 1


def encode(value: Any) -> bytes:
    """Compact JSON bytes, keys in the order given."""
    return pydantic_core.to_json(value)
