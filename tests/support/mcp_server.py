"""A real MCP server, over stdio (`python mcp_server.py`) or streamable HTTP (`serving`), with tools that behave and tools that do not."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

ITSELF = (sys.executable, "-P", str(Path(__file__).resolve()))
"""The command that starts it over stdio."""


def made(cancelled: Path | None = None) -> MCPServer:
    """The server; `slow` says so in a file when it was cancelled."""
    server = MCPServer("test", log_level="ERROR")

    @server.tool(description="Add two numbers.")
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    def say(text: str) -> list[str]:
        return [text, text]

    @server.tool()
    def fail(why: str) -> str:
        raise ToolError(why)

    @server.tool()
    async def slow(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except BaseException:
            if cancelled is not None:
                cancelled.write_text("cancelled")
            raise
        return "at last"

    @server.tool()
    def die() -> str:
        os._exit(3)

    @server.tool(structured_output=False)
    def huge(size: int) -> str:
        return "x" * size

    @server.tool()
    def environment() -> dict[str, str]:
        return dict(os.environ)

    @server.tool(structured_output=False)
    def pid() -> str:
        return str(os.getpid())

    @server.tool(structured_output=False)
    def child() -> str:
        return str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL).pid)

    @server.tool(structured_output=False)
    async def learn(name: str, ctx: Context) -> str:
        server.add_tool(lambda: "learned", name=name)
        await ctx.session.send_tool_list_changed()
        await ctx.notify_tools_changed()
        return "done"

    @server.tool(structured_output=False)
    def grumble(text: str) -> str:
        print(text, file=sys.stderr, flush=True)
        return "said"

    return server


@contextlib.asynccontextmanager
async def serving(token: str = "") -> AsyncIterator[tuple[str, int]]:
    """It over streamable HTTP in a process of its own: URL and process id. With a token, whoever does not show it gets 401."""
    process = await asyncio.create_subprocess_exec(*ITSELF, "--http", token, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    async with asyncio.timeout(20):
        port = int(await process.stdout.readline())
    try:
        yield f"http://127.0.0.1:{port}/mcp", process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _serve(token: str) -> None:
    import uvicorn

    app = made().streamable_http_app()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"").decode()
        if scope["type"] == "http" and token and given != f"Bearer {token}":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    await uvicorn.Server(uvicorn.Config(asgi, log_config=None)).serve([listening])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--http"]:
        asyncio.run(_serve(sys.argv[2]))
    else:
        made(Path(sys.argv[1]) if len(sys.argv) > 1 else None).run("stdio")
