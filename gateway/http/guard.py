"""The outermost layer of every listener: where a request came in, whether it may, and what every answer carries.

Socket.IO and FastAPI are both inside it. Trust follows the listener, never the peer address (architecture, idea 5).
"""

import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import limits
from contract.errors import FloworkError, ForwardedNotAllowed, HostNotAllowed, OriginNotAllowed, RequestInvalid
from gateway.http.problems import response
from kit import trace_context
from kit.logs import Log

log = Log("http")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORWARDING = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"cf-connecting-ip", b"true-client-ip"}
)
SINGLE = frozenset(
    {b"host", b"authorization", b"dpop", b"idempotency-key", b"x-engine-id", b"x-engine-token", b"origin", b"content-length"}
)
ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store")]


class Guard:
    """Wraps an app for one listener.

    Args:
        app: what is inside.
        ingress: `loopback` or `admin`; put into `scope["state"]`.
        origins: gives the origins of pages that may call; read at each request.
    """

    def __init__(self, app: ASGIApp, ingress: str, origins: Callable[[], frozenset[str]]) -> None:
        self._app = app
        self._ingress = ingress
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        trace = trace_context.parse(_header(headers, b"traceparent"))
        trace = trace_context.child(trace, secrets.token_bytes) if trace else trace_context.begin(secrets.token_bytes)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "ingress": self._ingress, "trace": trace}
        scope["state"]["client"] = (scope.get("client") or ("", 0))[0]
        scope["state"]["origin"] = f"http://{_header(headers, b'host') or ''}"
        answer = _Answer(scope, send, request_id)
        try:
            self._check(headers)
        except FloworkError as error:
            await _refuse(error, request_id, scope, receive, answer.send)
        else:
            await self._app(scope, receive, answer.send)
        finally:
            answer.log(trace)

    def _check(self, headers: list[tuple[bytes, bytes]]) -> None:
        names = [name for name, _ in headers]
        if len(names) > limits.HEADER_MAX_LINES or any(names.count(name) > 1 for name in SINGLE):
            raise RequestInvalid("Too many header lines, or one twice that must be single.")
        if not FORWARDING.isdisjoint(names):
            raise ForwardedNotAllowed
        if self._ingress == "loopback" and _host(headers) not in LOOPBACK_HOSTS:
            raise HostNotAllowed
        origin = _header(headers, b"origin")
        if origin is not None and origin not in self._origins():
            raise OriginNotAllowed


class _Answer:
    """Follows the answer to add what all carry, and to write the one line of the access log."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self._began = time.perf_counter()
        self._status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self._status = message["status"]
            message["headers"] = [*message.get("headers", ()), *ALWAYS, (b"x-request-id", self._request_id.encode())]
        await self._send(message)

    def log(self, trace: trace_context.TraceContext) -> None:
        state: dict[str, Any] = self._scope["state"]
        route = self._scope.get("route")
        log.debug(
            "http.request",
            route=getattr(route, "path", None),
            status=self._status,
            latency_ms=round((time.perf_counter() - self._began) * 1000, 2),
            trace_id=trace.trace_id,
            request_id=self._request_id,
            ingress=state["ingress"],
            user_id=state.get("user_id"),
            engine_id=state.get("engine_id"),
        )


async def _refuse(error: FloworkError, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        # Before the handshake a close is an HTTP 403 on every server; the reason is in the log.
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(error, request_id)(scope, receive, send)


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key == name), None)


def _host(headers: list[tuple[bytes, bytes]]) -> str:
    host = _header(headers, b"host") or ""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name
