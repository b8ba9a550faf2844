"""Socket.IO for people: every committed event to its user's room, and nothing else (protocol §6, security reference §5.4)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import socketio
from socketio import exceptions
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import FloworkError, RouteUnknown, SocketTransportRefused, TooManySockets
from contract.events import SOCKET_NAMESPACE as NAMESPACE
from contract.events import SOCKET_PATH, Event
from gateway.rules.ingress import Ingress
from gateway.rules.packets import Packet, PacketRefused, Says, judge
from kit.bucket import Bucket, Buckets, Policy, address_key
from kit.clock import Clock
from kit.logs import Log

log = Log("sockets")
FRAME_MAX_BYTES: Final = 64 * 1024
AUTH_REFRESH: Final = "auth.refresh"
QUERY: Final = {"transport": ["websocket"], "EIO": ["4"]}
QUERY_IGNORED: Final = "t"
"""Some clients add a time against caches."""
LINES: Final = Policy(1 / 60, 1)
"""What strangers may write into the log, each address."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one visitor may take."""

    connect_s: float = 10.0
    """From the WebSocket to an accepted CONNECT (seconds)."""
    refused_s: float = 0.2
    """From a refused CONNECT to the end: enough for the reason to arrive (seconds)."""
    hang_up_s: float = 0.5
    """From the goodbye to the end, for a client that does not answer it (seconds)."""
    per_user: int = 8
    per_address: int = 64
    on_loopback: int = 256
    """There all visitors have one address; connections of the listener are bounded by as many."""
    frames: Policy = Policy(20, 40)
    """Packets of one socket."""
    unsent: int = 2048
    """Packets that may wait for a slow socket; engine.io itself has no bound."""


class Who(Protocol):
    """Whoever a checked credential stands for."""

    @property
    def user(self) -> str:
        """The user id."""

    @property
    def session(self) -> str:
        """The session id."""


Authenticate = Callable[[Mapping[str, Any], str], tuple[Who, float]]
"""What the client sent as `auth` (or with `auth.refresh`), and the gateway's own origin by which it came -> who that is, and
seconds until the credential ends; raises FloworkError."""


@dataclass(slots=True, eq=False)
class _Visitor:
    """One WebSocket, from its handshake to its end."""

    address: str
    local: bool
    origin: str
    hang_up: Callable[[], None]
    bucket: Bucket
    eio_sid: str = ""
    sid: str = ""
    who: Who | None = None
    asked: bool = False
    """It has sent its CONNECT; there is no second one."""
    ending: bool = False
    timer: asyncio.TimerHandle | None = None
    """The end of its patience: first for the CONNECT, then the end of its credential."""


