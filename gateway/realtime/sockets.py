"""Socket.IO for people: every committed event to its user's room, and nothing else (protocol §6)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import socketio
from socketio import exceptions, packet

from contract.errors import FloworkError
from contract.events import SOCKET_NAMESPACE as NAMESPACE
from contract.events import Event
from gateway.operations.sessions import Principal
from kit.logs import Log

log = Log("sockets")
FRAME_MAX_BYTES = 64 * 1024
CONNECT_DEADLINE_S = 10.0
UNSENT_MAX = 2048
"""Packets that may wait for a slow socket; engine.io itself has no bound."""
RESERVED = frozenset({"connect", "disconnect", "connect_error", "*", "__disconnect_final"})
AUTH_REFRESH = "auth.refresh"

Authenticate = Callable[[str, str, str], tuple[Principal, float]]
"""Access token, DPoP proof and the gateway's origin as the client sees it -> who that is, and seconds until the token expires.
Raises FloworkError."""


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """python-socketio without two of its doors (measured on 5.18, security reference F2 and F4).

    A connected client may emit an event *named* `connect`, and the server runs its connect handler with the client's
    own environment; binary packets collect attachments without limit. Neither is ever right here.
    """

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:  # noqa: A002
        if isinstance(data, list) and data and isinstance(data[0], str) and data[0] not in RESERVED:
            await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if not isinstance(data, str) or data[:1] not in {
                str(packet.CONNECT),
                str(packet.DISCONNECT),
                str(packet.EVENT),
                str(packet.ACK),
            }:
                raise ValueError("packet type")
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's packet makes the parser raise ends their socket only
            log.debug("socket.packet_refused", reason=type(error).__name__)
            await self.drop(eio_sid)

    async def drop(self, eio_sid: str) -> None:
        """Really close a socket: `eio.disconnect` alone leaves the WebSocket open (reference F3)."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            await socket.close(wait=False)
            with contextlib.suppress(asyncio.QueueFull):
                socket.queue.put_nowait(None)


class Sockets:
    """The users' sockets."""

    def __init__(self, authenticate: Authenticate, origins: list[str]) -> None:
        self._authenticate = authenticate
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._principals: dict[str, Principal] = {}
        self._origins: dict[str, str] = {}
        self._sids: dict[str, set[str]] = {}
        self._outgoing: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.server = Server(
            async_mode="asgi",
            cors_allowed_origins=origins,
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
            # A socket that never says CONNECT would stay for ever (reference F3).
            self._deadlines[eio_sid] = self._later(CONNECT_DEADLINE_S, lambda: self.server.drop(eio_sid))
            return await accept(eio_sid, environ)

        self.server.eio.on("connect", opened)

    def publish(self, user: str, event: Event) -> None:
        """Send one event to a user's sockets, in the order of the calls, while `relay` runs."""
        if user in self._sids:
            self._outgoing.put_nowait((user, event))

    async def relay(self) -> None:
        """Carry what is published to the sockets, for ever. A socket that does not keep up is closed: its cursor brings it back."""
        while True:
            user, event = await self._outgoing.get()
            await self.server.emit(event.name, event.model_dump(), room=_room(user), namespace=NAMESPACE)
            for sid in tuple(self._sids.get(user, ())):
                eio_sid = self.server.manager.eio_sid_from_sid(sid, NAMESPACE)
                socket = self.server.eio.sockets.get(eio_sid)
                if socket is not None and socket.queue.qsize() > UNSENT_MAX:
                    log.warning("socket.too_slow", unsent=socket.queue.qsize())
                    await self.server.drop(eio_sid)

    async def close(self) -> None:
        """Close every socket and forget the timers."""
        for timer in (*self._timers.values(), *self._deadlines.values()):
            timer.cancel()
        for eio_sid in list(self.server.eio.sockets):
            await self.server.drop(eio_sid)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        origin = environ["asgi.scope"]["state"]["origin"]
        try:
            principal, expires_in = self._who(auth, origin)
        except FloworkError as error:
            raise exceptions.ConnectionRefusedError(error.code) from error
        eio_sid = self.server.manager.eio_sid_from_sid(sid, NAMESPACE)
        if deadline := self._deadlines.pop(eio_sid, None):
            deadline.cancel()
        self._principals[sid], self._origins[sid] = principal, origin
        self._sids.setdefault(principal.user, set()).add(sid)
        self._expire(sid, expires_in)
        await self.server.enter_room(sid, _room(principal.user), namespace=NAMESPACE)

    async def _disconnect(self, sid: str, _reason: str) -> None:
        self._origins.pop(sid, None)
        if principal := self._principals.pop(sid, None):
            self._sids[principal.user].discard(sid)
            if not self._sids[principal.user]:
                del self._sids[principal.user]
        if timer := self._timers.pop(sid, None):
            timer.cancel()

    async def _refresh(self, sid: str, data: Any) -> dict[str, Any]:
        """`auth.refresh {token, dpop}`: a new token of the same session keeps the socket open."""
        before = self._principals.get(sid)
        try:
            principal, expires_in = self._who(data, self._origins.get(sid, ""))
        except FloworkError as error:
            return {"ok": False, "code": error.code}
        if before is None or principal.session != before.session:
            return {"ok": False, "code": "auth.token_invalid"}
        self._principals[sid] = principal
        self._expire(sid, expires_in)
        return {"ok": True}

    def _who(self, auth: Any, origin: str) -> tuple[Principal, float]:
        token, proof = (auth.get("token"), auth.get("dpop")) if isinstance(auth, dict) else (None, None)
        return self._authenticate(token if isinstance(token, str) else "", proof if isinstance(proof, str) else "", origin)

    def close_sessions(self, sessions: frozenset[str]) -> None:
        """Close the sockets of sessions that have ended."""
        for sid, principal in list(self._principals.items()):
            if principal.session in sessions:
                self._spawn(self.server.drop(self.server.manager.eio_sid_from_sid(sid, NAMESPACE)))

    def _expire(self, sid: str, seconds: float) -> None:
        if timer := self._timers.pop(sid, None):
            timer.cancel()
        self._timers[sid] = self._later(seconds, lambda: self.server.disconnect(sid, namespace=NAMESPACE))

    def _later(self, seconds: float, act: Callable[[], Any]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, lambda: self._spawn(act()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _room(user: str) -> str:
    return f"user:{user}"
