"""Strangers at the door: requests byte by byte over real sockets, and what a process weighs."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 20.0
SOCKET = "/api/socket.io/?EIO=4&transport=websocket"
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
Told = list[tuple[str, str]]
Prove = Callable[[str, str, Told, bytes], str]
"""Method, path, other headers and body -> the value of a header that depends on them."""
Lines = list[tuple[str, "str | Prove"]]


@dataclass(frozen=True)
class Place:
    """Where a listener is, and what a well-behaved request to it carries."""

    host: str = ""
    port: int = 0
    path: str = ""
    """Of a Unix socket."""
    usual: Lines = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(self.host, self.port)

    def usually(self, **changed: str) -> Lines:
        """The usual headers with some changed; underscores stand for hyphens."""
        names = {name.replace("_", "-").lower(): value for name, value in changed.items()}
        return [*((name, value) for name, value in self.usual if name.lower() not in names), *names.items()]


def at(address: str) -> Place:
    parts = urlsplit(address)
    return Place(parts.hostname or "", parts.port or 0, usual=[("Host", parts.netloc)])


@dataclass
class Heard:
    """An answer."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    closed: bool

    @property
    def code(self) -> str:
        assert self.header("content-type") == "application/problem+json", (self.headers, self.body)
        return json.loads(self.body)["code"]

    def header(self, name: str) -> str | None:
        values = self.headers.get(name)
        assert values is None or len(values) == 1, (name, values)
        return values[0] if values else None


def told(method: str, path: str, headers: Lines, body: bytes = b"") -> Told:
    """The headers as they are sent."""
    plain = [(name, value) for name, value in headers if isinstance(value, str)]
    return [(name, value if isinstance(value, str) else value(method, path, plain, body)) for name, value in headers]


def request(method: str, path: str, headers: Lines, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told(method, path, headers, body))]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def hear(reader: asyncio.StreamReader, method: str = "GET") -> Heard:
    """Read one answer; `closed` tells whether the connection ended with it (or is said to)."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    status = int(first.split(" ")[1])
    length = int(headers.get("content-length", ["0"])[0]) if method != "HEAD" and status not in {101, 204} else 0
    body = await reader.readexactly(length)
    closed = "close" in [value.lower() for value in headers.get("connection", [])] and await reader.read() == b""
    return Heard(status, headers, body, closed)


async def knock(place: Place, method: str = "GET", path: str = "/healthz", headers: Lines | None = None, body: bytes = b"") -> Heard:
    """One request on a connection of its own."""
    lines = place.usual if headers is None else headers
    if body and not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in lines):
        lines = [*lines, ("Content-Length", str(len(body)))]
    return await throw(place, request(method, path, lines, body), method)


async def throw(place: Place, data: bytes, method: str = "GET") -> Heard:
    """Some bytes on a connection of their own."""
    async with asyncio.timeout(PATIENCE_S), connected(place) as (reader, writer):
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return await hear(reader, method)


@contextlib.asynccontextmanager
async def connected(place: Place) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await place.connect()
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came until the other side closed."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(told.stdout) * 1024


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
