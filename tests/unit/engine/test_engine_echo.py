"""`engine.tools.echo`: each field of a script does what it says, in the loop, in a thread and in a process."""

import asyncio
import threading
from typing import Any

import pytest

from contract.words import LogLevel
from engine.rules.failures import JobFailed
from engine.tools import echo as tool
from engine.tools.echo import echo, echo_process, echo_thread
from kit.clock import from_rfc3339

INVALID = [
    "text",
    42,
    [],
    {"unknown": 1},
    {"sleep_ms": -1},
    {"busy_ms": -1},
    {"sleep_ms": "soon"},
    {"output": "not a list"},
    {"progress": ["half"]},
    {"fail": {"unknown": 1}},
    {"fail": "yes"},
]


class FakeJob:
    """`engine.rules.kinds.Job` that remembers what was said, in order."""

    job, user, traceparent = "abcd_01900000-0000-7000-8000-000000000001", "ann", ""

    def __init__(self, attempt: int = 1) -> None:
        self.attempt = attempt
        self.cancelled = threading.Event()
        self.said: list[tuple[str, Any]] = []

    async def write(self, text: str) -> None:
        self.said.append(("output", text))

    def write_sync(self, text: str) -> None:
        self.said.append(("output", text))

    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        self.said.append(("log", message))

    def progress(self, share: float) -> None:
        self.said.append(("progress", share))


async def run_async(payload: Any, job: FakeJob) -> Any:
    return await echo(job, payload)


async def run_thread(payload: Any, job: FakeJob) -> Any:
    return echo_thread(job, payload)


async def run_process(payload: Any, job: FakeJob) -> Any:
    return echo_process(payload)


EVERYWHERE = pytest.mark.parametrize("run", [run_async, run_thread, run_process])
WITH_JOB = pytest.mark.parametrize("run", [run_async, run_thread])


@pytest.fixture
def job() -> FakeJob:
    return FakeJob()


@EVERYWHERE
class TestEverywhere:
    async def test_no_script_does_nothing_and_replies_nothing(self, run, job):
        assert await run(None, job) is None
        assert await run({}, job) is None
        assert job.said == []

    @pytest.mark.parametrize("reply", ["text", 0, False, [1, {"a": None}], {"x": 1.5}])
    async def test_the_reply_is_what_the_script_says(self, run, job, reply):
        assert await run({"reply": reply}, job) == reply

    async def test_a_stamp_tells_when_it_began(self, run, job):
        answer = await run({"reply": "r", "stamp": True}, job)
        assert answer["reply"] == "r"
        assert from_rfc3339(answer["began_at"]) > 1_700_000_000_000_000
        assert set(answer) == {"reply", "began_at"}

    async def test_a_played_failure_carries_every_word(self, run, job):
        with pytest.raises(JobFailed) as failed:
            await run({"fail": {"code": "a.b", "message": "m", "retryable": False, "retry_after_s": 2.5}, "reply": "never"}, job)
        error = failed.value
        assert (error.code, error.message, error.retryable, error.retry_after_s) == ("a.b", "m", False, 2.5)

    async def test_a_failure_without_words_may_be_tried_again(self, run, job):
        with pytest.raises(JobFailed) as failed:
            await run({"fail": {}}, job)
        assert (failed.value.code, failed.value.retryable, failed.value.retry_after_s) == ("echo.failed", True, None)

    async def test_a_crash_is_an_ordinary_exception(self, run, job):
        with pytest.raises(RuntimeError, match=r"^bang$"):
            await run({"crash": "bang"}, job)

    @pytest.mark.parametrize("payload", INVALID, ids=str)
    async def test_an_invalid_script_fails_for_good(self, run, job, payload):
        with pytest.raises(JobFailed) as failed:
            await run(payload, job)
        assert (failed.value.code, failed.value.retryable) == ("job.payload_invalid", False)

    async def test_an_invalid_script_names_the_field_and_not_the_value(self, run, job):
        with pytest.raises(JobFailed) as failed:
            await run({"fail": {"code": ["secret"]}}, job)
        assert "fail.code" in failed.value.message
        assert "secret" not in failed.value.message

    async def test_busy_computes_for_its_time(self, run, job, monkeypatch):
        now = 0.0

        def counter() -> float:
            nonlocal now
            now += 0.004
            return now

        monkeypatch.setattr(tool.time, "perf_counter", counter)
        await run({"busy_ms": 100}, job)
        assert 0.1 <= now < 0.12


@WITH_JOB
class TestAttempts:
    async def test_a_failure_may_be_played_for_the_first_attempts_only(self, run):
        script = {"fail": {"times": 2}, "reply": "ok"}
        for attempt in (1, 2):
            with pytest.raises(JobFailed):
                await run(script, FakeJob(attempt))
        assert await run(script, FakeJob(3)) == "ok"

    async def test_a_failure_for_no_attempt_never_comes(self, run):
        assert await run({"fail": {"times": 0}, "reply": "ok"}, FakeJob()) == "ok"

    async def test_output_is_written_in_order_before_a_failure(self, run, job):
        with pytest.raises(JobFailed):
            await run({"output": ["a", "b", "c"], "fail": {}}, job)
        assert job.said == [("output", "a"), ("output", "b"), ("output", "c")]


class TestInTheLoop:
    async def test_progress_log_and_output_come_in_this_order(self, job):
        await echo(job, {"output": ["o1", "o2"], "log": ["l1", "l2"], "progress": [0.1, 0.9]})
        assert job.said == [("progress", 0.1), ("progress", 0.9), ("log", "l1"), ("log", "l2"), ("output", "o1"), ("output", "o2")]

    async def test_sleep_and_gaps_take_their_time(self, job, waits):
        await echo(job, {"output": ["a", "b"], "output_gap_ms": 250, "sleep_ms": 1500})
        assert waits == [0.25, 0.25, 1.5]

    async def test_sleep_lets_others_run_and_can_be_cancelled(self, job):
        running = asyncio.create_task(echo(job, {"sleep_ms": 3_600_000}))
        await asyncio.wait({running}, timeout=0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


class TestInAThread:
    async def test_sleep_ends_when_it_is_told_to_stop(self, job):
        running = asyncio.create_task(asyncio.to_thread(echo_thread, job, {"sleep_ms": 3_600_000, "reply": "stopped"}))
        job.cancelled.set()
        async with asyncio.timeout(10):
            assert await running == "stopped"

    async def test_progress_and_log_are_said_in_a_thread_too(self, job):
        echo_thread(job, {"progress": [0.5], "log": ["line"]})
        assert job.said == [("progress", 0.5), ("log", "line")]


class TestInAProcess:
    async def test_it_sleeps_for_its_time(self, monkeypatch):
        slept: list[float] = []
        monkeypatch.setattr(tool.time, "sleep", slept.append)
        echo_process({"sleep_ms": 1500})
        assert slept == [1.5]