class Sockets:
    """The users' sockets.

    Args:
        authenticate: checks a CONNECT and an `auth.refresh`.
        clock: for the buckets.
        limits: what one visitor may take.
        failed: told the address (and whether it came by loopback) when a credential was wrong, and the code of why.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        clock: Clock,
        limits: SocketLimits | None = None,
        failed: Callable[[str, bool, str], None] = lambda _address, _local, _code: None,
    ) -> None:
        self._authenticate = authenticate
        self._clock = clock
        self._limits = limits or SocketLimits()
        self._failed = failed
        self._visitors: set[_Visitor] = set()
        self._by_address: Counter[str] = Counter()
        self._by_user: dict[str, set[_Visitor]] = {}
        self._by_sid: dict[str, _Visitor] = {}
        self._lines = Buckets()
        self._outgoing: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins=[],  # says "whatever": the guard outside has judged the origin, for sockets and all else
            cors_credentials=False,
            transports=["websocket"],
            allow_upgrades=False,
            http_compression=False,
            max_http_buffer_size=FRAME_MAX_BYTES,
            namespaces=[NAMESPACE],
            logger=False,
            engineio_logger=False,
        )
        self.server.on("connect", self._connect, namespace=NAMESPACE)
        self.server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        self.server.on(AUTH_REFRESH, self._refresh, namespace=NAMESPACE)
        accept = self.server.eio.handlers["connect"]

        async def opened(eio_sid: str, environ: dict[str, Any]) -> Any:
            _visitor_of(environ).eio_sid = eio_sid
            return await accept(eio_sid, environ)

        self.server.eio.on("connect", opened)

    def beside(self, app: ASGIApp) -> ASGIApp:
        """An app that serves the sockets below their path and `app` everywhere else."""

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            path: str = scope.get("path", "")
            if path.rstrip("/") == SOCKET_PATH:
                await self._visit(scope, receive, send)
            elif path.startswith(f"{SOCKET_PATH}/"):
                raise RouteUnknown
            else:
                await app(scope, receive, send)

        return both

    @property
    def count(self) -> int:
        """Sockets of people who are signed in."""
        return len(self._by_sid)

    def publish(self, user: str, event: Event) -> None:
        """Send one event to a user's sockets, in the order of the calls, while `relay` runs."""
        if user in self._by_user:
            self._outgoing.put_nowait((user, event))

    async def relay(self) -> None:
        """Carry what is published to the sockets, for ever. A socket that does not keep up is closed: its cursor brings it back."""
        while True:
            user, event = await self._outgoing.get()
            await self.server.emit(event.name, event.model_dump(), room=_room(user), namespace=NAMESPACE)
            for visitor in tuple(self._by_user.get(user, ())):
                socket = self.server.eio.sockets.get(visitor.eio_sid)
                if socket is not None and socket.queue.qsize() > self._limits.unsent:
                    log.warning("socket.too_slow", unsent=socket.queue.qsize())
                    await self._drop(visitor)

    def close_where(self, revoked: Callable[[Who], bool]) -> None:
        """Close the sockets of everybody of whom this is true, within a second whatever they do."""
        for visitor in [visitor for visitor in self._visitors if visitor.who is not None and revoked(visitor.who)]:
            self._spawn(self._end(visitor))

    def close_from(self, origins: Container[str]) -> None:
        """Hang up on who came by one of these origins of ours."""
        for visitor in tuple(self._visitors):
            if visitor.origin in origins:
                self._spawn(self._end(visitor))

    async def close(self) -> None:
        """Close every socket and forget the timers."""
        for visitor in tuple(self._visitors):
            await self._drop(visitor)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
        query.pop(QUERY_IGNORED, None)
        if scope["type"] != "websocket" or query != QUERY:
            raise SocketTransportRefused
        visitor = self._seat(scope["state"])
        scope["state"]["visitor"] = visitor
        try:
            await self.server.handle_request(scope, self._inspecting(visitor, receive), send)
        finally:
            self._leave(visitor)

    def _seat(self, state: Mapping[str, Any]) -> _Visitor:
        local = state["ingress"] is Ingress.LOOPBACK
        address = Ingress.LOOPBACK.value if local else address_key(state["client"])
        if self._by_address[address] >= (self._limits.on_loopback if local else self._limits.per_address):
            raise TooManySockets
        bucket = Bucket(self._limits.frames, self._now())
        visitor = _Visitor(address, local, state["origin"], state.get("hang_up", _nothing), bucket)
        visitor.timer = self._later(self._limits.connect_s, lambda: self._drop(visitor))
        self._by_address[address] += 1
        self._visitors.add(visitor)
        return visitor

    def _leave(self, visitor: _Visitor) -> None:
        self._visitors.discard(visitor)
        self._by_address[visitor.address] -= 1
        if not self._by_address[visitor.address]:
            del self._by_address[visitor.address]
        self._forget(visitor)

    def _inspecting(self, visitor: _Visitor, receive: Receive) -> Receive:
        """What the client says, as long as it may be said; after the first thing that may not, the client has left."""

        async def inspected() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            try:
                self._admit(visitor, message)
            except PacketRefused as error:
                self._tell(visitor, str(error))
                self._hang_up(visitor)
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        return inspected

    def _admit(self, visitor: _Visitor, message: Message) -> None:
        if visitor.bucket.take(self._limits.frames, self._now()) > 0:
            raise PacketRefused("too many packets")
        text = message.get("text")
        if text is None:
            raise PacketRefused("binary")
        packet = judge(text)
        if packet.says is Says.CONNECT:
            self._admit_connect(visitor, packet)
        elif packet.says not in {Says.PONG, Says.CLOSE} and (packet.namespace != NAMESPACE or visitor.who is None):
            raise PacketRefused("not connected to that namespace")

    def _admit_connect(self, visitor: _Visitor, packet: Packet) -> None:
        if visitor.asked:
            raise PacketRefused("a second connect")
        visitor.asked = True
        if packet.namespace != NAMESPACE:  # the library says so to the client
            self._later(self._limits.refused_s, lambda: self._drop(visitor))

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        visitor = _visitor_of(environ)
        if visitor not in self._visitors:
            raise exceptions.ConnectionRefusedError  # it left before its turn came
        try:
            who, expires_in = self._authenticate(auth if isinstance(auth, dict) else {}, visitor.origin)
            if len(self._by_user.get(who.user, ())) >= self._limits.per_user:
                raise TooManySockets
        except FloworkError as error:
            if error.status == 401:
                self._failed(visitor.address, visitor.local, error.code)
            self._later(self._limits.refused_s, lambda: self._drop(visitor))
            raise exceptions.ConnectionRefusedError(error.code) from error
        visitor.who, visitor.sid = who, sid
        self._by_sid[sid] = visitor
        self._by_user.setdefault(who.user, set()).add(visitor)
        self._expire(visitor, expires_in)
        await self.server.enter_room(sid, _room(who.user), namespace=NAMESPACE)

    async def _disconnect(self, sid: str, _reason: str) -> None:
        visitor = self._by_sid.get(sid)
        if visitor is not None:
            self._forget(visitor)
            self._spawn(self._drop(visitor))

    async def _refresh(self, sid: str, data: Any) -> dict[str, Any]:
        """`auth.refresh`: a new credential of the same session keeps the socket open."""
        visitor = self._by_sid.get(sid)
        if visitor is None or visitor.who is None:
            return {"ok": False, "code": "auth.missing"}
        try:
            who, expires_in = self._authenticate(data if isinstance(data, dict) else {}, visitor.origin)
        except FloworkError as error:
            return {"ok": False, "code": error.code}
        if who.session != visitor.who.session:
            return {"ok": False, "code": "auth.token_invalid"}
        visitor.who = who
        self._expire(visitor, expires_in)
        return {"ok": True}

    def _expire(self, visitor: _Visitor, seconds: float) -> None:
        if visitor.timer is not None:
            visitor.timer.cancel()
        visitor.timer = self._later(seconds, lambda: self._end(visitor))

    def _forget(self, visitor: _Visitor) -> None:
        if visitor.timer is not None:
            visitor.timer.cancel()
        self._by_sid.pop(visitor.sid, None)
        if visitor.who is not None:
            of_user = self._by_user.get(visitor.who.user, set())
            of_user.discard(visitor)
            if not of_user:
                self._by_user.pop(visitor.who.user, None)
            visitor.who = None

    async def _end(self, visitor: _Visitor) -> None:
        """Say that it is over, then close."""
        await self.server.disconnect(visitor.sid, namespace=NAMESPACE)
        await self._drop(visitor)

    async def _drop(self, visitor: _Visitor) -> None:
        """Really close a socket: `eio.disconnect` alone leaves the WebSocket open (reference F3)."""
        if visitor.ending:
            return
        visitor.ending = True
        self._hang_up(visitor)
        socket = self.server.eio.sockets.get(visitor.eio_sid)
        if socket is not None:
            await socket.close(wait=False)
            with contextlib.suppress(asyncio.QueueFull):
                socket.queue.put_nowait(None)

    def _hang_up(self, visitor: _Visitor) -> None:
        asyncio.get_running_loop().call_later(self._limits.hang_up_s, visitor.hang_up)

    def _tell(self, visitor: _Visitor, reason: str) -> None:
        now = self._now()
        if self._lines.of(visitor.address, LINES, now).take(LINES, now) == 0:
            log.warning("socket.packet_refused", ip=visitor.address, reason=reason)

    def _later(self, seconds: float, act: Callable[[], Awaitable[Any]]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, lambda: self._spawn(act()))

    def _spawn(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now(self) -> int:
        return self._clock.now().steady


def _visitor_of(environ: Mapping[str, Any]) -> _Visitor:
    visitor: _Visitor = environ["asgi.scope"]["state"]["visitor"]
    return visitor


def _nothing() -> None:
    """For servers that cannot hang up."""


def _room(user: str) -> str:
    return f"user:{user}"
