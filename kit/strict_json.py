"""JSON as the wire takes it: no NaN or Infinity, no lone surrogates, bounded depth and size (RFC 8259, security reference F7).

Integers are not bounded to 2^53: payloads are their owners' business, and 64-bit ids are common in them.
"""

import json
import math
from typing import Any

import pydantic_core

INFINITE = (math.inf, -math.inf)


class JsonRefused(ValueError):
    """The text is not JSON that we take; the message says why without repeating it."""


def decode(data: bytes, max_depth: int, max_nodes: int | None = None, *, unique_names: bool = False) -> Any:
    """Parse and bound.

    Args:
        data: UTF-8 without a byte order mark.
        max_depth: levels of lists and objects.
        max_nodes: values in all, those inside others counted; looking at each costs time in which nothing else runs.
        unique_names: refuse an object that names a member twice, of which another reader could take the other one.

    Raises:
        JsonRefused: malformed, not finite, or beyond a bound.
    """
    try:
        value = pydantic_core.from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise JsonRefused("the body is not valid JSON") from error
    _bound(value, max_depth, max_nodes)
    if unique_names:
        json.loads(data, object_pairs_hook=_once)
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise JsonRefused("a member is named twice")


def _bound(root: Any, max_depth: int, max_nodes: int | None) -> None:
    level = [root]
    inside = 0
    nodes = 1
    while level:
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                deeper.extend(node.values())
            elif isinstance(node, list):
                deeper.extend(node)
            elif node in INFINITE:
                raise JsonRefused("numbers must be finite")  # 1e999 parses as infinity
        nodes += len(deeper)
        if max_nodes is not None and nodes > max_nodes:
            raise JsonRefused(f"more than {max_nodes} values")
        if inside == max_depth and any(isinstance(node, dict | list) for node in level):
            raise JsonRefused(f"nested deeper than {max_depth}")
        level = [node for node in deeper if isinstance(node, dict | list | float)]
        inside += 1


def encode(value: Any) -> bytes:
    """Compact JSON bytes, keys in the order given."""
    return pydantic_core.to_json(value)
