"""MCP servers as tools: a real one over stdio and over streamable HTTP, well-behaved and not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.rules.failures import JobFailed
from engine.settings.sources import CommandSettings, McpSettings
from engine.tools.mcp import McpServer
from engine.tools.toolbox import OwnersTools, open_tools
from kit.backoff import Backoff
from kit.logs import FIELDS
from tests.support.mcp_server import ITSELF, serving
from tests.support.plain_job import PlainJob

TOKEN = "t0ken-of-the-server"
SECRETS = {"bearer": TOKEN, "api": "s3cret"}
STDIO = McpSettings(command=ITSELF, timeout_s=20)
Opened = Callable[..., Awaitable[OwnersTools]]


async def secret(name: str) -> str | None:
    return SECRETS.get(name)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens the tools of some servers, and waits until each is there or given up."""
    async with AsyncExitStack() as stack:

        async def tools(changed: Callable[[], None] = lambda: None, **servers: McpSettings) -> OwnersTools:
            made = await stack.enter_async_context(open_tools(servers, {}, secret, changed))
            async with asyncio.timeout(30):
                await made.settled()
            return made

        yield tools


@pytest.fixture(params=["stdio", "http"])
async def settings(request: pytest.FixtureRequest) -> AsyncIterator[McpSettings]:
    if request.param == "stdio":
        yield STDIO
        return
    async with serving(TOKEN) as (url, _):
        yield McpSettings(url=url, key="bearer", timeout_s=20)


async def call(tools: OwnersTools, name: str, job: PlainJob | None = None, /, **arguments: Any) -> Any:
    return (await tools.call(job or PlainJob(), name, arguments)).content  # type: ignore[arg-type]


async def failed(tools: OwnersTools, name: str, **arguments: Any) -> JobFailed:
    with pytest.raises(JobFailed) as error:
        await call(tools, name, **arguments)
    return error.value


async def test_tools_are_listed_and_called(opened: Opened, settings: McpSettings):
    tools, job = await opened(my=settings), PlainJob()
    (add,) = [tool for tool in tools.offered() if tool.name == "my__add"]
    assert (add.description, add.source, sorted(add.arguments["properties"])) == ("Add two numbers.", "mcp", ["a", "b"])
    assert await call(tools, "my__add", job, a=2, b=40) == {"result": 42}
    assert await call(tools, "my__huge", size=3) == "xxx"
    assert job.calls[0]["name"] == "tool my__add"
    wrong = await failed(tools, "my__add", a="secret", b=1)
    assert (wrong.code, wrong.retryable) == ("tool.arguments_invalid", False)


async def test_a_tool_that_fails_says_why_and_one_that_is_not_there_is_unknown(opened: Opened, settings: McpSettings):
    tools = await opened(my=settings)
    error = await failed(tools, "my__fail", why="no paper")
    assert (error.code, error.retryable) == ("tool.failed", False)
    assert "no paper" in error.message
    assert (await failed(tools, "my__gone")).code == "tool.unknown"
    assert await call(tools, "my__huge", size=1) == "x"


async def test_a_slow_tool_ends_with_its_time_and_does_not_hold_up_others(opened: Opened, settings: McpSettings):
    tools = await opened(my=settings.model_copy(update={"timeout_s": 1.0}))
    slow = asyncio.create_task(failed(tools, "my__slow", seconds=600))
    assert await call(tools, "my__huge", size=1) == "x"
    assert ((await slow).code, (await slow).retryable) == ("tool.timeout", True)
    assert await call(tools, "my__huge", size=1) == "x"


async def test_a_huge_answer_is_cut_and_says_so(opened: Opened, settings: McpSettings):
    tools = await opened(my=settings)
    answer = await tools.call(PlainJob(), "my__huge", {"size": 900_000})  # type: ignore[arg-type]
    assert (len(answer.content), answer.truncated) == (100_000, True)


async def test_a_list_that_changes_is_a_new_offer(opened: Opened, settings: McpSettings):
    changes: list[int] = []
    tools = await opened(lambda: changes.append(1), my=settings)
    before = len(changes)
    await call(tools, "my__learn", name="dance")
    await until(lambda: "my__dance" in {tool.name for tool in tools.offered()})
    assert len(changes) > before
    assert await call(tools, "my__dance") in ("learned", {"result": "learned"})


async def test_a_cancelled_call_is_stopped_at_the_server(opened: Opened, tmp_path: Path):
    told = tmp_path / "cancelled"
    tools = await opened(my=McpSettings(command=(*ITSELF, str(told))))
    calling = asyncio.create_task(call(tools, "my__slow", seconds=600))
    assert await call(tools, "my__huge", size=1) == "x"
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(told.exists)


async def test_a_server_that_dies_in_mid_call_fails_that_call_and_is_started_again(opened: Opened):
    tools = await opened(my=STDIO)
    first = await call(tools, "my__pid")
    error = await failed(tools, "my__die")
    assert (error.code, error.retryable) == ("tool.unavailable", True)
    second = await call(tools, "my__pid")
    assert second != first


async def test_a_server_that_dies_again_and_again_is_started_again_less_and_less_often(caplog: pytest.LogCaptureFixture):
    server = McpServer("my", STDIO, secret, lambda: None, "mark-of-this-test", lambda: 1.0, Backoff(0.01, 60.0))
    life = asyncio.create_task(server.run())
    async with asyncio.timeout(30):
        for _ in range(3):
            with pytest.raises(JobFailed):
                await server.call("die", {}, "")
        await server.call("pid", {}, "")
    server.stop()
    await life
    waits = [getattr(record, FIELDS)["wait_s"] for record in caplog.records if record.getMessage() == "tools.server_failed"]
    assert waits == [0.01, 0.02, 0.04]


