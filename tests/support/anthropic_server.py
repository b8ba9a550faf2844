"""A server that speaks Anthropic's wire: messages with server-sent events, models."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.support.model_server import Act, ModelServer, running

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _error(act: Act) -> dict[str, Any]:
    said = {"type": TYPES.get(act.status, "api_error"), "message": "the person said: SECRET WORDS"}
    return {"type": "error", "error": act.error or said}


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


class AnthropicServer(ModelServer):
    """Scripted by `Act`s; left alone it says Hello."""

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/messages", self.messages)
        app.router.add_get("/v1/models", self.list)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        one, act = await self.took(request)
        if act.raw is not None:
            return web.Response(body=act.raw, content_type="application/json", headers=act.headers)
        if act.status != 200:
            return web.json_response(_error(act), status=act.status, headers=act.headers)
        finish = act.finish or ("tool_use" if act.calls else "end_turn")
        came, went = act.usage or (0, 0)
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": one.body["model"], "stop_sequence": None}
        if not one.body.get("stream"):
            content = [{"type": "text", "text": "".join(act.words)}] if act.words else []
            content += [{"type": "tool_use", "id": call, "name": name, "input": json.loads(given)} for call, name, given in act.calls]
            usage = {"input_tokens": came, "output_tokens": went}
            return web.json_response({**head, "content": content, "stop_reason": finish, "usage": usage})
        start = {**head, "content": [], "stop_reason": None, "usage": {"input_tokens": came, "output_tokens": 1}}
        before = [_event({"type": "message_start", "message": start}), _event({"type": "ping"})]
        after = [
            _event({"type": "message_delta", "delta": {"stop_reason": finish, "stop_sequence": None}, "usage": {"output_tokens": went}}),
            _event({"type": "message_stop"}),
        ]
        pieces = self._pieces(act)
        if act.fail_after is not None:
            pieces.insert(act.fail_after, _event({"type": "error", "error": {"type": "overloaded_error", "message": "SECRET WORDS"}}))
        return await self.streamed(request, one, act, before, pieces, after)

    def _pieces(self, act: Act) -> list[bytes]:
        """Every piece of the answer; what begins and ends its blocks goes with the first and the last one of each."""
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        if act.thoughts:
            start = {"type": "thinking", "thinking": "", "signature": ""}
            blocks.append((start, [{"type": "thinking_delta", "thinking": thought} for thought in act.thoughts]))
        if act.words:
            blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in act.words]))
        for call, name, given in act.calls:
            halves = (given[: len(given) // 2], given[len(given) // 2 :])
            start = {"type": "tool_use", "id": call, "name": name, "input": {}}
            blocks.append((start, [{"type": "input_json_delta", "partial_json": half} for half in halves]))
        made = []
        for index, (start, deltas) in enumerate(blocks):
            events = [_event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas]
            events[0] = _event({"type": "content_block_start", "index": index, "content_block": start}) + events[0]
            events[-1] += _event({"type": "content_block_stop", "index": index})
            made += events
        return made

    async def list(self, request: web.Request) -> web.StreamResponse:
        await self.took(request)
        data = [{"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in self.models]
        return web.json_response({"data": data, "has_more": False, "first_id": None, "last_id": None})


@contextlib.asynccontextmanager
async def anthropic_server(port: int = 0) -> AsyncIterator[AnthropicServer]:
    """For the length of the block."""
    made = AnthropicServer()
    async with running(made, made.routes, "", port):
        yield made
