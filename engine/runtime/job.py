"""One attempt of one job, from its lease to its report."""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

from contract import limits
from contract.engine_link import Failure, FinishReport, Lease
from contract.errors import EngineUserNotAllowed
from contract.kinds import Usage
from contract.words import LogLevel, Outcome
from engine.rules.failures import JobFailed, told, unexpected
from engine.rules.kinds import Call, Kind, Runs, Value
from engine.rules.usage import added
from engine.runtime.lanes import Lanes
from engine.runtime.output import Output
from engine.runtime.timeline import Timeline
from kit.logs import Log
from kit.strict_json import JsonRefused, decode, encode

log = Log("engine.job")


class Stop(Enum):
    """Why a running job is stopped, and what is reported of it."""

    CANCEL = "cancel"
    GIVE_BACK = "give_back"
    LET_GO = "let_go"
    """Lost, or about to be: nothing is reported."""


class _NotAllowed(Exception):
    """The engine may not work for the job's user."""


class JobContext:
    """`engine.rules.kinds.Job`, bound to one attempt."""

    def __init__(self, lease: Lease, output: Output, loop: asyncio.AbstractEventLoop, timeline: Timeline) -> None:
        self.job = lease.job
        self.attempt = lease.attempt
        self.user = lease.user
        self.traceparent = timeline.traceparent
        self.cancelled = threading.Event()
        self.granted = frozenset(lease.grants)
        self.usage: Usage | None = None
        self._output = output
        self._loop = loop
        self._timeline = timeline

    async def write(self, text: str) -> None:
        await self._output.write(text)

    def log(self, message: str, level: LogLevel = LogLevel.INFO) -> None:
        self._loop.call_soon_threadsafe(self._output.log, level, message)

    def call(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[Call]:
        return self._timeline.call(name, attributes)

    def progress(self, share: float) -> None:
        self._loop.call_soon_threadsafe(self._output.progress, share)

    def used(self, usage: Usage) -> None:
        self.usage = usage if self.usage is None else added(self.usage, usage)

    def write_sync(self, text: str) -> None:
        asyncio.run_coroutine_threadsafe(self._output.write(text), self._loop).result()


class RunningJob:
    """Runs one attempt. `stop` may be called once from the loop; the first reason counts."""

    def __init__(
        self,
        lease: Lease,
        kinds: Mapping[str, Kind],
        output: Output,
        lanes: Lanes,
        threads: Callable[[], Executor],
        allowed: Callable[[Lease], Awaitable[bool]],
        timeline: Timeline,
    ) -> None:
        self.lease = lease
        self.timeline = timeline
        self._kind = kinds.get(lease.kind)
        self._output = output
        self._lanes = lanes
        self._threads = threads
        self._allowed = allowed
        self._why: Stop | None = None
        self._body: asyncio.Task[Any] | None = None
        self._thread: asyncio.Future[Any] | None = None
        self._context: JobContext | None = None

    def stop(self, why: Stop) -> None:
        """Stop it."""
        if self._why is None:
            self._why = why
        if self._context is not None:
            self._context.cancelled.set()
        if self._body is not None:
            self._body.cancel()

    async def report(self) -> FinishReport | None:
        """Run to the end; None when nothing may be said of it."""
        context = self._context = JobContext(self.lease, self._output, asyncio.get_running_loop(), self.timeline)
        self._body = asyncio.create_task(self._admitted(context), name=f"job-{self.lease.job}")
        if self._why is not None:
            self._body.cancel()
        try:
            result = await self._body
        except asyncio.CancelledError as error:
            if self._why is not None:
                return self._stopped()
            if self._torn_down():
                raise
            return self._failed(unexpected(error))  # the handler's own: nobody asked it to stop
        except _NotAllowed:
            return self._refused()
        except JobFailed as error:
            return self._failed(error)
        except (Exception, SystemExit) as error:
            log.error("job.exception", exc_info=error, job_id=self.lease.job, kind=self.lease.kind)
            return self._failed(unexpected(error))
        return None if self._why is Stop.LET_GO else self._succeeded(result)

    @staticmethod
    def _torn_down() -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def ended(self) -> None:
        """Wait for a thread that ran on after its job was stopped: threads can't be killed, so its slot is not free."""
        if self._thread is not None:
            await asyncio.wait({self._thread})

    async def _admitted(self, context: JobContext) -> Any:
        if not await self._allowed(self.lease):
            raise _NotAllowed
        return await self._timed(context)

    async def _timed(self, context: JobContext) -> Any:
        scope = asyncio.timeout(self.lease.timeout_s)
        try:
            async with scope:
                with self.timeline.running():
                    result = await self._execute(context)
                await asyncio.sleep(0)  # what it said last is still on its way to the output
                await self._output.flush()
                return result
        except TimeoutError as error:
            context.cancelled.set()
            if scope.expired():
                raise JobFailed("job.timeout", f"It ran longer than {self.lease.timeout_s:g} s.") from error
            raise

    def _execute(self, context: JobContext) -> Awaitable[Any]:
        kind = self._kind
        if kind is None:
            raise JobFailed("job.kind_unserved", "This engine does not serve the kind.", retryable=False)
        match kind.runs:
            case Runs.ASYNC:
                awaited: Awaitable[Any] = kind.handler(context, self.lease.payload)
                return awaited
            case Runs.THREAD:
                inside = contextvars.copy_context().run  # an executor leaves what is around it behind
                self._thread = asyncio.get_running_loop().run_in_executor(
                    self._threads(), inside, kind.handler, context, self.lease.payload
                )
                return asyncio.shield(self._thread)
            case Runs.PROCESS:
                return self._lanes.run(kind.handler, self.lease.payload)

    def _succeeded(self, result: Any) -> FinishReport | None:
        try:
            text = encode(result)
            size = len(text)
            if size > limits.RESULT_MAX_BYTES:
                raise JsonRefused(f"it has {size} bytes; the most is {limits.RESULT_MAX_BYTES}")
            plain = decode(text, limits.RESULT_MAX_DEPTH)
        except ValueError as error:
            reason = str(error) if isinstance(error, JsonRefused) else "it is not JSON"
            return self._failed(JobFailed("job.result_invalid", f"The result cannot be sent: {reason}.", retryable=False))
        return self._report(Outcome.SUCCEEDED, result=plain)

    def _stopped(self) -> FinishReport | None:
        match self._why:
            case Stop.CANCEL:
                return self._failed(JobFailed("job.cancelled", "Cancelled.", retryable=False))
            case Stop.GIVE_BACK:
                return self._report(Outcome.GIVEN_BACK)
            case _:
                return None

    def _refused(self) -> FinishReport | None:
        if self._why is Stop.LET_GO:
            return None
        log.warning("job.user_not_allowed", job_id=self.lease.job, user_id=self.lease.user)
        refusal = JobFailed(EngineUserNotAllowed.code, EngineUserNotAllowed.title + ".", retryable=False)
        return self._report(Outcome.REFUSED, error=told(refusal))

    def _failed(self, error: JobFailed) -> FinishReport | None:
        if self._why is Stop.LET_GO:
            return None
        return self._report(Outcome.FAILED, error=told(error))

    def _report(self, outcome: Outcome, result: Any = None, error: Failure | None = None) -> FinishReport:
        return FinishReport(
            job=self.lease.job,
            token=self.lease.token,
            outcome=outcome,
            result=result,
            error=error,
            phases=self.timeline.phases,
            traceparent=self.timeline.recorded,
            usage=None if self._context is None else self._context.usage,
        )
