"""A chat in the words of Anthropic's messages API: https://docs.anthropic.com/en/api/messages.

Lost on the way: `seed` (there is none), `detail` of images, names of messages, `strict` of functions.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from contract.kinds import ChatPayload, FunctionTool, Message, Part
from engine.rules.answers import FinishReason
from kit.strict_json import JsonRefused, decode, encode

MAX_TOKENS: Final = 4096
"""Where the person names none: the API wants a number."""
REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_DATA_URL: Final = re.compile(r"data:(image/[a-z.+-]+);base64,(.*)", re.DOTALL)


class Unsayable(Exception):
    """What was asked has no words there; the message says which part."""


def request(model: str, payload: ChatPayload, messages: Sequence[Message], tools: Sequence[FunctionTool]) -> dict[str, Any]:
    """Arguments of `messages.create`; what its types do not name goes into `extra_body`.

    Raises:
        Unsayable.
    """
    asked: dict[str, Any] = {"model": model, "max_tokens": payload.max_tokens or MAX_TOKENS, "messages": _turns(messages)}
    system = [block for message in messages if message.role in {"system", "developer"} for block in _blocks(message.content)]
    if system:
        asked["system"] = system
    if payload.stop:
        asked["stop_sequences"] = payload.stop
    if tools:
        asked["tools"] = [_tool(tool) for tool in tools]
        asked["tool_choice"] = {"type": "any" if payload.tool_choice == "required" else payload.tool_choice}
    if (wanted := payload.response_format) is not None and wanted.type != "text":
        schema = (wanted.json_schema or {}).get("schema")
        if not isinstance(schema, dict):
            raise Unsayable("response_format: this provider takes a json_schema with its schema, or text")
        asked["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if sampling := _sampling(payload):
        asked["extra_body"] = sampling  # newer models take none, and say so
    return asked


def _sampling(payload: ChatPayload) -> dict[str, float]:
    if payload.temperature is not None and payload.temperature > 1:
        raise Unsayable("temperature: this provider takes 0 to 1")
    said = {"temperature": payload.temperature, "top_p": payload.top_p}
    return {name: value for name, value in said.items() if value is not None}


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """User and assistant by turns: what follows from the same side is one turn, results of tools among it."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in {"system", "developer"}:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _said(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _said(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": _blocks(message.content)}]
    return _blocks(message.content) + [_use(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]


def _use(call: str, name: str, arguments: str) -> dict[str, Any]:
    try:
        given = decode(arguments.encode() or b"{}", 64)
    except JsonRefused as error:
        raise Unsayable("tool_calls: arguments are not JSON") from error
    return {"type": "tool_use", "id": call, "name": name, "input": given if isinstance(given, dict) else {}}


def _blocks(content: str | list[Part] | None) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_block(part) for part in content or ()]


def _block(part: Part) -> dict[str, Any]:
    if part.image_url is None:
        return {"type": "text", "text": part.text or ""}
    found = _DATA_URL.fullmatch(part.image_url.url)
    if found is None:
        raise Unsayable("image_url: not a data URL")
    return {"type": "image", "source": {"type": "base64", "media_type": found[1], "data": found[2]}}


def _tool(tool: FunctionTool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.function.name, "input_schema": tool.function.parameters or {"type": "object"}}
    if tool.function.description:
        made["description"] = tool.function.description
    return made


def as_text(arguments: Any) -> str:
    """Arguments of a call, as the other wire has them."""
    return encode(arguments).decode()
