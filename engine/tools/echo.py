"""`echo`: a job that does what its payload says. For demo, tests and bench."""

import asyncio
import time
from typing import Any

from pydantic import ValidationError

from contract.kinds import EchoPayload
from engine.rules.failures import JobFailed
from engine.rules.kinds import Job, Kind, Runs
from kit.clock import rfc3339

THREAD_STEP_S = 0.01


def _script(payload: Any) -> EchoPayload:
    try:
        return EchoPayload.model_validate({} if payload is None else payload)
    except ValidationError as error:
        places = ", ".join(".".join(str(part) for part in mistake["loc"]) or "payload" for mistake in error.errors())
        raise JobFailed("job.payload_invalid", f"Not an echo script: {places}.", retryable=False) from error


def _end(script: EchoPayload, attempt: int, began_at: str) -> Any:
    if script.fail is not None and (script.fail.times is None or attempt <= script.fail.times):
        raise JobFailed(script.fail.code, script.fail.message, retryable=script.fail.retryable, retry_after_s=script.fail.retry_after_s)
    if script.crash is not None:
        raise RuntimeError(script.crash)
    return {"reply": script.reply, "began_at": began_at} if script.stamp else script.reply


def _burn(milliseconds: float) -> None:
    until = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < until:
        pass


def _now() -> str:
    return rfc3339(time.time_ns() // 1000)


async def echo(job: Job, payload: Any) -> Any:
    """In the engine's loop."""
    began_at = _now()
    script = _script(payload)
    for share in script.progress:
        job.progress(share)
    for line in script.log:
        job.log(line)
    for chunk in script.output:
        await job.write(chunk)
        await asyncio.sleep(script.output_gap_ms / 1000)
    await asyncio.sleep(script.sleep_ms / 1000)
    _burn(script.busy_ms)
    return _end(script, job.attempt, began_at)


def echo_thread(job: Job, payload: Any) -> Any:
    """In a thread; stops when asked."""
    began_at = _now()
    script = _script(payload)
    for share in script.progress:
        job.progress(share)
    for line in script.log:
        job.log(line)
    for chunk in script.output:
        job.write_sync(chunk)
    until = time.perf_counter() + script.sleep_ms / 1000
    while time.perf_counter() < until and not job.cancelled.is_set():
        job.cancelled.wait(THREAD_STEP_S)
    _burn(script.busy_ms)
    return _end(script, job.attempt, began_at)


def echo_process(payload: Any) -> Any:
    """In a process."""
    began_at = _now()
    script = _script(payload)
    time.sleep(script.sleep_ms / 1000)
    _burn(script.busy_ms)
    return _end(script, 1, began_at)


KINDS = [Kind("echo", echo), Kind("echo-thread", echo_thread, Runs.THREAD), Kind("echo-process", echo_process, Runs.PROCESS)]
