"""`Lanes`: jobs that compute run in spawned processes, one a lane, that can be killed alone.

The handlers are built-ins, so that a spawned process need not import the tests: `eval` runs the expression it is given.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from engine.rules.failures import JobFailed
from engine.runtime.lanes import Lanes
from engine.tools.echo import echo_process

PID = "__import__('os').getpid()"
DIE = "__import__('os')._exit(3)"


@dataclass
class Phone:
    """A server that a process calls and then hangs on: the call tells that it began, its end that the process is gone."""

    port: int
    calls: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=asyncio.Queue)

    @property
    def call(self) -> str:
        """The expression that calls, and returns what it is told."""
        return f"__import__('socket').create_connection(('127.0.0.1', {self.port})).recv(9).decode()"

    async def rang(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(20):
            return await self.calls.get()


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await made.calls.put((reader, writer))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    made = Phone(server.sockets[0].getsockname()[1])
    yield made
    for writer in writers:
        writer.close()
    server.close()


@pytest.fixture
async def lanes() -> AsyncIterator[Lanes]:
    async with asyncio.timeout(40):
        made = Lanes(1)
        yield made
        await made.close()


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """True once the process at the other end is gone."""
    async with asyncio.timeout(20):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


class TestRunning:
    async def test_a_handler_runs_in_another_process_which_serves_the_next_job_too(self, lanes: Lanes):
        first, second = await lanes.run(eval, PID), await lanes.run(eval, PID)
        assert first != os.getpid()
        assert second == first

    async def test_the_process_is_spawned_and_holds_nothing_of_this_one(self, lanes: Lanes):
        assert await lanes.run(eval, "__import__('multiprocessing').get_start_method(allow_none=True)") == "spawn"
        loaded = "sorted(name for name in __import__('sys').modules if name.startswith(('gateway', 'PySide6', 'tests.')))"
        assert await lanes.run(eval, loaded) == []

    async def test_what_a_handler_raises_comes_back_and_its_process_lives_on(self, lanes: Lanes):
        pid = await lanes.run(eval, PID)
        with pytest.raises(ZeroDivisionError):
            await lanes.run(eval, "1 / 0")
        assert await lanes.run(eval, PID) == pid

    async def test_a_handlers_own_words_come_back(self, lanes: Lanes):
        with pytest.raises(JobFailed) as failed:
            await lanes.run(echo_process, {"fail": {"code": "tool.quota", "retryable": False}})
        assert (failed.value.code, failed.value.retryable) == ("tool.quota", False)

    async def test_only_as_many_processes_run_as_there_are_lanes(self, lanes: Lanes, phone: Phone):
        first = asyncio.create_task(lanes.run(eval, phone.call))
        second = asyncio.create_task(lanes.run(eval, phone.call))
        _, writer = await phone.rang()
        assert phone.calls.empty()
        writer.write(b"one")
        assert await first == "one"
        _, writer = await phone.rang()
        writer.write(b"two")
        assert await second == "two"


class TestDying:
    async def test_a_process_that_dies_is_a_failure_that_may_be_tried_again(self, lanes: Lanes):
        with pytest.raises(JobFailed) as failed:
            await lanes.run(eval, DIE)
        assert (failed.value.code, failed.value.retryable) == ("job.process_died", True)

    async def test_the_next_job_gets_a_new_process_after_one_died(self, lanes: Lanes):
        pid = await lanes.run(eval, PID)
        with pytest.raises(JobFailed):
            await lanes.run(eval, DIE)
        assert await lanes.run(eval, PID) not in {pid, os.getpid()}

    async def test_cancelling_kills_the_process_and_frees_its_lane(self, lanes: Lanes, phone: Phone):
        running = asyncio.create_task(lanes.run(eval, phone.call))
        reader, _ = await phone.rang()
        running.cancel()
        assert await hung_up(reader)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await lanes.run(eval, "'alive'") == "alive"

    async def test_a_job_cancelled_in_the_queue_takes_no_lane_with_it(self, lanes: Lanes, phone: Phone):
        first = asyncio.create_task(lanes.run(eval, phone.call))
        _, writer = await phone.rang()
        waiting = asyncio.create_task(lanes.run(eval, "'never'"))
        await asyncio.wait({waiting}, timeout=0)
        waiting.cancel()
        writer.write(b"done")
        assert await first == "done"
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await lanes.run(eval, "'next'") == "next"

    async def test_closing_ends_a_process_that_is_at_work(self, phone: Phone):
        lanes = Lanes(1)
        running = asyncio.create_task(lanes.run(eval, phone.call))
        reader, _ = await phone.rang()
        await lanes.close()
        assert await hung_up(reader)
        with pytest.raises(JobFailed):
            await running

    async def test_lanes_that_were_never_used_start_no_process(self):
        lanes = Lanes(4)
        await lanes.close()
        assert lanes._open == []

    async def test_closing_ends_every_process_while_they_work(self, phone: Phone):
        lanes = Lanes(2)
        running = [asyncio.create_task(lanes.run(eval, phone.call)) for _ in range(2)]
        lines = [await phone.rang() for _ in running]
        await lanes.close()
        for _, writer in lines:
            writer.write(b"alive")
        ends = await asyncio.gather(*running, return_exceptions=True)
        assert [type(end) for end in ends] == [JobFailed, JobFailed]
