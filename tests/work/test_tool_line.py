"""Kind `tool` through a whole engine: from the lease to the report, over a real MCP server and a real program."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from contract.engine_link import ClaimAnswer, FinishReport
from contract.words import Outcome
from engine.rules.failures import JobFailed
from engine.settings import EngineSettings
from engine.settings.sources import CommandSettings, McpSettings
from engine.store.tokens import MemoryTokens
from engine.tools.toolbox import open_tools
from engine.wiring import running
from tests.support.fake_link import FakeLink, lease
from tests.support.mcp_server import ITSELF
from tests.support.plain_job import PlainJob

ECHO = CommandSettings(
    argv=(sys.executable, "-c", "import sys; print(sys.argv[1])", "{text}"),
    arguments={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)

SLOW = CommandSettings(argv=(sys.executable, "-c", "import time; time.sleep(600)"), timeout_s=0.5)


@asynccontextmanager
async def engine(tmp_path: Path, link: FakeLink, **settings: Any) -> AsyncIterator[None]:
    @asynccontextmanager
    async def opener() -> AsyncIterator[FakeLink]:
        yield link

    made = EngineSettings(gateway="http://127.0.0.1:9", engine_id="abcd", data=tmp_path, slots=2, **settings)
    async with asyncio.timeout(40), running(made, MemoryTokens("token"), link_opener=opener) as opened:
        await opened.connected()
        yield


async def report(link: FakeLink, number: int, payload: Any) -> FinishReport:
    """How a job of the kind `tool` ends."""
    job = lease(number, kind="tool", payload=payload)
    link.claims.then(ClaimAnswer(leases=[job]))
    return await link.finishes.arrived(number)


async def test_a_job_calls_a_tool_and_its_report_tells_the_time_it_took(tmp_path: Path):
    link = FakeLink()
    async with engine(tmp_path, link, mcp={"my": McpSettings(command=ITSELF)}, commands={"echo": ECHO}):
        assert "tool" in link.claims.asked[0].announce.kinds
        said = await report(link, 1, {"name": "echo", "arguments": {"text": "hi"}})
        assert (said.outcome, said.result["content"]["stdout"]) == (Outcome.SUCCEEDED, "hi\n")
        assert "tool echo" in [phase.name for phase in said.phases]


async def test_an_engine_without_tools_serves_no_such_kind(tmp_path: Path):
    link = FakeLink()
    async with engine(tmp_path, link):
        assert "tool" not in link.claims.asked[0].announce.kinds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a server, a command, and a server that is not there."""
    command = json.dumps(ITSELF)
    (tmp_path / "config.toml").write_text(
        f"""
[mcp.my]
command = {command}
secrets = {{ KEY = "api" }}
[commands.count]
argv = [{json.dumps(sys.executable)}, "-c", "import sys; print(len(sys.stdin.read()))"]
description = "Count letters."
stdin = "text"
arguments = {{ type = "object", properties = {{ text = {{ type = "string" }} }}, required = ["text"] }}
"""
    )
    return tmp_path


def flowork(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    code = "import sys; from app.roles import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "tools", *arguments, "--data", str(folder)]
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2])
    return ran.returncode, ran.stdout, ran.stderr


def test_the_owner_sees_tools_and_faults_and_sets_the_secret_that_is_missing(folder: Path):
    code, out, _ = flowork(folder, "list")
    assert code == 1
    assert "the secret api is not set: flowork tools key set api" in out
    assert "Count letters." in out
    code, out, err = flowork(folder, "key", "set", "api", stdin="s3cret-value\n")
    assert (code, "s3cret-value" in out + err) == (0, False)
    assert flowork(folder, "key", "list")[1] == "api\n"
    code, out, _ = flowork(folder, "list", "--json")
    assert code == 0
    assert {row["source"]: row["fault"] for row in map(json.loads, out.splitlines())} == {"my": None, "count": None}
    code, out, _ = flowork(folder, "call", "my__environment", "--json")
    assert json.loads(out)["content"]["KEY"] == "s3cret-value"
    assert flowork(folder, "key", "remove", "api")[0] == 0
    assert flowork(folder, "key", "list")[1] == "There are none.\n"


def test_the_owner_calls_a_tool_and_is_told_what_is_wrong(folder: Path):
    code, out, _ = flowork(folder, "call", "count", "--arguments", '{"text": "four"}', "--json")
    assert (code, json.loads(out)["content"]["stdout"]) == (0, "4\n")
    code, out, _ = flowork(folder, "call", "count", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (5, "tool.arguments_invalid")
    assert flowork(folder, "call", "count", "--arguments", "{")[0] == 2
    assert flowork(folder, "call", "absent")[0] == 5


def test_a_mistake_in_the_file_is_named(folder: Path):
    with (folder / "config.toml").open("a") as file:
        file.write('[commands.bad]\nargv = ["true", "{gone}"]\n')
    code, _, err = flowork(folder, "list")
    assert code == 2
    assert "gone is none of the properties" in err


def test_tools_work_on_the_loop_and_in_the_thread_that_serve_gives_its_engine():
    async def told(_name: str) -> None:
        return None

    async def used() -> tuple[Any, Any, str]:
        servers, commands = {"my": McpSettings(command=ITSELF)}, {"echo": ECHO, "slow": SLOW}
        async with asyncio.timeout(40), open_tools(servers, commands, told) as tools:
            await tools.settled()
            said = await tools.call(PlainJob(), "echo", {"text": "hi"})
            added = await tools.call(PlainJob(), "my__add", {"a": 1, "b": 2})
            with pytest.raises(JobFailed) as failed:
                await tools.call(PlainJob(), "slow", {})
            return said.content["stdout"], added.content, failed.value.code

    with start_blocking_portal("asyncio", {"use_uvloop": sys.platform != "win32"}, name="flowork-engine") as thread:
        assert thread.call(used) == ("hi\n", {"result": 3}, "tool.timeout")
