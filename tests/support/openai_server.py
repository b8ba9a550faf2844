"""A server that speaks OpenAI's wire: chat completions with server-sent events, embeddings, models."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.support.model_server import Act, ModelServer, running

TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


def _error(act: Act) -> dict[str, Any]:
    said = {"message": "the person said: SECRET WORDS", "type": TYPES.get(act.status, "server_error"), "param": None, "code": None}
    return {"error": act.error or said}


def _event(data: Any) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


class OpenAiServer(ModelServer):
    """Scripted by `Act`s; left alone it says Hello."""

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.embeddings)
        app.router.add_get("/v1/models", self.list)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        one, act = await self.took(request)
        if act.raw is not None:
            return web.Response(body=act.raw, content_type="application/json", headers=act.headers)
        if act.status != 200:
            return web.json_response(_error(act), status=act.status, headers=act.headers)
        head = {"id": "chatcmpl-1", "created": 1, "model": one.body["model"]}
        finish = act.finish or ("tool_calls" if act.calls else "stop")
        if not one.body.get("stream"):
            if act.hold_first is not None:
                await act.hold_first.wait()
            return web.json_response(self._whole(head, act, finish))

        def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            return _event({**head, "object": "chat.completion.chunk", "choices": [choice], **more})

        before = [b": keep-alive\n\n", chunk({"role": "assistant", "content": ""})]
        pieces = [chunk({"reasoning_content": thought}) for thought in act.thoughts]
        pieces += [chunk({"content": word}) for word in act.words]
        for index, (call, name, arguments) in enumerate(act.calls):
            pieces.append(
                chunk({"tool_calls": [{"index": index, "id": call, "type": "function", "function": {"name": name, "arguments": ""}}]})
            )
            for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
                pieces.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": half}}]}))
        if act.fail_after is not None:
            pieces.insert(act.fail_after, _event({"error": {"message": "SECRET WORDS", "type": "server_error", "code": None}}))
        after = [chunk({}, finish)]
        if act.usage is not None and (one.body.get("stream_options") or {}).get("include_usage"):
            after.append(_event({**head, "object": "chat.completion.chunk", "choices": [], "usage": _usage(act.usage)}))
        return await self.streamed(request, one, act, before, pieces, [*after, _event(b"[DONE]")])

    def _whole(self, head: dict[str, Any], act: Act, finish: str) -> dict[str, Any]:
        calls = [{"id": call, "type": "function", "function": {"name": name, "arguments": given}} for call, name, given in act.calls]
        message = {"role": "assistant", "content": "".join(act.words) or None, **({"tool_calls": calls} if calls else {})}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        return {**head, "object": "chat.completion", "choices": choices, "usage": None if act.usage is None else _usage(act.usage)}

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        one, act = await self.took(request)
        if act.status != 200:
            return web.json_response(_error(act), status=act.status, headers=act.headers)
        data = [
            {"object": "embedding", "index": index, "embedding": [float(len(text)), 0.5]} for index, text in enumerate(one.body["input"])
        ]
        return web.json_response(
            {"object": "list", "model": one.body["model"], "data": data[::-1], "usage": {"prompt_tokens": 5, "total_tokens": 5}}
        )

    async def list(self, request: web.Request) -> web.StreamResponse:
        await self.took(request)
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "test"} for name in self.models]
        return web.json_response({"object": "list", "data": data})


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


@contextlib.asynccontextmanager
async def openai_server(port: int = 0) -> AsyncIterator[OpenAiServer]:
    """For the length of the block."""
    made = OpenAiServer()
    async with running(made, made.routes, "/v1", port):
        yield made
