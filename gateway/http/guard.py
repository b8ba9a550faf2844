"""The outermost layer of every listener: where a request came in, whether it may, and what every answer carries.

Socket.IO and FastAPI are both inside it. The order is that of security reference §5.2: host, sanity of the head, origin,
fetch metadata, buckets; bodies have their limits in `bodies.py` and their time in `connection.py`.
"""

import secrets
import time
from collections.abc import Callable, Container
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import (
    BadHeader,
    BadPath,
    BodyTooLarge,
    FloworkError,
    NavigationNotAllowed,
    OriginNotAllowed,
    RouteUnknown,
)
from gateway.http import cors, sanity
from gateway.http.ingress import Came, Door
from gateway.http.problems import rendered
from gateway.http.sanity import Headers, Named
from gateway.operations.throttle import Throttle
from gateway.rules.access_log import level_of
from gateway.rules.ingress import Ingress
from gateway.rules.throttle import AUTH_FAILED, Counted, counted, is_attempt
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import RequestSpans
from kit import trace_context
from kit.clock import SystemClock
from kit.logs import Log, bind, bound
from kit.spans import NO_SPANS
from kit.trace_context import TraceContext

log = Log("http")
API: Final = ("/api/", "/v1/", "/internal/", "/admin/")
SHARED: Final = ("/api/", "/v1/")
"""What pages of other origins may read, if the owner named them."""
NOT_AUTHENTICATED: Final = frozenset({401})
EMBEDDING: Final = frozenset({"navigate", "no-cors"})
ALWAYS: Final = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store")]
HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
CLOSE: Final = (b"connection", b"close")
UNREADABLE: Final = (BadHeader, BadPath, BodyTooLarge)
"""After these nobody can be sure where the next request on the connection begins."""

KnownDevice = Callable[[Named], bool]
"""Whether the headers prove a device that is known here, which then may use the reserved share of sign-ins."""


def strangers_only(_headers: Named) -> bool:
    """Know no device at all."""
    return False


