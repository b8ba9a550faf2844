"""The tools that the owner configured: MCP servers and listed commands behind one door (`engine.rules.toolbox.Toolbox`)."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from contract.kinds import ToolPayload, ToolResult
from contract.offers import OfferedTool
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind, Value
from engine.rules.tool_names import tool_name
from engine.settings.sources import CommandSettings, McpSettings
from engine.tools import command
from engine.tools.mcp import McpServer, Secret
from engine.tools.mcp_answer import Answered
from engine.tools.process import kill_marked
from engine.tools.schemas import Schemas

MARK_BYTES = 8
TOOLS_MAX = 256
"""An offer takes no more (`contract.offers.Offer`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A server or a command, as its owner sees it."""

    name: str
    kind: str
    tools: tuple[str, ...]
    fault: str | None


class OwnersTools:
    """Implements `Toolbox`."""

    def __init__(self, servers: Sequence[McpServer], commands: Mapping[str, CommandSettings], mark: str) -> None:
        self._servers = servers
        self._commands = dict(commands)
        self._mark = mark
        self._schemas = Schemas()

    def offered(self) -> Sequence[OfferedTool]:
        """Those that can be called now, by name."""
        return [tool for tool, _, _ in sorted(self._known(), key=lambda known: known[0].name)][:TOOLS_MAX]

    async def call(self, job: Job, name: str, arguments: Any) -> ToolResult:
        """Call one for a job; cancelling stops it.

        Raises:
            JobFailed: `tool.unknown`, `tool.arguments_invalid`, `tool.failed`, `tool.timeout`, `tool.unavailable`.
        """
        found = next((known for known in self._known() if known[0].name == name), None)
        if found is None:
            raise JobFailed("tool.unknown", f"This engine has no tool {name!r}.", retryable=False)
        tool, server, original = found
        if not isinstance(arguments, dict):
            raise JobFailed("tool.arguments_invalid", "The arguments are no JSON object.", retryable=False)
        self._schemas.check(tool.arguments, arguments)
        settings: McpSettings | CommandSettings = self._commands[name] if server is None else server.settings
        told: dict[str, Value] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "flowork.tool.source": tool.source}
        with job.call(f"tool {name}", told) as call:
            answered = await self._within(settings, server, original, arguments, call.traceparent)
            call.tell({"flowork.tool.truncated": answered.truncated})
        return ToolResult(content=answered.content, truncated=answered.truncated)

    async def settled(self) -> None:
        """Wait until every server has listed its tools, or failed to."""
        await asyncio.gather(*(server.settled.wait() for server in self._servers))

    def sources(self) -> list[Source]:
        """All servers and commands, with what is wrong with them."""
        servers = [
            Source(server.name, "mcp", tuple(tool_name(server.name, tool.name) for tool in server.tools), server.fault)
            for server in self._servers
        ]
        return servers + [
            Source(name, "command", (name,), command.fault(settings) or self._schemas.fault(settings.arguments))
            for name, settings in self._commands.items()
        ]

    async def _within(
        self, settings: McpSettings | CommandSettings, server: McpServer | None, tool: str, arguments: dict[str, Any], traceparent: str
    ) -> Answered:
        scope = asyncio.timeout(settings.timeout_s)
        try:
            async with scope:
                if server is not None:
                    return await server.call(tool, arguments, traceparent)
                assert isinstance(settings, CommandSettings)
                content, truncated = await command.call(settings, arguments, _marked(self._mark))
                return Answered(content, truncated)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise JobFailed("tool.timeout", f"The tool did not answer within {settings.timeout_s:g} s.") from error

    def _known(self) -> list[tuple[OfferedTool, McpServer | None, str]]:
        """Every tool, with its server and its server's name for it. One whose schema is none is left out."""
        of_servers = [
            (_offered(server.name, tool.name, tool.description, tool.arguments), server, tool.name)
            for server in self._servers
            for tool in server.tools
            if self._schemas.fault(tool.arguments) is None
        ]
        of_owner = [
            (command.offered(name, settings), None, name)
            for name, settings in self._commands.items()
            if self._schemas.fault(settings.arguments) is None
        ]
        return [*of_servers, *of_owner]


@contextlib.asynccontextmanager
async def open_tools(
    mcp: Mapping[str, McpSettings],
    commands: Mapping[str, CommandSettings],
    secret: Secret,
    changed: Callable[[], None] = lambda: None,
    mark: str = "",
) -> AsyncIterator[OwnersTools]:
    """The tools for the length of the block. Servers start beside it: neither a slow nor a dead one holds it up.

    `secret` gives a secret by the owner's name for it; `changed` is called whenever other tools are offered than before.
    `mark` names whoever opens them, alone and again at its next start: what an earlier life of it left running is ended first.
    """
    if mark and (mcp or commands):
        await asyncio.to_thread(kill_marked, f"{mark}.")
    mark = mark or secrets.token_hex(MARK_BYTES)
    servers = [McpServer(name, settings, secret, changed, _marked(mark)) for name, settings in mcp.items()]
    lives = [asyncio.create_task(server.run(), name=f"mcp-{server.name}") for server in servers]
    try:
        yield OwnersTools(servers, commands, mark)
    finally:
        for server in servers:
            server.stop()  # each ends in order, within the SDK's own deadlines: killed half way it would leave a process
        try:
            await asyncio.gather(*lives)
        finally:
            for life in lives:
                life.cancel()


def tool_kind(toolbox: OwnersTools) -> Kind:
    """`tool`: one call of a tool."""

    async def tool(job: Job, payload: Any) -> Any:
        try:
            asked = ToolPayload.model_validate(payload)
        except ValidationError as error:
            places = ", ".join(".".join(str(part) for part in mistake["loc"]) or "payload" for mistake in error.errors())
            raise JobFailed("job.payload_invalid", f"Not a call of a tool: {places}.", retryable=False) from error
        return (await toolbox.call(job, asked.name, dict(asked.arguments))).model_dump(mode="json")

    return Kind("tool", tool)


def _marked(mark: str) -> str:
    return f"{mark}.{secrets.token_hex(MARK_BYTES)}"


def _offered(server: str, tool: str, description: str, arguments: dict[str, Any]) -> OfferedTool:
    return OfferedTool(name=tool_name(server, tool), description=description[:2000], arguments=arguments, source="mcp")
