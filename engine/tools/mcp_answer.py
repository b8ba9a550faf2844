"""What an MCP server answers to a call, as a job hands it on."""

import json
from dataclasses import dataclass
from typing import Any

from engine.rules.failures import JobFailed
from kit.text import encodable

MESSAGE_MAX = 2000


@dataclass(frozen=True, slots=True)
class Answered:
    """A tool's answer: JSON, or the beginning of its text where it was too long."""

    content: Any
    truncated: bool


def read_result(result: Any, most: int) -> Answered:
    """A `CallToolResult`: what it says as JSON if it does, its text if it is only text, else its parts.

    Raises:
        JobFailed: `tool.failed`, with what the tool said.
    """
    parts = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
    text = "\n".join(part["text"] for part in parts if part.get("type") == "text")
    if result.is_error:
        raise JobFailed("tool.failed", encodable(text)[:MESSAGE_MAX] or "The tool failed.", retryable=False)
    if result.structured_content is not None:
        return cut(result.structured_content, most)
    return cut(text if all(part.get("type") == "text" for part in parts) else parts, most)


def cut(content: Any, most: int) -> Answered:
    """At most so many bytes; what is longer becomes the beginning of its text."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    raw = encodable(text).encode()
    if len(raw) <= most:
        return Answered(encodable(content) if isinstance(content, str) else content, False)
    return Answered(raw[:most].decode("utf-8", "ignore"), True)
