"""`RunningJob`: how each way an attempt can end is reported, and which ends are not."""

import asyncio
import datetime as dt
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contract import limits
from contract.engine_link import Failure, FinishReport, Lease
from contract.words import LogLevel, Outcome
from engine.rules.failures import JobFailed
from engine.rules.kinds import Kind, Runs
from engine.runtime.job import RunningJob, Stop
from engine.runtime.timeline import Timeline, Tracing
from tests.support.fake_link import TRACE, lease

KIND = "work"
Make = Callable[..., RunningJob]


async def everybody(_lease: Lease) -> bool:
    return True


@pytest.fixture
async def make(room):
    """Attempts with a sender for their output and threads to run in, all ended with the test."""
    threads = ThreadPoolExecutor(2)
    senders: list[asyncio.Task[None]] = []

    def made(
        handler: Callable[..., Any],
        runs: Runs = Runs.ASYNC,
        held: Lease | None = None,
        allowed: Callable[[Lease], Awaitable[bool]] = everybody,
    ) -> RunningJob:
        held = held or lease(1, KIND)
        output = room.output(held)
        senders.append(asyncio.create_task(output.run()))
        return RunningJob(
            held, {KIND: Kind(KIND, handler, runs)}, output, room.lanes, lambda: threads, allowed, Timeline(held, Tracing(room.clock))
        )

    yield made
    for sender in senders:
        sender.cancel()
    threads.shutdown(wait=False)


async def reported(job: RunningJob) -> FinishReport:
    async with asyncio.timeout(20):
        report = await job.report()
    assert report is not None
    return report


async def failure(job: RunningJob) -> Failure:
    report = await reported(job)
    assert (report.outcome, report.result) == (Outcome.FAILED, None)
    assert report.error is not None
    return report.error


