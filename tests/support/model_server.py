"""What the servers of models for tests share: a port, what was asked of them, and what they do when."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATIENCE_S = 20.0


def config(aliases: dict[str, list[str]], **providers: dict[str, Any]) -> str:
    """A config.toml with these aliases and providers."""
    lines = ["[aliases]", *(f"{name} = {json.dumps(models)}" for name, models in aliases.items())]
    for name, values in providers.items():
        lines += [f"[providers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines)


@dataclass
class Act:
    """How one request is answered. Without changes: the words, one piece each, and the end."""

    words: list[str] = field(default_factory=lambda: ["Hel", "lo"])
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, name, arguments of functions that the model wants called."""
    status: int = 200
    error: dict[str, Any] | None = None
    """Body of an answer with another status; None makes one by the status."""
    headers: dict[str, str] = field(default_factory=dict)
    hold_first: asyncio.Event | None = None
    """Before the first piece."""
    hold_second: asyncio.Event | None = None
    """Between the first piece and the second."""
    hang_up_after: int | None = None
    """Break the connection after so many pieces."""
    end_early_after: int | None = None
    """End the body in good order after so many pieces, without an end of the answer."""
    garble_after: int | None = None
    """Send what is no JSON after so many pieces."""
    fail_after: int | None = None
    """Send an error within the stream after so many pieces."""
    raw: bytes | None = None
    """This body instead of any answer."""
    finish: str | None = None
    usage: tuple[int, int] | None = (7, 2)
    thoughts: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    first_at: float | None = None
    """When the first word was handed to the system to send, by the loop's clock."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has broken the connection off."""


@dataclass
class ModelServer:
    """A running server."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    acts: deque[Act] = field(default_factory=deque)
    otherwise: Callable[[Any], Act] = lambda _body: Act()
    models: list[str] = field(default_factory=lambda: ["small", "large"])
    on_first: Callable[[Any], None] | None = None
    """Told of the body of each request when its first word is sent."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def then(self, *acts: Act) -> None:
        self.acts.extend(acts)

    @property
    def chats(self) -> list[Asked]:
        return [one for one in self.asked if not one.path.endswith("/models")]

    async def arrived(self, count: int) -> Asked:
        """Wait for the request of that number to arrive; lists of models are not counted."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.chats) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.chats[count - 1]

    async def took(self, request: web.Request) -> tuple[Asked, Act]:
        body = await request.json() if request.can_read_body else None
        one = Asked(request.path, {name.lower(): value for name, value in request.headers.items()}, body)
        self.asked.append(one)
        self.changed.set()
        if request.path.endswith("/models"):
            return one, Act()
        return one, self.acts.popleft() if self.acts else self.otherwise(body)

    async def streamed(
        self, request: web.Request, one: Asked, act: Act, before: list[bytes], pieces: list[bytes], after: list[bytes]
    ) -> Any:
        """Server-sent events, played as the act says."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        try:
            await response.prepare(request)
            for event in before:
                await response.write(event)
            for number, piece in enumerate(pieces):
                if (hold := {0: act.hold_first, 1: act.hold_second}.get(number)) is not None:
                    await hold.wait()
                if number == act.hang_up_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if number == act.end_early_after:
                    await response.write_eof()
                    return response
                if number == act.garble_after:
                    await response.write(b"event: message\ndata: {not json\n\n")
                if number == 0:
                    one.first_at = asyncio.get_running_loop().time()
                    if self.on_first is not None:
                        self.on_first(one.body)
                await response.write(piece)
            for event in after:
                await response.write(event)
            await response.write_eof()
        except (ConnectionResetError, asyncio.CancelledError):
            one.hung_up.set()
            raise
        return response


@contextlib.asynccontextmanager
async def running(made: ModelServer, routes: Callable[[web.Application], None], base: str, port: int = 0) -> AsyncIterator[ModelServer]:
    """Serve on 127.0.0.1 for the length of the block. A client that goes away cancels its handler."""
    app = web.Application(client_max_size=16 * 2**20)
    routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    made.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}{base}"
    try:
        yield made
    finally:
        await runner.cleanup()