async def test_a_server_over_http_that_goes_away_is_not_offered_until_it_is_back(opened: Opened):
    async with serving() as (url, pid):
        tools = await opened(my=McpSettings(url=url, timeout_s=5))
        os.kill(pid, signal.SIGKILL)
        assert (await failed(tools, "my__pid")).code in {"tool.failed", "tool.unavailable", "tool.timeout"}
        await until(lambda: not tools.offered() and bool(tools.sources()[0].fault))


async def test_dead_and_slow_servers_stop_neither_the_others_nor_the_end(opened: Opened):
    silent = McpSettings(command=(sys.executable, "-c", "import sys; sys.stdin.read()"))
    dead = McpSettings(command=("/no/such/server",))
    wrong = McpSettings(command=(sys.executable, "-c", "print('hello', flush=True)"))
    closed = McpSettings(url="http://127.0.0.1:9/mcp")
    async with open_tools({"silent": silent, "dead": dead, "wrong": wrong, "closed": closed, "my": STDIO}, {}, secret) as tools:
        await until(lambda: "my__add" in {tool.name for tool in tools.offered()})
        assert await call(tools, "my__huge", size=1) == "x"
        await until(lambda: all(source.fault for source in tools.sources() if source.name in {"dead", "wrong", "closed"}))


async def test_a_wrong_token_is_a_fault_and_is_not_told(opened: Opened):
    async with serving("another") as (url, _):
        tools = await opened(my=McpSettings(url=url, key="bearer"))
        (source,) = tools.sources()
        assert source.fault
        assert TOKEN not in source.fault
        assert tools.offered() == []


async def test_a_secret_that_is_not_set_is_named_with_what_to_do(opened: Opened):
    tools = await opened(my=McpSettings(command=ITSELF, secrets={"KEY": "absent"}))
    assert tools.sources()[0].fault == "the secret absent is not set: flowork tools key set absent"


async def test_the_environment_is_clean_but_for_what_the_owner_gave(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLOWORK_UNLOCK_FILE", "/secret")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    tools = await opened(my=McpSettings(command=ITSELF, env={"MODE": "test"}, secrets={"KEY": "api"}))
    found = await call(tools, "my__environment")
    assert (found["MODE"], found["KEY"], found["PATH"]) == ("test", "s3cret", os.environ["PATH"])
    assert not {"OPENAI_API_KEY", "FLOWORK_UNLOCK_FILE"} & found.keys()


async def test_only_the_tools_that_the_owner_named_are_offered(opened: Opened):
    tools = await opened(my=McpSettings(command=ITSELF, tools=("add",)))
    assert [tool.name for tool in tools.offered()] == ["my__add"]
    assert (await failed(tools, "my__die")).code == "tool.unknown"


async def test_what_it_says_on_standard_error_is_logged_without_secrets_and_not_without_end(
    opened: Opened, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "flowork")
    tools = await opened(my=McpSettings(command=ITSELF, secrets={"KEY": "api"}))
    await call(tools, "my__grumble", text="my key is s3cret\n" + "\n".join(f"line {number}" for number in range(500)))
    await until(lambda: "my key is ***" in told(caplog))
    assert "s3cret" not in str(told(caplog))
    assert len(told(caplog)) < 100


async def test_nothing_is_left_when_the_tools_are_closed():
    async with open_tools({"my": STDIO}, {}, secret) as tools:
        await tools.settled()
        pids = [int(await call(tools, "my__pid")), int(await call(tools, "my__child"))]
    await until(lambda: not any(_runs(pid) for pid in pids))


async def test_nothing_is_left_when_the_engine_is_killed(tmp_path: Path):
    code = f"""
import asyncio, os, sys
from engine.settings.sources import McpSettings
from engine.tools.toolbox import open_tools
from tests.support.plain_job import PlainJob
async def none(_): return None
async def main():
    async with open_tools({{"my": McpSettings(command={ITSELF!r})}}, {{}}, none) as tools:
        await tools.settled()
        print((await tools.call(PlainJob(), "my__pid", {{}})).content, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        pid = int(json.loads(await asyncio.to_thread(engine.stdout.readline)))
        assert _runs(pid)
        engine.kill()
    await until(lambda: not _runs(pid))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What servers said, as it was logged."""
    return [getattr(record, FIELDS)["message"] for record in caplog.records if record.getMessage() == "tools.server_said"]


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(("mark", "ends"), [("mine", True), ("another", False)])
async def test_what_a_killed_engine_left_running_is_ended_at_its_next_start_and_nobody_elses(tmp_path: Path, mark: str, ends: bool):
    code, file = "import os, sys, time; open(sys.argv[1], 'w').write('up'); time.sleep(600)", tmp_path / "up"
    left = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(file), env={**os.environ, "FLOWORK_TOOL": f"{mark}.1"})
    await until(lambda: file.exists() and bool(file.read_text()))
    async with open_tools({}, {"it": CommandSettings(argv=("true",))}, secret, mark="mine"):
        if ends:
            await until(lambda: not _runs(left.pid))
        else:
            assert _runs(left.pid)
            left.kill()
    await left.wait()
