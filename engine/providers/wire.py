"""What leaves for a provider and what comes back, whatever a vendor's client and the environment would like to add.

The clients read variables for keys, headers, organisations and proxies, and add headers about this machine. Here, below them, only listed
headers pass, the key is put on, and one origin is spoken to. So no key is ever inside a client, where an error or a log could show it.
"""

import logging
from collections.abc import AsyncIterator
from typing import Final

import httpx2

from engine.providers.keys import Key
from engine.settings.sources import ProviderSettings

HEADERS: Final = frozenset(
    {"host", "connection", "accept", "content-type", "content-length", "transfer-encoding", "user-agent"}
    | {"anthropic-version", "traceparent"}
)
ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
"""On the wire: a token of an answer comes in some 300 bytes."""
CONNECTIONS: Final = httpx2.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=60.0)
UNUSED: Final = "unused"
"""What the clients are given for a key."""


def hush(vendor: str) -> None:
    """Let a vendor's client log nothing of its requests, whatever a variable such as `OPENAI_LOG` says: they are a person's words."""
    for name in (vendor, "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Gate(httpx2.AsyncBaseTransport):
    """The only way to one provider."""

    def __init__(self, base_url: str, key: Key, header: str) -> None:
        """`header` carries the key: `Authorization` as a bearer token, others as it is."""
        self._origin = _origin(httpx2.URL(base_url))
        self._key = key
        self._header = header.lower()
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False, limits=CONNECTIONS)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it with what may go."""
        if _origin(request.url) != self._origin:
            raise httpx2.UnsupportedProtocol("another origin than the provider's")
        headers = {name: value for name, value in request.headers.items() if name in HEADERS}
        headers["accept-encoding"] = "identity"
        if self._key.value is not None:
            headers[self._header] = f"Bearer {self._key.value}" if self._header == "authorization" else self._key.value
        sent = httpx2.Request(request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions)
        response = await self._inner.handle_async_request(sent)
        if response.status_code in {401, 403}:
            self._key.forget()
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, response.headers.get("content-encoding", "identity"))
        return response

    async def aclose(self) -> None:
        """Let go of its connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """A body of bounded size: neither endless nor packed, which could be a thousand times its size."""

    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding.lower() != "identity":
            raise httpx2.DecodingError("packed, though nobody asked for that")
        left = ANSWER_MAX_BYTES
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx2.DecodingError("too much")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def open_client(settings: ProviderSettings, base_url: str, key: Key, header: str) -> httpx2.AsyncClient:
    """An HTTP client for a vendor's client to use. Phases after the connection have their deadlines elsewhere (`engine.providers.pace`)."""
    timeout = httpx2.Timeout(None, connect=settings.connect_s)
    return httpx2.AsyncClient(transport=Gate(base_url, key, header), trust_env=False, follow_redirects=False, timeout=timeout)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
