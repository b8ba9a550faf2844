"""How an MCP server is reached: as a program of this machine, or by HTTP; and how it is noticed that it is gone."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from engine.settings.sources import McpSettings
from engine.tools.environment import clean
from engine.tools.process import MARK, kill_marked
from kit.bucket import Bucket, Policy
from kit.clock import Clock, SystemClock
from kit.logs import Log

log = Log("engine.tools")
LINE_MAX = 1000
"""Characters of one line of a server's standard error that are logged."""
LINES = Policy(rate=1.0, burst=20.0)
"""How many of its lines are logged: 20 at once, one a second in the long run."""
CONNECT_S = 10.0
Streams = AbstractAsyncContextManager[tuple[Any, Any]]


def reached(name: str, settings: McpSettings, secrets: Mapping[str, str], mark: str) -> Streams:
    """The two streams of a server. `secrets` are by variable; `` is the bearer token. `mark`: see `McpServer`."""
    if settings.url is not None:
        return _by_http(settings.url, secrets.get(""))
    return _program(name, settings, {variable: value for variable, value in secrets.items() if variable}, mark)


def hidden(text: str, kept: tuple[str, ...]) -> str:
    """A text without the secrets that its server was given."""
    for secret in filter(None, kept):
        text = text.replace(secret, "***")
    return text


class Watched:
    """A transport that notices its end: the SDK tells of it only to calls that are under way."""

    def __init__(self, inner: Streams) -> None:
        self.gone = asyncio.Event()
        self._inner = inner

    async def __aenter__(self) -> tuple[Any, Any]:
        read, write = await self._inner.__aenter__()
        return _Reading(read, self.gone), write

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


class _Reading:
    """A read stream that sets an event at its end. What it is not asked for here, the stream itself answers."""

    def __init__(self, inner: Any, gone: asyncio.Event) -> None:
        self._inner = inner
        self._gone = gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __aiter__(self) -> "_Reading":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except BaseException:
            self._gone.set()
            raise

    async def receive(self) -> Any:
        try:
            return await self._inner.receive()
        except BaseException:
            self._gone.set()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._inner.aclose()


@contextlib.asynccontextmanager
async def _by_http(url: str, token: str | None) -> AsyncIterator[tuple[Any, Any]]:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    # No read timeout: an answer may take as long as its call may; the call's own deadline ends it.
    timeout = httpx2.Timeout(CONNECT_S, read=None)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=timeout, trust_env=False) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


@contextlib.asynccontextmanager
async def _program(name: str, settings: McpSettings, secrets: Mapping[str, str], mark: str) -> AsyncIterator[tuple[Any, Any]]:
    from mcp.client.stdio import StdioServerParameters, stdio_client

    # Whatever a server writes that is no message, it would log whole, however much it is.
    logging.getLogger("mcp.client.stdio").setLevel(logging.CRITICAL)
    env = {**clean(), **settings.env, **secrets, MARK: mark}
    asked = StdioServerParameters(command=settings.command[0], args=list(settings.command[1:]), env=env)
    ear, mouth = os.pipe()
    threading.Thread(
        target=_log_lines, args=(name, ear, tuple(secrets.values()), SystemClock()), name=f"stderr-{name}", daemon=True
    ).start()
    try:
        with os.fdopen(mouth, "w") as errors:  # our end must be closed before the thread sees the end
            async with stdio_client(asked, errlog=errors) as streams:
                yield streams
    finally:
        await asyncio.to_thread(kill_marked, mark)  # the SDK leaves alone what a server that ended by itself has started


def _log_lines(name: str, ear: int, kept: tuple[str, ...], clock: Clock) -> None:
    """What a server says on standard error goes to the log, line by line, while it is not too much."""
    bucket = Bucket(LINES, clock.now().steady)
    with os.fdopen(ear, "r", encoding="utf-8", errors="replace") as said:
        while line := said.readline(LINE_MAX):
            if line.strip() and bucket.take(LINES, clock.now().steady) == 0.0:
                log.info("tools.server_said", name=name, message=hidden(line.rstrip(), kept))
