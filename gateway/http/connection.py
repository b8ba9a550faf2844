"""One TCP connection: HTTP/1.1 with deadlines for slow senders, and a WebSocket that really closes.

uvicorn has no read timeout at all; h11 unfolds folded headers, takes bare line feeds and merges equal lengths (security reference F6, §5.6,
H10): both are mended here, on the raw bytes, before any request exists.
"""

import asyncio
import logging
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from contract.errors import FloworkError, HeadersTooLarge, RequestMalformed, RequestTooSlow, TooManyConnections
from contract.limits import HEADER_MAX_BYTES
from gateway.http.problems import response
from kit.bucket import Bucket, Policy
from kit.clock import SECOND

ABORT_AFTER_S: Final = 1.0
"""How long a WebSocket that was said goodbye to may take to answer."""
PINGS: Final = Policy(2, 20)
"""What a client may ping; browsers cannot at all."""
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:([^\n]*)")

_wire = logging.getLogger("flowork.http.wire")
_wire.setLevel(logging.ERROR)  # uvicorn warns once for each malformed request; strangers must not fill the log


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sender may take (seconds)."""

    header_s: float = 10.0
    """From the first byte of a request, or from connecting, to the end of its headers."""
    body_s: float = 30.0
    """From there to the end of the body; also how long a reader may read nothing of an answer."""
    linger_s: float = 2.0
    """For the rest of a body that was answered without being read."""


class Peers:
    """Open connections by address, below one listener."""

    def __init__(self, most: int) -> None:
        """`most` connections of one address; Unix sockets count as one address."""
        self._most = most
        self._open: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Count a connection, unless there are too many."""
        if self._open[peer] >= self._most:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """A counted connection ended."""
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


class StrictConnection(h11.Connection):
    """h11 that refuses folded lines, bare line feeds, bare carriage returns and repeated lengths (RFC 9112 §2.2, §5.2, §6.3)."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEADER_MAX_BYTES)
        self.status_hint = 400

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            waiting, _ = self.trailing_data
            end = _END_OF_HEAD.search(waiting)
            if end is not None and _is_ambiguous(waiting[: end.end()].lower()):
                raise h11.RemoteProtocolError("ambiguous head")
        try:
            return super().next_event()
        except h11.RemoteProtocolError as error:
            self.status_hint = error.error_status_hint
            raise


def _is_ambiguous(head: bytes) -> bool:
    lines = head.count(b"\r\n")
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\n " in head or b"\n\t" in head:
        return True
    lengths = _LENGTH.findall(head)
    return len(lengths) > 1 or (bool(lengths) and b"," in lengths[0])


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    REST = auto()


class DeadlineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with deadlines, a cap on connections of one address, and problem documents for raw refusals.

    What answers slowly (a long poll) and what waits between two requests has no deadline here; uvicorn's keep-alive time
    ends the latter.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience: Patience,
        peers: Peers,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: StrictConnection = StrictConnection()
        self.logger = _wire
        self._patience = patience
        self._peers = peers
        self._peer: str | None = None
        self._upgraded = False
        self._watched: tuple[_Phase, object] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        if not self._peers.enter(peer):
            self._refuse(TooManyConnections())
            return
        self._peer = peer
        self._watch(_Phase.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        if not self._upgraded:
            self._watch(self._phase())

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        self._forget()  # live sockets have their own limits (`gateway/realtime/sockets.py`)
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._watch(_Phase.REST)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - said in our own words
        self._refuse(HeadersTooLarge() if self.conn.status_hint == HeadersTooLarge.status else RequestMalformed())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._patience.body_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_again()

    def _phase(self) -> _Phase | None:
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return _Phase.REST if self.cycle.response_complete else _Phase.BODY
        if state is h11.IDLE and (self._watched_is(_Phase.HEAD) or self.conn.trailing_data[0]):
            return _Phase.HEAD
        return None

    def _watched_is(self, phase: _Phase) -> bool:
        return self._watched is not None and self._watched[0] is phase

    def _watch(self, phase: _Phase | None) -> None:
        watched = None if phase is None else (phase, self.cycle)
        if watched == self._watched:
            return  # a deadline is not moved by what arrives before it
        self._watched = watched
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if phase is not None and not self.transport.is_closing():
            seconds = {_Phase.HEAD: self._patience.header_s, _Phase.BODY: self._patience.body_s, _Phase.REST: self._patience.linger_s}
            self._deadline = self.loop.call_later(seconds[phase], self._too_slow)

    def _too_slow(self) -> None:
        silent = self._watched_is(_Phase.HEAD) and not self.conn.trailing_data[0]
        if silent or self._watched_is(_Phase.REST):
            self.transport.close()
        else:
            self._refuse(RequestTooSlow())

    def _refuse(self, error: FloworkError) -> None:
        """Answer if an answer is still possible, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            told = response(error, secrets.token_hex(8))
            headers = [*told.raw_headers, (b"cache-control", b"no-store"), (b"connection", b"close")]
            for event in (
                h11.Response(status_code=told.status_code, headers=headers, reason=STATUS_PHRASES[told.status_code]),
                h11.Data(data=bytes(told.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            cycle: RequestResponseCycle | None = self.cycle
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True  # whoever works on it hears that nobody waits any more
                cycle.message_event.set()
        self.transport.close()

    def _read_again(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _forget(self) -> None:
        self._watch(None)
        self._read_again()
        if self._peer is not None:
            self._peers.leave(self._peer)
            self._peer = None


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket without its ways to stay, to grow or to fill the log.

    Puts `hang_up` into `scope["state"]`: a function that ends the connection whatever the client does. A goodbye that
    is not answered or not even read, and a head that only its own parser refuses, would otherwise keep it for ever; pings
    are answered without asking whether anybody reads.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = _wire
        self._pings = Bucket(PINGS, self._now())

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["state"]["hang_up"] = self.transport.abort

    def handle_ping(self) -> None:
        if self._pings.take(PINGS, self._now()) > 0:
            self.transport.abort()
            return
        super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        # uvicorn would log a traceback for each text that is not UTF-8.
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True  # else uvicorn takes a refusal with a body for a handshake that was forgotten
            self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def _now(self) -> int:
        return round(self.loop.time() * SECOND)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
