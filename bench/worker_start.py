"""How long a new worker takes: from the changed number of slots to the first line of its job, in a running engine.

The gateway is in this process, without a wire; `bench latency` measures that.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from contract import limits
from contract.engine_link import ClaimAnswer, ClaimRequest, FinishAnswer, HeartbeatAnswer, Lease, Whitelist
from engine.rules.kinds import Kind
from engine.runtime.seam import Link
from engine.settings import EngineSettings
from engine.store.tokens import MemoryTokens
from engine.wiring import running


class AlwaysWork:
    """A gateway that has a job for every slot that is asked for."""

    def __init__(self) -> None:
        self._given = 0

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        if request.max == 0:
            await asyncio.get_running_loop().create_future()
        first, self._given = self._given, self._given + request.max
        return ClaimAnswer(leases=[_lease(number) for number in range(first, self._given)])

    async def heartbeat(self, _request: object) -> HeartbeatAnswer:
        return HeartbeatAnswer()

    async def finish(self, _report: object) -> FinishAnswer:
        return FinishAnswer()

    async def whitelist(self) -> Whitelist:
        return Whitelist(version=0, users=[])

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Link]:
        yield cast("Link", self)


def _lease(number: int) -> Lease:
    return Lease(
        job=f"abcd_01900000-0000-7000-8000-{number:012x}",
        token=f"{number:032x}",
        attempt=1,
        epoch=1,
        lease_ms=limits.LEASE_MS,
        kind="stay",
        payload=None,
        user="ann",
        timeout_s=300,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def worker_start_ms(count: int) -> list[float]:
    """Ascending milliseconds of so many starts."""
    with tempfile.TemporaryDirectory(prefix="flowork-bench-") as scratch:
        return sorted(asyncio.run(_starts(Path(scratch), count)))


async def _starts(data: Path, count: int) -> list[float]:
    began: asyncio.Queue[float] = asyncio.Queue()

    async def stay(_job: Any, _payload: Any) -> None:
        began.put_nowait(time.perf_counter())
        await asyncio.get_running_loop().create_future()

    settings = EngineSettings(gateway="http://127.0.0.1:9", engine_id="abcd", data=data, slots=1, drain_deadline_s=0)
    served, taken = {"stay": Kind("stay", stay)}, []
    async with running(settings, MemoryTokens("none"), served=served, link_opener=AlwaysWork().opened) as engine:
        await began.get()
        for _ in range(count):
            asked = time.perf_counter()
            engine._slots.resize(engine.slots + 1)
            taken.append(round((await began.get() - asked) * 1000, 3))
        await engine.drained(0)
    return taken
