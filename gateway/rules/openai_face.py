"""OpenAI's wire (chat completions, embeddings) to job payloads and back. Source: OpenAI API reference, as `openai` 3.57 speaks it.

What a request asks beyond what is done here is refused by name where leaving it out would change the answer's shape; the rest is
ignored, as servers of that wire do.
"""

import base64
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from contract.errors import NotSupported
from contract.kinds import ChatResult, EmbedResult, Message, Usage

REFUSED: Final = ("logprobs", "top_logprobs", "audio", "functions", "function_call", "web_search_options", "prediction")
PASSED: Final = ("temperature", "top_p", "seed", "response_format", "use_tools", "max_steps")
CHOICES: Final = frozenset({"auto", "none", "required"})
MESSAGE_FIELDS: Final = ("role", "content", "name", "tool_calls", "tool_call_id")


def chat_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of a `chat` job; it is held against the kind's schema afterwards.

    Raises:
        NotSupported: with the parameter's name.
    """
    _refuse(body)
    payload = {name: body[name] for name in PASSED if body.get(name) is not None}
    payload |= {"model": body.get("model"), "messages": _messages(body.get("messages")), "stream": wants_stream(body)}
    longest = body.get("max_completion_tokens", body.get("max_tokens"))
    if longest is not None:
        payload["max_tokens"] = longest
    if (stop := body.get("stop")) is not None:
        payload["stop"] = [stop] if isinstance(stop, str) else stop
    return payload | _tools(body)


def wants_stream(body: Mapping[str, Any]) -> bool:
    """Whether the answer shall come as a stream."""
    return body.get("stream") is True


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether a stream shall end with what it took."""
    options = body.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def embed_payload(body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of an `embed` job.

    Raises:
        NotSupported: the input is tokens rather than text.
    """
    texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if isinstance(texts, list) and any(not isinstance(text, str) for text in texts):
        raise NotSupported("input: send text, not tokens.", param="input")
    payload = {"model": body.get("model"), "input": texts}
    return payload if body.get("dimensions") is None else {**payload, "dimensions": body["dimensions"]}


def completion(name: str, created: int, result: ChatResult) -> dict[str, Any]:
    """A `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": text_of(result.message), "refusal": None}
    if result.message.tool_calls:
        message["tool_calls"] = [call.model_dump() for call in result.message.tool_calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": result.finish_reason}
    return {
        "id": name,
        "object": "chat.completion",
        "created": created,
        "model": result.model,
        "choices": [choice],
        "usage": _usage(result.usage),
    }


class Chunks:
    """The `chat.completion.chunk`s of one answer."""

    def __init__(self, name: str, created: int, model: str, *, with_usage: bool) -> None:
        self._frame = {"id": name, "object": "chat.completion.chunk", "created": created, "model": model}
        self._with_usage = with_usage

    def role(self) -> dict[str, Any]:
        """The first one."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> dict[str, Any]:
        """More of the answer."""
        return self._chunk({"content": text})

    def end(self, result: ChatResult, *, said: bool) -> Iterator[dict[str, Any]]:
        """The last ones; `said`: its text was streamed."""
        text = text_of(result.message)
        if text and not said:
            yield self.text(text)
        if result.message.tool_calls:
            calls = [{"index": index, **call.model_dump()} for index, call in enumerate(result.message.tool_calls)]
            yield self._chunk({"tool_calls": calls})
        yield self._chunk({}, result.finish_reason)
        if self._with_usage:
            yield {**self._frame, "choices": [], "usage": _usage(result.usage)}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._frame, "choices": [choice], **({"usage": None} if self._with_usage else {})}


def embeddings(result: EmbedResult, encoding: object) -> dict[str, Any]:
    """A list of embeddings, as numbers or as `base64` of little-endian 32-bit floats (which the official client asks for)."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if encoding == "base64" else vector}
        for index, vector in enumerate(result.vectors)
    ]
    taken = result.usage.input_tokens
    return {"object": "list", "data": data, "model": result.model, "usage": {"prompt_tokens": taken, "total_tokens": taken}}


def text_of(message: Message) -> str | None:
    """What a message says."""
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _refuse(body: Mapping[str, Any]) -> None:
    for name in REFUSED:
        if body.get(name):
            raise NotSupported(f"{name} is not supported here.", param=name)
    if body.get("n") not in {None, 1}:
        raise NotSupported("n: one answer at a time; send the request again for another.", param="n")
    modalities = body.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise NotSupported("modalities: text only.", param="modalities")


def _messages(messages: Any) -> Any:
    """Without the members that answers carry and requests repeat (`refusal`, `annotations`, ...)."""
    if not isinstance(messages, list):
        return messages
    return [_message(message) if isinstance(message, dict) else message for message in messages]


def _message(message: dict[str, Any]) -> dict[str, Any]:
    kept = {name: message[name] for name in MESSAGE_FIELDS if message.get(name) is not None}
    if isinstance(calls := kept.get("tool_calls"), list):
        kept["tool_calls"] = [_only(call, "id", "type", "function") for call in calls]
        for call in kept["tool_calls"]:
            if isinstance(call, dict) and isinstance(call.get("function"), dict):
                call["function"] = _only(call["function"], "name", "arguments")
        if not calls:
            del kept["tool_calls"]
    return kept


def _only(value: Any, *names: str) -> Any:
    return {name: value[name] for name in names if name in value} if isinstance(value, dict) else value


def _tools(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {} if not body.get("tools") else {"tools": body["tools"]}
    choice = body.get("tool_choice")
    if isinstance(choice, str) and choice in CHOICES:
        return {**found, "tool_choice": choice}
    if choice is None:
        return found
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) and isinstance(choice.get("function"), dict) else None
    named = [tool for tool in found.get("tools", []) if isinstance(tool, dict) and tool.get("function", {}).get("name") == name]
    if name is None or not named:
        raise NotSupported("tool_choice: auto, none, required, or one of the functions in tools.", param="tool_choice")
    return {"tools": named, "tool_choice": "required"}


def _usage(usage: Usage) -> dict[str, int]:
    taken = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    return {**taken, "total_tokens": usage.input_tokens + usage.output_tokens}