class Guard:
    """Wraps an app for one listener.

    Puts into `scope["state"]`: `request_id`, `trace`, `ingress`, and once the host was found to be ours `client` and
    `origin` (see `ingress.Came`). Finds there after an answer: `problem`, the code of a failure.

    Args:
        app: what is inside.
        door: the listener's rules.
        origins: origins of pages that may call: the gateway's own and the owner's GUIs.
        throttle: counts addresses; None on the owner's listener.
        known_device: see `KnownDevice`.
        listener: hears of every answer; None where answers are not those to people and engines.
        spans: gives each request its place in a trace; None where no trace leads on.
    """

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        origins: Container[str],
        throttle: Throttle | None,
        known_device: KnownDevice = strangers_only,
        listener: Listener | None = None,
        spans: RequestSpans | None = None,
    ) -> None:
        self._app = app
        self._door = door
        self._origins = origins
        self._throttle = throttle
        self._known_device = known_device
        self._listener = listener
        self._spans = spans or RequestSpans(NO_SPANS, SystemClock(), 1.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        headers = sanity.by_name(scope["headers"])
        remote = trace_context.parse(_traceparent(scope["headers"]))
        trace = self._spans.trace(remote)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "ingress": self._door.ingress, "trace": trace}
        with bound(trace_id=trace.trace_id, request_id=request_id):
            await self._answer(scope, receive, _Answer(scope, send, request_id, remote), headers)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer", headers: Named) -> None:
        try:
            self._check(scope, headers, answer)
            if scope["type"] == "http" and cors.is_preflight(scope["method"], headers):
                await Response(status_code=204, headers=_text(cors.preflight(headers)))(scope, receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        except FloworkError as error:
            if isinstance(error, UNREADABLE):
                answer.headers.append(CLOSE)
            await _refuse(error, answer.request_id, scope, receive, answer.send)
        finally:
            answer.told(self._listener, self._spans)

    def _check(self, scope: Scope, headers: Named, answer: "_Answer") -> None:
        if [name for name, _ in scope["headers"]].count(b"host") != 1:
            raise BadHeader("Send exactly one Host.")
        peer = scope.get("client")
        came = self._door.came(headers, peer[0] if peer else "")
        scope["state"].update(client=came.client, origin=came.origin)
        bind(ip=came.client or None)
        sanity.check_headers(scope["headers"], headers)
        sanity.check_path(scope)
        origin = headers.get(b"origin")
        self._check_origin(scope["type"], origin)
        answer.headers.extend(cors.allowed(origin))
        path: str = scope["path"]
        if headers.get(b"sec-fetch-mode") in EMBEDDING and path.startswith(API):
            raise NavigationNotAllowed
        if self._throttle is not None:
            self._count(self._throttle, came, scope, headers, answer)
        if not self._door.serves(path):
            raise RouteUnknown

    def _check_origin(self, kind: str, origin: str | None) -> None:
        if origin is None:
            # Programs send none, but a browser always does when it opens a WebSocket.
            if kind == "websocket" and self._door.ingress in {Ingress.LAN, Ingress.TUNNEL}:
                raise OriginNotAllowed("A socket from elsewhere must name its origin; programs read GET /api/v1/events.")
        elif origin not in self._origins:
            raise OriginNotAllowed

    def _count(self, throttle: Throttle, came: Came, scope: Scope, headers: Named, answer: "_Answer") -> None:
        local, path = self._door.ingress is Ingress.LOOPBACK, scope["path"]
        how = counted(
            local=local,
            path=path,
            user_credential=b"authorization" in headers,
            engine_credential=b"x-engine-token" in headers,
        )
        if is_attempt(path) and scope.get("method") != "OPTIONS":
            throttle.ip(came.client, local=local, counted=Counted.FULL)
            throttle.auth(came.client, local=local, known_device=self._known_device(headers))
            answer.failures, answer.failed = AUTH_FAILED, lambda: throttle.auth_failed(came.client, local=local)
        else:
            throttle.ip(came.client, local=local, counted=how)
            answer.failures, answer.failed = NOT_AUTHENTICATED, lambda: throttle.ip_failed(came.client, local=local, counted=how)


class _Answer:
    """Follows the answer to add what all carry, and to write the one line of the access log."""

    def __init__(self, scope: Scope, send: Send, request_id: str, remote: TraceContext | None) -> None:
        self._scope = scope
        self._send = send
        self.request_id = request_id
        self._remote = remote
        self._began = time.perf_counter()
        self._status: int | None = None
        self.headers: Headers = [*ALWAYS, cors.VARY, (b"x-request-id", request_id.encode()), *_by_place(scope)]
        self.failures: frozenset[int] = frozenset()
        """Statuses by which somebody failed to authenticate; `failed` is told, so that it costs them."""
        self.failed: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self._status = message["status"]
            if message["status"] in self.failures:
                self.failed()
            inner = message.get("headers", ())
            said = {name.lower() for name, _ in inner}
            message["headers"] = [*inner, *(header for header in self.headers if header[0] not in said)]
        await self._send(message)

    def told(self, listener: Listener | None, spans: RequestSpans) -> None:
        state: dict[str, Any] = self._scope["state"]
        route, took_s = getattr(self._scope.get("route"), "path", None), time.perf_counter() - self._began
        method = self._scope.get("method", "GET")
        if listener is not None and self._status is not None:
            listener.answered(route, method, self._status, took_s)
            if self._status in self.failures and "problem" in state:
                listener.auth_failed(state["problem"])
        if self._status is not None and "user_id" in state:
            spans.answered(state["trace"], self._remote, route, method, self._status, self._scope.get("scheme", "http"), took_s)
        level = level_of(method, self._status, known="user_id" in state or state["ingress"] is Ingress.ADMIN)
        if log.shows(level):
            took_ms, ingress = round(took_s * 1000, 2), state["ingress"].value
            log.at(level, "http.request", method=method, route=route, status=self._status, latency_ms=took_ms, ingress=ingress)


def _traceparent(headers: Headers) -> str | None:
    """The header, if it was sent once (W3C Trace Context §3.2: of two, neither counts)."""
    found = [value for name, value in headers if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _by_place(scope: Scope) -> Headers:
    shared = b"cross-origin" if scope["path"].startswith(SHARED) else b"same-origin"
    return [(b"cross-origin-resource-policy", shared), *([HSTS] if scope["state"]["ingress"] is Ingress.TUNNEL else [])]


async def _refuse(error: FloworkError, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await rendered(scope["path"], error, request_id)(scope, receive, send)


def _text(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}
