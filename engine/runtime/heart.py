"""The heartbeat: renews every lease at once, from a thread of its own that no job can starve."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from contract import limits
from contract.engine_link import HeartbeatAnswer, HeartbeatRequest, InstanceStats
from contract.errors import FloworkError
from engine.rules.leases import LeaseBook
from engine.runtime.seam import Link, LinkOpener
from kit.clock import SECOND, Clock, SleepWatch
from kit.logs import Log

log = Log("engine.heart")
TICK_S = 1.0
"""How soon after a wake, or after a lease's let-go point, the jobs are stopped at the latest."""

Told = Callable[[Sequence[str], Sequence[str]], None]
"""Called in the heart's thread with jobs to let go and jobs to cancel."""


class Heart:
    """Beats every `every_s` seconds while leases are held, and at once after the machine slept."""

    def __init__(
        self,
        open_link: LinkOpener,
        instance: str,
        book: LeaseBook,
        clock: Clock,
        every_s: float,
        stats: Callable[[], InstanceStats],
        told: Told,
    ) -> None:
        self._open_link = open_link
        self._instance = instance
        self._book = book
        self._clock = clock
        self._every_us = round(every_s * SECOND)
        self._tick_s = min(TICK_S, every_s)
        self._stats = stats
        self._told = told
        self._sleep_watch = SleepWatch(clock, round(limits.SUSPEND_NOTICED_S * SECOND))
        self._next_beat = clock.now().steady + self._every_us
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="flowork-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    async def stop(self) -> None:
        """Beat no more."""
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            try:
                runner.run(self._main())
            except asyncio.CancelledError:
                return

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        async with self._open_link() as link:
            while True:
                await self.tick(link)
                await asyncio.sleep(self._tick_s)

    async def tick(self, link: Link) -> None:
        """One look at the clock: beat when it is time or the machine slept, then let go of what was not renewed."""
        slept = self._sleep_watch.slept()
        now = self._clock.now().steady
        if slept:
            log.info("machine.woke", slept_s=slept / SECOND)
        if slept or now >= self._next_beat:
            await self._beat(link, now)
        lapsed = [lease.job for lease in self._book.lapsed(self._clock.now().steady)]
        if lapsed:
            log.warning("engine.let_go", jobs=lapsed)
            self._told(lapsed, ())

    async def _beat(self, link: Link, now: int) -> None:
        held = self._book.held()
        try:
            answer = await link.heartbeat(HeartbeatRequest(instance=self._instance, leases=held, stats=self._stats()))
        except FloworkError as error:
            log.warning("engine.heartbeat_failed", code=error.code)
            self._next_beat = self._clock.now().steady + min(self._every_us, 2 * SECOND)
            return
        self._next_beat = now + self._every_us
        self._apply(answer, now)

    def _apply(self, answer: HeartbeatAnswer, sent_at: int) -> None:
        for extended in answer.extended:
            self._book.renewed(extended.job, extended.lease_ms, sent_at)
        if answer.lost or answer.cancel:
            self._told(answer.lost, answer.cancel)