class Blocker:
    """A handler that says when it began, and waits to be stopped."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = False

    async def __call__(self, _job: Any, _payload: Any) -> None:
        self.began.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def stopped(job: RunningJob, blocker: Blocker, why: Stop) -> FinishReport | None:
    """What is reported of a job that was stopped while it ran."""
    running = asyncio.create_task(job.report())
    async with asyncio.timeout(20):
        await blocker.began.wait()
        job.stop(why)
        return await running


class TestSuccess:
    async def test_what_the_handler_returns_is_the_result(self, make: Make):
        async def handler(job, payload):
            return {"doubled": payload * 2}

        report = await reported(make(handler, held=lease(1, KIND, 21)))
        assert (report.outcome, report.result, report.error) == (Outcome.SUCCEEDED, {"doubled": 42}, None)
        assert (report.job, report.token) == (lease(1).job, lease(1).token)

    async def test_a_handler_that_returns_nothing_succeeds(self, make: Make):
        async def handler(job, payload):
            return None

        report = await reported(make(handler))
        assert (report.outcome, report.result) == (Outcome.SUCCEEDED, None)

    async def test_the_handler_learns_whose_attempt_it_is(self, make: Make):
        async def handler(job, payload):
            return [job.job, job.attempt, job.user, job.traceparent, job.cancelled.is_set()]

        report = await reported(make(handler, held=lease(1, KIND, grant=2)))
        assert report.result == [lease(1).job, 2, "ann", TRACE, False]

    async def test_a_thread_handler_runs_in_a_thread_and_its_result_counts(self, make: Make):
        def handler(job, payload):
            return [payload, threading.current_thread() is threading.main_thread()]

        assert (await reported(make(handler, Runs.THREAD, lease(1, KIND, "p")))).result == ["p", False]

    async def test_output_is_with_the_gateway_before_the_report(self, make: Make, link):
        async def handler(job, payload):
            await job.write("all of it")

        answer = asyncio.get_running_loop().create_future()
        link.appends.then(answer)
        running = asyncio.create_task(make(handler).report())
        request = await link.appends.arrived(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not running.done()
        answer.set_result(link.take(request))
        async with asyncio.timeout(10):
            assert await running is not None
        assert link.said[lease(1).token] == b"all of it"

    async def test_what_a_thread_says_is_with_the_gateway_before_the_report(self, make: Make, link):
        def handler(job, payload):
            job.write_sync("text")
            job.log("line", LogLevel.WARNING)
            job.progress(0.5)

        await reported(make(handler, Runs.THREAD))
        assert link.said[lease(1).token] == b"text"
        assert link.lines[lease(1).token] == ["line"]
        assert [request.items[0].progress for request in link.appends.asked if request.items[0].progress is not None] == [0.5]

    async def test_a_last_log_line_is_with_the_gateway_before_the_report(self, make: Make, link):
        async def handler(job, payload):
            job.log("almost done")

        await reported(make(handler))
        assert link.lines.get(lease(1).token) == ["almost done"]


class TestResult:
    @pytest.mark.parametrize("result", [object(), {"a": object()}, "\udc80", {"deep": ["\ud800"]}])
    async def test_a_result_that_is_not_json_fails_for_good(self, make: Make, result):
        async def handler(job, payload):
            return result

        error = await failure(make(handler))
        assert (error.code, error.retryable) == ("job.result_invalid", False)

    async def test_a_result_that_contains_itself_fails_for_good(self, make: Make):
        async def handler(job, payload):
            circle: list[Any] = []
            circle.append(circle)
            return circle

        error = await failure(make(handler))
        assert (error.code, error.retryable) == ("job.result_invalid", False)

    @pytest.mark.parametrize(
        "result",
        [(1, 2), {1, 2}, b"bytes", float("nan"), [float("inf")], {1: "a"}, dt.date(2026, 1, 1)],
        ids=["tuple", "set", "bytes", "nan", "infinity", "number as key", "date"],
    )
    async def test_a_result_that_is_almost_json_does_not_end_the_engine(self, make: Make, result):
        async def handler(job, payload):
            return result

        report = await reported(make(handler))
        assert report.outcome is Outcome.SUCCEEDED or (report.error is not None and report.error.code == "job.result_invalid")

    async def test_a_result_deeper_than_the_gateway_takes_fails_for_good(self, make: Make):
        async def handler(job, payload):
            deep: list[Any] = []
            for _ in range(limits.JSON_MAX_DEPTH + 1):
                deep = [deep]
            return deep

        error = await failure(make(handler))
        assert (error.code, error.retryable) == ("job.result_invalid", False)

    async def test_the_largest_result_is_taken(self, make: Make):
        async def handler(job, payload):
            return "x" * (limits.RESULT_MAX_BYTES - 2)

        assert (await reported(make(handler))).outcome is Outcome.SUCCEEDED

    async def test_a_result_one_byte_too_large_fails_for_good_and_says_how_large(self, make: Make):
        async def handler(job, payload):
            return "x" * (limits.RESULT_MAX_BYTES - 1)

        error = await failure(make(handler))
        assert (error.code, error.retryable) == ("job.result_invalid", False)
        assert str(limits.RESULT_MAX_BYTES + 1) in error.message

    async def test_the_size_counts_bytes_not_characters(self, make: Make):
        async def handler(job, payload):
            return "ä" * (limits.RESULT_MAX_BYTES // 2)

        assert (await failure(make(handler))).code == "job.result_invalid"


class TestFailure:
    async def test_an_exception_is_a_failure_that_may_be_tried_again(self, make: Make):
        async def handler(job, payload):
            raise RuntimeError("no luck")

        error = await failure(make(handler))
        assert (error.code, error.message, error.retryable) == ("job.exception", "RuntimeError: no luck", True)

    async def test_an_exception_in_a_thread_is_a_failure(self, make: Make):
        def handler(job, payload):
            raise KeyError("no luck")

        assert (await failure(make(handler, Runs.THREAD))).message == "KeyError: 'no luck'"

    async def test_a_long_story_is_cut(self, make: Make):
        async def handler(job, payload):
            raise RuntimeError("x" * 10_000)

        assert len((await failure(make(handler))).message) == 500

    async def test_a_handlers_own_words_are_reported(self, make: Make):
        async def handler(job, payload):
            raise JobFailed("tool.quota", "Come back later.", retryable=False, retry_after_s=60.0)

        error = await failure(make(handler))
        assert error == Failure(code="tool.quota", message="Come back later.", retryable=False, retry_after_s=60.0)

    async def test_a_handlers_own_words_are_cut_to_what_the_gateway_takes(self, make: Make):
        async def handler(job, payload):
            raise JobFailed("c" * 100, "m" * 10_000)

        error = await failure(make(handler))
        assert (len(error.code), len(error.message)) == (64, 4096)

    @pytest.mark.parametrize(
        "error",
        [
            JobFailed("tool.quota", "m", retry_after_s=25 * 3600.0),
            JobFailed("tool.quota", "m", retry_after_s=-1.0),
            JobFailed("tool.quota", "m", retry_after_s=float("nan")),
            JobFailed("tool.quota", "a file named \udc80"),
            RuntimeError("a file named \udc80"),
        ],
        ids=["waits over a day", "waits below zero", "waits nan", "message not utf-8", "exception not utf-8"],
    )
    async def test_no_failure_of_a_job_ends_the_engine(self, make: Make, error: Exception):
        async def handler(job, payload):
            raise error

        assert (await failure(make(handler))).code in {"tool.quota", "job.exception"}

    async def test_a_kind_that_is_not_served_fails_for_good(self, make: Make):
        error = await failure(make(_never, held=lease(1, "other")))
        assert (error.code, error.retryable) == ("job.kind_unserved", False)

    async def test_a_handler_that_awaits_something_cancelled_fails(self, make: Make):
        async def handler(job, payload):
            abandoned = asyncio.get_running_loop().create_future()
            abandoned.cancel()
            await abandoned

        running = asyncio.create_task(make(handler).report())
        await asyncio.wait({running})
        assert not running.cancelled()


class TestTimeout:
    async def test_a_job_that_runs_too_long_is_stopped_and_may_be_tried_again(self, make: Make):
        blocker = Blocker()
        error = await failure(make(blocker, held=lease(1, KIND, timeout_s=0.01)))
        assert (error.code, error.message, error.retryable) == ("job.timeout", "It ran longer than 0.01 s.", True)
        assert blocker.cancelled

    async def test_a_thread_that_runs_too_long_is_told_and_reported_at_once(self, make: Make):
        over, told = threading.Event(), threading.Event()

        def handler(job, payload):
            if job.cancelled.wait(10):
                told.set()
            over.wait(10)

        job = make(handler, Runs.THREAD, lease(1, KIND, timeout_s=0.01))
        try:
            assert (await failure(job)).code == "job.timeout"
            assert await asyncio.to_thread(told.wait, 10)
        finally:
            over.set()

    async def test_a_handlers_own_timeout_is_not_the_jobs(self, make: Make):
        async def handler(job, payload):
            raise TimeoutError("the tool was slow")

        assert (await failure(make(handler))).code == "job.exception"

    async def test_output_that_cannot_be_sent_counts_towards_the_timeout(self, make: Make, link):
        link.appends.then(asyncio.get_running_loop().create_future())

        async def handler(job, payload):
            await job.write("nobody takes it")

        assert (await failure(make(handler, held=lease(1, KIND, timeout_s=0.01)))).code == "job.timeout"


class TestStop:
    async def test_a_cancelled_job_says_so_and_is_not_tried_again(self, make: Make):
        blocker = Blocker()
        report = await stopped(make(blocker), blocker, Stop.CANCEL)
        assert report is not None
        assert (report.outcome, report.error) == (
            Outcome.FAILED,
            Failure(code="job.cancelled", message="Cancelled.", retryable=False),
        )
        assert blocker.cancelled

    async def test_a_job_given_back_burns_no_attempt(self, make: Make):
        blocker = Blocker()
        report = await stopped(make(blocker), blocker, Stop.GIVE_BACK)
        assert report is not None
        assert (report.outcome, report.result, report.error) == (Outcome.GIVEN_BACK, None, None)

    async def test_nothing_is_said_of_a_job_that_was_let_go(self, make: Make):
        blocker = Blocker()
        assert await stopped(make(blocker), blocker, Stop.LET_GO) is None
        assert blocker.cancelled

    async def test_the_first_reason_counts(self, make: Make):
        blocker = Blocker()
        job = make(blocker)
        running = asyncio.create_task(job.report())
        await blocker.began.wait()
        job.stop(Stop.LET_GO)
        job.stop(Stop.CANCEL)
        assert await running is None

    async def test_a_job_stopped_before_it_began_never_runs(self, make: Make):
        job = make(_never)
        job.stop(Stop.GIVE_BACK)
        assert (await reported(job)).outcome is Outcome.GIVEN_BACK

    @pytest.mark.parametrize(("why", "outcome"), [(Stop.CANCEL, Outcome.SUCCEEDED), (Stop.GIVE_BACK, Outcome.SUCCEEDED)])
    async def test_work_that_is_done_in_spite_of_the_stop_counts(self, make: Make, why: Stop, outcome: Outcome):
        blocker = Blocker()

        async def handler(job, payload):
            try:
                await blocker(job, payload)
            except asyncio.CancelledError:
                return "done after all"

        report = await stopped(make(handler), blocker, why)
        assert report is not None
        assert (report.outcome, report.result) == (outcome, "done after all")

    @pytest.mark.parametrize("end", ["result", "JobFailed", "exception"])
    async def test_nothing_is_said_of_a_job_that_was_let_go_however_it_ends(self, make: Make, end: str):
        blocker = Blocker()

        async def handler(job, payload):
            try:
                await blocker(job, payload)
            except asyncio.CancelledError:
                if end == "result":
                    return "late"
                raise (JobFailed("late", "late") if end == "JobFailed" else RuntimeError("late")) from None

        assert await stopped(make(handler), blocker, Stop.LET_GO) is None

    async def test_a_thread_sees_that_it_should_stop(self, make: Make):
        began = threading.Event()
        seen = threading.Event()

        def handler(job, payload):
            began.set()
            if job.cancelled.wait(10):
                seen.set()

        job = make(handler, Runs.THREAD)
        running = asyncio.create_task(job.report())
        assert await asyncio.to_thread(began.wait, 10)
        job.stop(Stop.CANCEL)
        report = await running
        assert report is not None
        assert report.error is not None
        assert report.error.code == "job.cancelled"
        await job.ended()
        assert seen.is_set()

    async def test_the_attempt_has_not_ended_while_its_thread_runs_on(self, make: Make):
        began, over = threading.Event(), threading.Event()

        def handler(job, payload):
            began.set()
            over.wait(10)

        job = make(handler, Runs.THREAD)
        running = asyncio.create_task(job.report())
        assert await asyncio.to_thread(began.wait, 10)
        job.stop(Stop.CANCEL)
        await running
        ended = asyncio.create_task(job.ended())
        done, _ = await asyncio.wait({ended}, timeout=0)
        assert not done
        over.set()
        async with asyncio.timeout(10):
            await ended

    async def test_an_engine_that_is_torn_down_reports_nothing(self, make: Make):
        blocker = Blocker()
        running = asyncio.create_task(make(blocker).report())
        await blocker.began.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert blocker.cancelled


async def _never(_job: Any, _payload: Any) -> None:
    raise AssertionError("it must not run")


class TestUsersWhoAreNotAllowed:
    async def nobody(self, _lease: Lease) -> bool:
        return False

    async def test_their_job_is_refused_and_its_handler_never_begins(self, make):
        blocker = Blocker()
        report = await reported(make(blocker, allowed=self.nobody))
        assert (report.outcome, report.error.code, report.error.retryable) == (Outcome.REFUSED, "engine.user_not_allowed", False)
        assert not blocker.began.is_set()

    async def test_a_job_that_is_let_go_while_that_is_asked_reports_nothing(self, make):
        asked = asyncio.Event()

        async def slow(_lease: Lease) -> bool:
            asked.set()
            return await asyncio.get_running_loop().create_future()

        job = make(Blocker(), allowed=slow)
        reporting = asyncio.create_task(job.report())
        await asked.wait()
        job.stop(Stop.LET_GO)
        assert await reporting is None

    async def test_a_job_that_is_given_back_while_that_is_asked_is_given_back(self, make):
        asked = asyncio.Event()

        async def slow(_lease: Lease) -> bool:
            asked.set()
            return await asyncio.get_running_loop().create_future()

        job = make(Blocker(), allowed=slow)
        reporting = asyncio.create_task(job.report())
        await asked.wait()
        job.stop(Stop.GIVE_BACK)
        assert (await reporting).outcome is Outcome.GIVEN_BACK
