"""One MCP server: started when the engine starts, kept alive, called, stopped. The official SDK speaks the protocol."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.version import VERSION
from engine.rules.failures import JobFailed
from engine.settings.sources import McpSettings
from engine.tools.mcp_answer import Answered, read_result
from engine.tools.mcp_transport import Watched, hidden, reached
from kit.backoff import Backoff
from kit.logs import Log
from kit.tasks import first_of

if TYPE_CHECKING:
    from mcp import Client

log = Log("engine.tools")
START_S = 30.0
"""The longest wait for a server's first word, and for its list."""
WELL_S = 60.0
"""A server that has lived so long did not fail at its start: it is started again at once."""
LISTEN_AGAIN_S = 30.0
"""Until a server that no longer tells of changes is listened to again."""
PAGES_MAX = 100
TOOLS_MAX = 256
BACKOFF = Backoff(0.5, 60.0)
Secret = Callable[[str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool as its server lists it."""

    name: str
    description: str
    arguments: dict[str, Any]


class McpServer:
    """Keeps one server; `changed` is called whenever what it lists is another. `run` is its life, `stop` ends that in order.

    `mark` is what its program and all that comes from it are known by, when they are to end.
    """

    def __init__(
        self,
        name: str,
        settings: McpSettings,
        secret: Secret,
        changed: Callable[[], None],
        mark: str,
        uniform: Callable[[], float] = random.random,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self.name = name
        self.settings = settings
        self.tools: tuple[ServerTool, ...] = ()
        self.fault: str | None = None
        """Why it cannot be called now; None while it can, or is being started."""
        self.settled = asyncio.Event()
        """Set once it has listed its tools, or failed to."""
        self._secret = secret
        self._changed = changed
        self._mark = mark
        self._uniform = uniform
        self._backoff = backoff
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._stale = asyncio.Event()
        self._client: Client | None = None
        self._starting: asyncio.Timeout | None = None
        self._kept: tuple[str, ...] = ()

    def stop(self) -> None:
        """Have it stopped, also while it is being started."""
        self._stop.set()
        if self._starting is not None:
            with contextlib.suppress(RuntimeError):  # it is over its time already
                self._starting.reschedule(0)

    async def run(self) -> None:
        """Start it, start it again whenever it dies, until `stop`."""
        failures, clock = 0, asyncio.get_running_loop().time
        while not self._stop.is_set():
            began = clock()
            try:
                async with self._connected() as (client, gone):
                    await self._tools_of(client)
                    self.fault, self._client = None, client
                    self._ready.set()
                    self.settled.set()
                    await self._alive(client, gone)
                self.fault = None if self._stop.is_set() else "it ended"
            except Exception as error:  # noqa: BLE001  a server can make the library raise whatever it likes; that ends with the server
                self.fault = hidden(_reason(error), self._kept)
            self._client = None
            self._ready.clear()
            if self._stop.is_set():
                return
            failures = 1 if clock() - began > WELL_S else failures + 1
            if failures > 1:
                self._told(())
            self.settled.set()
            wait_s = self._backoff.wait_s(failures, self._uniform)
            log.warning("tools.server_failed", name=self.name, reason=self.fault, wait_s=round(wait_s, 2))
            await first_of(wait_s, self._stop.wait())

    async def call(self, tool: str, arguments: Mapping[str, Any], traceparent: str) -> Answered:
        """Call one of its tools; waits while it is started anew. Cancelling tells the server to stop.

        Raises:
            JobFailed: `tool.failed`, `tool.unavailable`.
        """
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        await self._ready.wait()
        client = self._client
        if client is None:
            raise self._unavailable()
        told: Any = {"traceparent": traceparent}
        try:
            result = await client.call_tool(tool, dict(arguments), meta=told)
        except MCPError as error:
            self._stale.set()  # it is listed again: whether it still answers is seen by that
            if error.code == CONNECTION_CLOSED:
                self._lost(client)
                raise self._unavailable() from error
            said = hidden(error.message, self._kept)[:1000]
            raise JobFailed("tool.failed", f"The server refused: {said}", retryable=False) from error
        except Exception as error:
            raise JobFailed("tool.failed", f"The server's answer cannot be used ({type(error).__name__}).") from error
        return read_result(result, self.settings.output_max_bytes)

    def _lost(self, client: "Client") -> None:
        """Calls wait from now on for the next one."""
        if self._client is client:
            self._client = None
            self._ready.clear()

    def _unavailable(self) -> JobFailed:
        return JobFailed("tool.unavailable", f"The server {self.name} ended before it had answered.")

    @contextlib.asynccontextmanager
    async def _connected(self) -> "AsyncIterator[tuple[Client, asyncio.Event]]":
        from mcp import Client
        from mcp_types import Implementation, ToolListChangedNotification

        async def heard(message: Any) -> None:
            if isinstance(message, ToolListChangedNotification):
                self._stale.set()

        watched = Watched(reached(self.name, self.settings, await self._secrets(), self._mark))
        async with contextlib.AsyncExitStack() as stack:
            client = Client(watched, message_handler=heard, cache=None, client_info=Implementation(name="flowork", version=VERSION))
            async with self._soon():
                await stack.enter_async_context(client)
            yield client, watched.gone

    @contextlib.asynccontextmanager
    async def _soon(self) -> AsyncIterator[None]:
        """What must not take long, and is broken off by `stop`.

        Raises:
            TimeoutError.
        """
        if self._stop.is_set():
            raise TimeoutError
        async with asyncio.timeout(START_S) as scope:
            self._starting = scope
            try:
                yield
            finally:
                self._starting = None

    async def _secrets(self) -> dict[str, str]:
        """Secrets by what the server's settings call them: variables, and `` for the bearer token."""
        wanted = {**self.settings.secrets, **({"": self.settings.key} if self.settings.key else {})}
        found = {}
        for variable, name in wanted.items():
            value = await self._secret(name)
            if value is None:
                raise LookupError(f"the secret {name} is not set: flowork tools key set {name}")
            found[variable] = value
        self._kept = tuple(found.values())
        return found

    async def _alive(self, client: "Client", gone: asyncio.Event) -> None:
        """While it lives: list again whenever it says that its list has changed."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(client), name=f"mcp-changes-{self.name}")
            while not gone.is_set() and not self._stop.is_set():
                await first_of(None, gone.wait(), self._stop.wait(), self._stale.wait())
                if self._stale.is_set():
                    self._stale.clear()
                    await self._tools_of(client)
            listening.cancel()

    async def _listen(self, client: "Client") -> None:
        """Servers of the newer protocol tell of changes only to those who listen."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._stale.set()
            except (ListenNotSupportedError, MCPError):
                return
            except (SubscriptionLost, TimeoutError):
                pass
            await asyncio.sleep(LISTEN_AGAIN_S)
            self._stale.set()  # what it said meanwhile was not heard

    async def _tools_of(self, client: "Client") -> None:
        listed: list[ServerTool] = []
        cursor: str | None = None
        async with self._soon():
            for _ in range(PAGES_MAX):
                page = await client.list_tools(cursor=cursor)
                listed += [ServerTool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
                cursor = page.next_cursor
                if cursor is None or len(listed) >= TOOLS_MAX:
                    break
        wanted = self.settings.tools
        self._told(tuple(tool for tool in listed if wanted is None or tool.name in wanted)[:TOOLS_MAX])

    def _told(self, tools: tuple[ServerTool, ...]) -> None:
        if tools != self.tools:
            self.tools = tools
            self._changed()


def _reason(error: BaseException) -> str:
    """Why a server cannot be reached, for its owner."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it does not answer"
    said = error.strerror if isinstance(error, OSError) else error.args[0] if isinstance(error, LookupError) and error.args else None
    return str(said or f"{type(error).__name__}: {error}").partition("?")[0][:300]  # a query may hold a credential
