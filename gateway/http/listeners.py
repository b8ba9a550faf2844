"""Where the gateway listens: TCP for programs of this machine and of the local network, Unix sockets for its owner and a tunnel."""

import asyncio
import contextlib
import errno
import functools
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from gateway.http.connection import DeadlineProtocol, Patience, Peers, SocketProtocol
from kit.files import write_private

WS_MAX_BYTES = 64 * 1024
GRACE_S = 5
CONNECTIONS_OF_ONE: Final = 32
"""Connections of one address on the LAN: five browsers' worth."""
CONNECTIONS_OF_ALL: Final = 256
"""Where everybody has one address (loopback, a tunnel client, the owner): more than engines, commands and tabs need at once,
and few enough to leave file descriptors for queues under the usual limit of 1024."""
UNIX_PATH_MAX: Final = 100
"""macOS takes 103 bytes as the address of a Unix socket, Linux 107."""


class PortTaken(Exception):
    """Somebody listens there already."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(f"Another program listens on {host}:{port}. Stop it, or choose another port with --port.")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the program, not to one of its listeners


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, name: str, patience: Patience, connections: int = CONNECTIONS_OF_ALL
) -> AsyncIterator[None]:
    """Serve an app on a bound socket for the length of the block, with so many connections of one address."""
    protocol: Any = functools.partial(DeadlineProtocol, patience=patience, peers=Peers(connections))
    config = uvicorn.Config(
        app,
        http=protocol,
        ws=SocketProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
        ws_max_size=WS_MAX_BYTES,
        ws_per_message_deflate=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"listener-{name}")
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0)
        yield
    finally:
        server.should_exit = True
        await task


def tcp(host: str, port: int) -> socket.socket:
    """Bind a TCP socket.

    Raises:
        PortTaken: the message says what to do.
    """
    # Named as TCP, or asyncio leaves Nagle's algorithm on for the connections it accepts: 40 ms on every answer.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise PortTaken(host, port) from error
        raise
    return listener


def takes_unix_socket(path: Path) -> bool:
    """Whether a Unix socket can have this path on this system."""
    return sys.platform != "win32" and len(os.fsencode(path)) <= UNIX_PATH_MAX


def owner_socket(path: Path) -> socket.socket:
    """Bind a Unix socket that only its owner's programs can open. The data folder's lock says that an old one is nobody's."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def owner_tcp(path: Path, secret: str) -> socket.socket:
    """Bind a loopback port and leave its number and secret in an owner-only file."""
    listener = tcp("127.0.0.1", 0)
    write_private(path, json.dumps({"port": listener.getsockname()[1], "secret": secret}).encode())
    return listener
