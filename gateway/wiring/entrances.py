"""Every listener of a gateway, opened and closed."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping

from contract.version import VERSION
from gateway.http import admin, edge, listeners
from gateway.http.app import admin_app, public_app
from gateway.http.connection import Patience
from gateway.http.gui import GuiFiles
from gateway.http.ingress import secret_host
from gateway.operations.program import Program
from gateway.rules.ingress import Ingress
from gateway.settings import GatewaySettings
from gateway.wiring.parts import Parts, Randomness, TunnelDoor


def send_home(parts: Parts) -> None:
    """Let long polls answer, so that the listeners can close at once."""
    parts.state.listening = False
    parts.wake.close()
    parts.fanout.close()
    parts.following.close()
    parts.operations.pairing.close()


async def listen(
    stack: contextlib.AsyncExitStack,
    settings: GatewaySettings,
    parts: Parts,
    listener: socket.socket,
    chance: Randomness,
    program: Program,
) -> str | None:
    """Open every listener that the settings ask for; the address of the LAN's."""
    patience = Patience(header_s=settings.header_deadline_s, body_s=settings.body_deadline_s)
    files = None if settings.gui is None else await asyncio.to_thread(GuiFiles, settings.gui)
    app = parts.sockets.beside(public_app(parts.operations, VERSION, files))
    run = settings.data / "run"
    opened = stack.enter_context(contextlib.ExitStack())
    lan = edge.lan(opened, settings)
    tunnel = edge.tunnel(opened, settings, run, parts.state.public, program, chance.token_bytes)

    def known_device(headers: Mapping[bytes, str]) -> bool:
        return parts.operations.sessions.knows(headers.get(b"dpop"))

    parts.state.listeners.update({str(ingress): False for ingress in (Ingress.LOOPBACK, Ingress.LAN, Ingress.TUNNEL)})
    for entrance in (edge.loopback(listener, settings), lan, tunnel):
        if entrance is not None:
            serving = entrance.serve(app, parts.throttle, patience, known_device, parts.listener, parts.tracing.requests)
            await stack.enter_async_context(serving)
            parts.state.listeners[str(entrance.door.ingress)] = True
    allow = None
    if settings.admin_over_tcp or not listeners.takes_unix_socket(run / "admin.sock"):
        secret = chance.token_bytes(32).hex()
        owner_listener = listeners.owner_tcp(run / "admin.json", secret)
        stack.callback((run / "admin.json").unlink, missing_ok=True)
        allow = admin.secret_guard(secret)
    else:
        owner_listener = listeners.owner_socket(run / "admin.sock")
        stack.callback((run / "admin.sock").unlink, missing_ok=True)
    stack.callback(owner_listener.close)
    owner_app = admin_app(parts.operations, VERSION, allow)
    await stack.enter_async_context(edge.owners(owner_listener).serve(owner_app, None, patience))
    if tunnel is not None:
        parts.state.tunnel = TunnelDoor(tunnel.service, secret_host(tunnel.door))
    parts.state.listening = True
    return None if lan is None else edge.address_of(lan.listener)
