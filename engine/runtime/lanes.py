"""Processes for jobs that compute. Spawned, never forked; one process a lane, so that one can be killed alone."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from engine.rules.failures import JobFailed


@dataclass(slots=True)
class _Lane:
    executor: Executor
    pid: int


class Lanes:
    """At most `count` processes, each started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._free: asyncio.Queue[_Lane | None] = asyncio.Queue()
        for _ in range(count):
            self._free.put_nowait(None)
        self._open: list[_Lane] = []

    async def run(self, handler: Callable[[Any], Any], payload: Any) -> Any:
        """Run `handler(payload)` in a process; cancelling kills that process.

        Raises:
            JobFailed: the process died. Whatever the handler raises.
        """
        lane = await self._free.get()
        keep: _Lane | None = None
        try:
            lane = lane or await self._start()
            result = await asyncio.get_running_loop().run_in_executor(lane.executor, handler, payload)
            keep = lane
            return result
        except BrokenProcessPool as error:
            raise JobFailed("job.process_died", "The process that ran it died.") from error
        except asyncio.CancelledError:
            if lane is not None:
                self._kill(lane)
            raise
        except Exception:
            keep = lane
            raise
        finally:
            if keep is None and lane is not None and lane in self._open:
                self._open.remove(lane)
                lane.executor.shutdown(wait=False)
            self._free.put_nowait(keep)

    async def _start(self) -> _Lane:
        executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        pid = await asyncio.get_running_loop().run_in_executor(executor, os.getpid)
        lane = _Lane(executor, pid)
        self._open.append(lane)
        return lane

    def _kill(self, lane: _Lane) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(lane.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    async def close(self) -> None:
        """End every process."""
        for lane in list(self._open):
            self._kill(lane)
            await asyncio.to_thread(lane.executor.shutdown)
        self._open.clear()
