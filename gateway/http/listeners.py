"""Where the gateway listens: loopback TCP for programs of this machine, a Unix socket (or a secret) for its owner."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from contract.limits import HEADER_MAX_BYTES
from kit.files import write_private

WS_MAX_BYTES = 64 * 1024
GRACE_S = 5


class PortTaken(Exception):
    """Somebody listens there already."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the program, not to one of its listeners


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, name: str) -> AsyncIterator[None]:
    """Serve an app on a bound socket for the length of the block."""
    config = uvicorn.Config(
        app,
        http="h11",  # strict where httptools is not (security reference F6)
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=HEADER_MAX_BYTES,
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


def loopback(host: str, port: int) -> socket.socket:
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
            raise PortTaken(f"Another program listens on {host}:{port}. Stop it, or choose another port with --port.") from error
        raise
    return listener


def owner_socket(path: Path) -> socket.socket:
    """Bind a Unix socket that only its owner can open. The data folder's lock says that an old one is nobody's."""
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
    listener = loopback("127.0.0.1", 0)
    write_private(path, json.dumps({"port": listener.getsockname()[1], "secret": secret}).encode())
    return listener
