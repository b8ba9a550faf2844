"""Listed commands as tools: real programs, killed whole, told nothing that is not theirs."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from contract.kinds import ToolResult
from engine.rules.failures import JobFailed
from engine.settings.sources import CommandSettings
from engine.tools.toolbox import open_tools, tool_kind
from tests.support.plain_job import PlainJob

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}
PYTHON = (sys.executable, "-c")


def python(code: str, *more: str, **settings: Any) -> CommandSettings:
    return CommandSettings(argv=(*PYTHON, code, *more), **settings)


async def no_secret(_name: str) -> None:
    return None


async def call(command: CommandSettings, arguments: Any = None, job: PlainJob | None = None) -> ToolResult:
    async with open_tools({}, {"it": command}, no_secret) as tools, asyncio.timeout(30):
        return await tools.call(job or PlainJob(), "it", {} if arguments is None else arguments)  # type: ignore[arg-type]


async def failed(command: CommandSettings, arguments: Any = None) -> JobFailed:
    with pytest.raises(JobFailed) as error:
        await call(command, arguments)
    return error.value


async def gone(pid: int) -> None:
    """Wait until a process runs no more; a zombie that nobody reaps is one."""
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def written(file: Path, lines: int = 1) -> list[int]:
    async with asyncio.timeout(10):
        while not file.exists() or len(file.read_text().split()) < lines:
            await asyncio.sleep(0.01)
    return [int(word) for word in file.read_text().split()]


FAMILY = """
import os, subprocess, sys, time
code = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()} '); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code, sys.argv[1]])
subprocess.Popen([sys.executable, "-c", code, sys.argv[1]], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    subprocess.Popen([sys.executable, "-c", code, sys.argv[1]])
    os._exit(0)
os.wait()
open(sys.argv[1], "a").write(f"{os.getpid()} ")
"""


class TestAnswer:
    async def test_output_and_exit_code_come_back(self):
        ran = await call(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
        assert ran == ToolResult(content={"exit_code": 3, "stdout": "out\n", "stderr": "err\n"}, truncated=False)

    async def test_what_is_longer_than_its_limit_is_cut_and_the_program_ends_by_itself(self):
        ran = await call(python("import sys; sys.stdout.write('x' * 5_000_000); sys.exit(7)", output_max_bytes=1000))
        assert (ran.content["exit_code"], len(ran.content["stdout"]), ran.truncated) == (7, 1000, True)

    async def test_bytes_that_are_no_text_are_replaced(self):
        assert (await call(python("import sys; sys.stdout.buffer.write(b'a\\xffb')"))).content["stdout"] == "a\ufffdb"

    async def test_an_argument_goes_to_standard_input_and_may_be_left_unread(self):
        command = python("import sys; print(len(sys.stdin.read()))", stdin="text", arguments=TEXT)
        assert (await call(command, {"text": "-ä" * 100_000})).content["stdout"] == "200000\n"
        assert (await call(python("", stdin="text", arguments=TEXT), {"text": "x" * 1_000_000})).content["exit_code"] == 0

    async def test_standard_input_is_empty_otherwise(self):
        assert (await call(python("import sys; print(repr(sys.stdin.read()))"))).content["stdout"] == "''\n"

    async def test_a_call_is_a_phase_of_its_job_without_a_persons_words(self):
        job = PlainJob()
        await call(python("", "{text}", arguments=TEXT), {"text": "secret"}, job)
        (made,) = job.calls
        assert made["name"] == "tool it"
        assert "secret" not in str(made)


class TestArguments:
    @pytest.mark.parametrize("text", ["a b", "$(id)", "; id", "`id`", "a\nb", "&&", "%PATH%", '"', "\\"])
    async def test_no_shell_sees_them(self, text: str):
        ran = await call(python("import sys; print(sys.argv[1:])", "{text}", arguments=TEXT), {"text": text})
        assert ran.content["stdout"] == f"{[text]}\n"

    async def test_what_does_not_fit_never_runs(self, tmp_path: Path):
        command = python("import sys; open(sys.argv[1], 'w')", str(tmp_path / "ran"), "{text}", arguments=TEXT)
        for wrong in ({}, {"text": 1}, {"text": "a", "more": 1}, {"text": "--help"}, [], "text", None):
            error = await failed(command, [] if wrong is None else wrong)
            assert (error.code, error.retryable) == ("tool.arguments_invalid", False)
        assert not (tmp_path / "ran").exists()


class TestSurroundings:
    async def test_the_environment_is_clean(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("FLOWORK_UNLOCK_FILE", "/secret")
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        monkeypatch.setenv("LD_PRELOAD_LIKE", "secret")
        ran = await call(python("import os; print(sorted(os.environ)); print(os.environ['PATH'])"))
        assert "secret" not in ran.content["stdout"]
        assert "FLOWORK_UNLOCK_FILE" not in ran.content["stdout"]
        assert os.environ["PATH"] in ran.content["stdout"]

    async def test_it_runs_in_the_folder_that_the_owner_chose(self, tmp_path: Path):
        ran = await call(python("import os; print(os.getcwd())", cwd=str(tmp_path)))
        assert ran.content["stdout"].strip() == str(tmp_path.resolve())

    async def test_no_file_of_the_engine_is_open_in_it(self, tmp_path: Path):
        if not Path("/proc/self/fd").exists():
            pytest.skip("this system does not show open files there")
        with (tmp_path / "ours").open("w"):
            ran = await call(python("import os; print([os.path.realpath('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd')])"))
        assert "ours" not in ran.content["stdout"]

    @pytest.mark.parametrize("argv", [("/no/such/program",), ("no-such-program",), ("/",)])
    async def test_a_program_that_cannot_be_run_fails_for_good_and_is_told_as_a_fault(self, argv: tuple[str, ...]):
        error = await failed(CommandSettings(argv=argv))
        assert (error.code, error.retryable) == ("tool.failed", False)
        async with open_tools({}, {"it": CommandSettings(argv=argv)}, no_secret) as tools:
            assert tools.sources()[0].fault


class TestEnd:
    async def test_a_timeout_kills_it_with_its_children_and_those_that_left_its_session_or_family(self, tmp_path: Path):
        command = python(FAMILY + "time.sleep(600)", str(tmp_path / "pids"), timeout_s=2)
        error = await failed(command)
        assert (error.code, error.retryable) == ("tool.timeout", True)
        for pid in await written(tmp_path / "pids", 4):
            await gone(pid)

    async def test_a_cancelled_job_kills_it_with_its_children(self, tmp_path: Path):
        calling = asyncio.create_task(call(python(FAMILY + "time.sleep(600)", str(tmp_path / "pids"))))
        pids = await written(tmp_path / "pids", 4)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        for pid in pids:
            await gone(pid)

    async def test_a_child_that_it_left_behind_does_not_hold_up_its_answer_and_is_killed(self, tmp_path: Path):
        code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)"
        ran = await call(python(code))
        assert ran.content["exit_code"] == 0
        await gone(int(ran.content["stdout"]))


async def test_the_kind_tool_calls_one_and_refuses_what_is_no_call():
    async with open_tools({}, {"it": python("print(1)")}, no_secret) as tools:
        handler = tool_kind(tools).handler
        assert await handler(PlainJob(), {"name": "it"}) == {
            "content": {"exit_code": 0, "stdout": "1\n", "stderr": ""},
            "truncated": False,
        }
        for payload, code in ((None, "job.payload_invalid"), ({"name": "a b"}, "job.payload_invalid"), ({"name": "no"}, "tool.unknown")):
            with pytest.raises(JobFailed) as error:
                await handler(PlainJob(), payload)
            assert (error.value.code, error.value.retryable) == (code, False)
