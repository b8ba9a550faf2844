"""`/v1`: the face that clients of OpenAI's wire know. A personal API key says who asks, and which engine works."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contract import limits
from contract.errors import FloworkError, JobEndedBadly, JobLost, MediaTypeUnsupported, ModelUnknown, RequestInvalid, StreamUnavailable
from contract.kinds import ChatResult, EmbedResult
from contract.wire import Answer
from gateway.http import bodies, openai_errors
from gateway.http.callers import Keyed
from gateway.http.engine_link import hangup
from gateway.http.jobs import CountSubmits, checked_key
from gateway.operations.api_keys import ApiCaller
from gateway.operations.face import Again, Begun, Ended, Face, Quiet, Said, failure
from gateway.rules import openai_face
from gateway.rules.ingress import Ingress
from gateway.store.seam import Detail
from kit import strict_json
from kit.logs import bind

R = TypeVar("R", bound=Answer)
QUICK_TUNNELS: Final = ".trycloudflare.com"
QUIET_S: Final = 15.0
"""After so long without a word a comment goes out, so that nobody in between takes the stream for dead."""
STREAM_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
JOB_HEADER: Final = "Flowork-Job"


def router(keyed: Keyed, count: CountSubmits, face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["openai"])
    Caller = Annotated[ApiCaller, Depends(keyed.caller)]

    jobs = _Jobs(count, face)

    @routes.post("/chat/completions", response_class=Response)
    async def chat(request: Request, caller: Caller) -> Response:
        """OpenAI's chat completions, streamed or not; each is a job of kind `chat`."""
        body = await _read(request)
        stream = openai_face.wants_stream(body)
        if stream and (urlsplit(request.state.origin).hostname or "").endswith(QUICK_TUNNELS):
            raise StreamUnavailable(param="stream")
        made = await jobs.begin(request, caller, "chat", openai_face.chat_payload(body), once=stream)
        if stream:
            chunks = openai_face.Chunks(_name(made), made.created, body["model"], with_usage=openai_face.wants_usage(body))
            return _Stream(request, face, made, chunks)
        detail = await _ended(request, face, made)
        if detail is None:
            return Response(status_code=499)
        result = _result(detail, ChatResult)
        return bodies.raw(openai_face.completion(_name(made), made.created, result), headers={JOB_HEADER: made.job})

    @routes.post("/embeddings", response_class=Response)
    async def embed(request: Request, caller: Caller) -> Response:
        """OpenAI's embeddings; each request is a job of kind `embed`."""
        body = await _read(request)
        made = await jobs.begin(request, caller, "embed", openai_face.embed_payload(body), once=False)
        detail = await _ended(request, face, made)
        if detail is None:
            return Response(status_code=499)
        result = _result(detail, EmbedResult)
        return bodies.raw(openai_face.embeddings(result, body.get("encoding_format")), headers={JOB_HEADER: made.job})

    @routes.get("/models", response_class=Response)
    async def models(caller: Caller) -> Response:
        """The models that the key can use."""
        return bodies.raw({"object": "list", "data": [_model(name) for name in face.models(caller)]})

    @routes.get("/models/{name:path}", response_class=Response)
    async def model(caller: Caller, name: str) -> Response:
        """One of them."""
        if name not in face.models(caller):
            raise ModelUnknown(f"There is no model {name[:200]!r} here for this key.", param="model")
        return bodies.raw(_model(name))

    return routes


class _Jobs:
    """Begins the job of a request."""

    def __init__(self, count: CountSubmits, face: Face) -> None:
        self._count = count
        self._face = face

    async def begin(self, request: Request, caller: ApiCaller, kind: str, payload: dict[str, Any], *, once: bool) -> Begun:
        """Submit it under the client's idempotency key, or one of its own. Raises what `Face.begin` does, and SubmitsThrottled."""
        state = request.state
        self._count(caller.user, state.client, local=state.ingress is Ingress.LOOPBACK, jobs=1)
        given = request.headers.get("idempotency-key")
        key = checked_key(given) if given else f"openai-{secrets.token_hex(16)}"
        made = await self._face.begin(caller, kind, payload, key, str(state.trace), once=once)
        bind(job_id=made.job)
        return made


class _Stream(Response):
    """Server-sent events. Until the first byte a failure is answered with its status; after it, it ends the stream."""

    def __init__(self, request: Request, face: Face, begun: Begun, chunks: openai_face.Chunks) -> None:
        super().__init__(None, 200, {**STREAM_HEADERS, JOB_HEADER: begun.job})
        del self.headers["content-length"]
        self._request = request
        self._face = face
        self._begun = begun
        self._chunks = chunks
        self._open = False
        """Something was sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with hangup(self._request) as gone:
            try:
                async with aclosing(self._events(gone)) as events:
                    async for piece in events:
                        await self._send(send, piece)
            except FloworkError as error:
                if not self._open:
                    self._request.state.problem = error.code
                    await openai_errors.response(error)(scope, receive, send)
                    return
                await self._send(send, _event(openai_errors.document(error)))
            if not gone.is_set():
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, piece: bytes) -> None:
        if not self._open:
            self._open = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _events(self, gone: asyncio.Event) -> AsyncGenerator[bytes]:
        said = False
        headed = False
        async with aclosing(self._face.steps(self._begun, gone, QUIET_S)) as steps:
            async for step in steps:
                if isinstance(step, Quiet):
                    yield b": still here\n\n"
                    continue
                if isinstance(step, Again):
                    await self._lost()
                    continue
                if isinstance(step, Ended) and (error := failure(step.detail.job)) is not None:
                    raise error
                role = b"" if headed else _event(self._chunks.role())
                headed = True
                if isinstance(step, Said):
                    said = True
                    yield role + _event(self._chunks.text(step.text))
                else:
                    last = [_event(chunk) for chunk in self._chunks.end(_result(step.detail, ChatResult), said=said)]
                    yield b"".join([role, *last, b"data: [DONE]\n\n"])

    async def _lost(self) -> None:
        """The engine was lost: what the client has of the answer must not be begun anew under it."""
        if self._open:
            if not self._begun.replayed:
                await self._face.cancel(self._begun)
            raise JobLost


async def _read(request: Request) -> dict[str, Any]:
    """The body: an object.

    Raises:
        MediaTypeUnsupported, BodyTooLarge, RequestInvalid.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" or "content-encoding" in request.headers:
        raise MediaTypeUnsupported
    raw = await bodies.whole(request, limits.SUBMIT_BODY_MAX_BYTES)
    try:
        body = strict_json.decode(raw, limits.JSON_MAX_DEPTH, limits.PAYLOAD_JSON_MAX_NODES)
    except strict_json.JsonRefused as error:
        raise RequestInvalid(f"body: {error}.") from error
    if not isinstance(body, dict):
        raise RequestInvalid("body: send a JSON object.")
    return body


async def _ended(request: Request, face: Face, begun: Begun) -> Detail | None:
    async with hangup(request) as gone:
        detail = await face.ended(begun, gone)
    if detail is not None and (error := failure(detail.job)) is not None:
        raise error
    return detail


def _result(detail: Detail, model: type[R]) -> R:
    try:
        return model.model_validate_json(detail.result or b"null")
    except ValidationError:
        raise JobEndedBadly("The engine's result is not one of this kind.") from None


def _name(begun: Begun) -> str:
    return f"chatcmpl-{begun.job}"


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + strict_json.encode(document) + b"\n\n"


def _model(name: str) -> dict[str, Any]:
    provider, slash, _ = name.partition("/")
    return {"id": name, "object": "model", "created": 0, "owned_by": provider if slash else "flowork"}
