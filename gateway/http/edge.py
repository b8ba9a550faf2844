"""The listeners that the settings ask for: each with its socket, its rules, and the pages that may call by it."""

import contextlib
import json
import socket
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from gateway.http.connection import Patience
from gateway.http.guard import Guard, KnownDevice, strangers_only
from gateway.http.ingress import AT_HOME, LOOPBACK_NAMES, Direct, Door, Tunnel, bracketed, hosts_with_port
from gateway.http.listeners import CONNECTIONS_OF_ALL, CONNECTIONS_OF_ONE, PortTaken, owner_socket, serving, takes_unix_socket, tcp
from gateway.operations.endpoint import PublicOrigins
from gateway.operations.program import Program
from gateway.operations.throttle import Throttle
from gateway.rules.ingress import Ingress
from gateway.settings import GatewaySettings
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import RequestSpans
from kit.files import write_private

TUNNEL_SOCKET = "tunnel.sock"
TUNNEL_FILE = "tunnel.json"


@dataclass(frozen=True, slots=True)
class Entrance:
    """A bound listener, not yet served."""

    door: Door
    listener: socket.socket
    origins: Container[str]
    connections: int = CONNECTIONS_OF_ALL
    service: str = ""
    """Where it is, for a tunnel client."""

    def serve(
        self,
        app: ASGIApp,
        throttle: Throttle | None,
        patience: Patience,
        known_device: KnownDevice = strangers_only,
        listener: Listener | None = None,
        spans: RequestSpans | None = None,
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Serve an app behind the guard for the length of the block; `listener` hears of the answers, `spans` has their traces."""
        guard = Guard(app, self.door, self.origins, throttle, known_device, listener, spans)
        return serving(guard, self.listener, self.door.ingress, patience, self.connections)


def address_of(listener: socket.socket) -> str:
    """Where a TCP listener is, as a URL without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{bracketed(host)}:{port}"


def own_origins(address: str) -> frozenset[str]:
    """Origins under which the gateway's own pages are served on loopback."""
    port = urlsplit(address).port
    return frozenset(f"http://{name}:{port}" for name in {*LOOPBACK_NAMES, bracketed(urlsplit(address).hostname or "")})


def loopback(listener: socket.socket, settings: GatewaySettings) -> Entrance:
    """For programs and browsers of this machine."""
    names = {*LOOPBACK_NAMES, bracketed(settings.host)}
    door = Direct(Ingress.LOOPBACK, hosts_with_port(names, listener.getsockname()[1]), ("/admin",))
    return Entrance(door, listener, own_origins(address_of(listener)) | frozenset(settings.gui_origins))


def lan(stack: contextlib.ExitStack, settings: GatewaySettings) -> Entrance | None:
    """For browsers of the local network, when it is switched on. `stack` closes what is opened here.

    Raises:
        PortTaken.
    """
    if settings.lan_host is None:
        return None
    listener = stack.enter_context(contextlib.closing(tcp(settings.lan_host, settings.lan_port)))
    names, port = {bracketed(settings.lan_host), *settings.lan_names}, listener.getsockname()[1]
    hosts = hosts_with_port(names, port)
    pages = frozenset(f"http://{name}:{port}" for name in names)
    return Entrance(Direct(Ingress.LAN, hosts, AT_HOME), listener, pages | frozenset(settings.gui_origins), CONNECTIONS_OF_ONE)


@dataclass(frozen=True, slots=True)
class _Either:
    """Origins of the one or of the other."""

    one: Container[str]
    other: Container[str]

    def __contains__(self, origin: object) -> bool:
        return origin in self.one or origin in self.other


def tunnel(
    stack: contextlib.ExitStack,
    settings: GatewaySettings,
    run: Path,
    public: PublicOrigins,
    program: Program,
    token_bytes: Callable[[int], bytes],
) -> Entrance | None:
    """For a tunnel client of this machine, when it is switched on, or when the program around may start one at any time.

    Leaves `run/tunnel.json` (0600) while it listens: `service` is where the client connects to, `host` the secret Host
    header it must send (cloudflared: `service` and `originRequest.httpHostHeader`). The host is new at every start, unless the program
    around keeps one for a proxy that was told it.
    """
    if not settings.tunnel and program.endpoint is None:
        return None
    secret = program.tunnel_secret or f"t-{token_bytes(16).hex()}.flowork.internal"
    door = Tunnel(secret, public, settings.accept_remote_engines)
    path = run / TUNNEL_SOCKET
    # cloudflared's quick tunnels take no Unix socket, and a proxy of the owner's wants a port that stays.
    if settings.tunnel_over_tcp or not settings.tunnel or not takes_unix_socket(path):
        listener = stack.enter_context(contextlib.closing(_tunnel_port(settings)))
        service = address_of(listener)
    else:
        stack.callback(path.unlink, missing_ok=True)
        listener = stack.enter_context(contextlib.closing(owner_socket(path)))
        service = f"unix:{path}"
    stack.callback((run / TUNNEL_FILE).unlink, missing_ok=True)
    write_private(run / TUNNEL_FILE, json.dumps({"service": service, "host": door.secret_host}).encode())
    return Entrance(door, listener, _Either(public, frozenset(settings.gui_origins)), service=service)


def _tunnel_port(settings: GatewaySettings) -> socket.socket:
    """The port that a proxy was told. Where nobody chose one and another program has it, any: this machine must be served all the same."""
    try:
        return tcp("127.0.0.1", settings.tunnel_listener_port)
    except PortTaken:
        if settings.tunnel_port is not None or settings.tunnel:
            raise
        return tcp("127.0.0.1", 0)


def owners(listener: socket.socket) -> Entrance:
    """For the owner's programs; no page may call."""
    return Entrance(Direct(Ingress.ADMIN, None), listener, frozenset())
