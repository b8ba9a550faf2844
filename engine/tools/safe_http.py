"""One HTTP request for a job that ends up nowhere but where it may (security reference §5.8).

Every address of a name is judged, the connection goes to one of those that were judged, and redirects are followed by hand, each
judged anew. Nothing is taken from the environment: no proxy, no netrc, no cookies.
"""

import asyncio
import socket
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from engine.rules import web
from engine.rules.addresses import Address, Ground, may_call, parsed, port_allowed
from engine.rules.failures import JobFailed
from engine.rules.web import Hosts, Origin

BODY_MAX_BYTES = 10 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
ENCODINGS = "gzip, deflate"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `url` was checked against the owner's list."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None
    timeout_s: float = 60.0
    body_max: int = BODY_MAX_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is unpacked, and cut where `truncated`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    charset: str | None
    truncated: bool


class SafeHttp:
    """Sends requests to the hosts of a list."""

    def __init__(self, hosts: Hosts, ground: Callable[[], Awaitable[Ground]], resolve: Resolve | None = None) -> None:
        """`ground` is asked for each connection: addresses of a machine change."""
        self._hosts = hosts
        self._ground = ground
        self._resolve = resolve or resolved

    def checked(self, text: str) -> URL:
        """A URL of a listed host.

        Raises:
            JobFailed: `job.payload_invalid`, `http.host_not_allowed`.
        """
        try:
            url = URL(text)
            origin = _origin(url)
        except ValueError as error:
            raise JobFailed("job.payload_invalid", "url: not a URL.", retryable=False) from error
        if url.user is not None or url.password is not None or not self._hosts.allows(origin):
            raise JobFailed("http.host_not_allowed", "This host is not on the engine's list (http_hosts).", retryable=False)
        return url

    async def send(self, asked: Asked) -> Answer:
        """Send it, and follow at most three redirects to listed hosts; one that leads elsewhere is the answer.

        Raises:
            JobFailed: `http.address_refused`, `http.too_many_redirects`, `http.body_refused`.
            TimeoutError, aiohttp.ClientError, OSError, ValueError: as aiohttp says.
        """
        async with asyncio.timeout(asked.timeout_s):
            for _ in range(web.REDIRECTS_MAX + 1):
                answer, further = await self._once(asked)
                if further is None:
                    return answer
                asked = further
        raise JobFailed("http.too_many_redirects", f"More than {web.REDIRECTS_MAX} redirects.", retryable=False)

    async def _once(self, asked: Asked) -> tuple[Answer, Asked | None]:
        origin = _origin(asked.url)
        addresses = await self._judged(origin)
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(addresses, origin.port), use_dns_cache=False, force_close=True, socket_factory=_only(addresses, origin.port)
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=asked.timeout_s),
            ) as session,
            session.request(
                asked.method,
                asked.url,
                headers={"Accept-Encoding": ENCODINGS, **asked.headers},
                data=asked.body,
                allow_redirects=False,
            ) as response,
        ):
            further = self._further(asked, origin, response)
            body, truncated = (b"", False) if further is not None else await _body(response, asked.body_max)
            return Answer(response.status, dict(response.headers), body, response.charset, truncated), further

    async def _judged(self, origin: Origin) -> dict[str, int]:
        """The addresses of a host, each with its family; one that may not be called refuses them all: who answers for the others?"""
        private = self._hosts.is_private(origin)
        if not port_allowed(origin.port):
            raise _refused()
        ground, texts = await self._ground(), await self._resolve(origin.host, origin.port)
        judged: dict[str, int] = {}
        for text in texts:
            address = parsed(text)
            if address is None or not may_call(address, origin.port, ground, private=private):
                raise _refused()
            judged[str(address)] = socket.AF_INET if address.version == 4 else socket.AF_INET6
        if not judged:
            raise OSError("the name has no address")
        return judged

    def _further(self, asked: Asked, was: Origin, response: aiohttp.ClientResponse) -> Asked | None:
        """The request that a redirect asks for, if it leads to a listed host."""
        if response.status not in web.REDIRECTS or "Location" not in response.headers:
            return None
        try:
            url = asked.url.join(URL(response.headers["Location"]))
            self.checked(str(url))
            now = _origin(url)
        except (ValueError, JobFailed):
            return None
        method, with_body = web.method_for(asked.method, response.status)
        headers = web.headers_for(asked.headers, was, now)
        if not with_body:
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        return replace(asked, method=method, url=url, headers=headers, body=asked.body if with_body else None)


class _Pinned(AbstractResolver):
    """Knows nothing but what was judged."""

    def __init__(self, addresses: Mapping[str, int], port: int) -> None:
        self._addresses = addresses
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, kind in self._addresses.items()
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _only(addresses: Mapping[str, int], port: int) -> Callable[[Any], socket.socket]:
    """Makes sockets for judged addresses only: the last word before a connection, also where the host is an address itself."""

    def made(info: Any) -> socket.socket:
        family, kind, proto, _, where = info
        address = parsed(str(where[0]))
        if address is None or str(address) not in addresses or where[1] != port:
            raise _refused()
        return socket.socket(family, kind, proto)

    return made


async def resolved(host: str, port: int) -> list[str]:
    """Every address of a name, as the system says: also of `2130706433` or `0x7f.1`, which are judged like any other."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(where[0]) for _, _, _, _, where in found]


def ground_of(gateway: str, closed_ports: tuple[int, ...], own: Callable[[], frozenset[Address]]) -> Callable[[], Awaitable[Ground]]:
    """The owner's ground: this machine's addresses, and wherever the gateway listens."""
    url = URL(gateway)
    host, port = url.host or "", url.port or 0

    async def now() -> Ground:
        try:
            at = [parsed(text) for text in await resolved(host, port)]
        except OSError:
            at = []
        return Ground(own(), frozenset((address, port) for address in at if address is not None), frozenset({port, *closed_ports}))

    return now


def own_addresses() -> frozenset[Address]:
    """The addresses of this machine's interfaces."""
    import psutil

    found = [parsed(entry.address) for entries in psutil.net_if_addrs().values() for entry in entries]
    return frozenset(address for address in found if address is not None)


def _origin(url: URL) -> Origin:
    return Origin(url.scheme, (url.host or "").lower(), url.port or 0)


def _refused() -> JobFailed:
    message = "The host leads to an address that jobs may not call. A private one must be listed in http_private."
    return JobFailed("http.address_refused", message, retryable=False)


async def _body(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """The body, unpacked, up to `most` bytes; was there more?"""
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    out, packed = bytearray(), 0
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        packed += len(chunk)
        out += unpack(chunk, most + 1 - len(out))
        if web.too_dense(packed, len(out)):
            raise JobFailed("http.body_refused", "The answer is packed too densely to be unpacked.", retryable=False)
        if len(out) > most or packed > most:
            return bytes(out[:most]), True
    return bytes(out), False


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """Unpacks a body piece by piece, never more than asked for: the rest of a piece that would give more is dropped with the answer."""
    named = encoding.strip().lower()
    if named not in {"gzip", "x-gzip", "deflate"}:
        return lambda chunk, most: chunk[:most]
    state: list[Any] = []

    def unpack(chunk: bytes, most: int) -> bytes:
        if not state:
            raw = named == "deflate" and chunk[:1] and chunk[0] & 0x0F != zlib.DEFLATED
            state.append(zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32))
        try:
            return bytes(state[0].decompress(chunk, most)) if not state[0].eof else b""
        except zlib.error as error:
            raise aiohttp.ClientPayloadError("the body is not packed as it says") from error

    return unpack
