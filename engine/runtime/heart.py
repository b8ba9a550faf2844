"""The heartbeat: renews every lease at once, from a thread of its own that no job can starve."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Sequence

from contract import limits
from contract.engine_link import HeartbeatAnswer, HeartbeatRequest, InstanceStats, QueueNews
from contract.errors import FloworkError
from engine.rules.leases import LeaseBook
from engine.runtime.seam import Link, LinkOpener
from kit.clock import MILLISECOND, SECOND, Clock, Now, SleepWatch, from_rfc3339
from kit.logs import Log

log = Log("engine.heart")
TICK_S = 1.0
"""How soon after a wake, or after a lease's let-go point, the jobs are stopped at the latest."""

WAKE_PATIENCE_S = 2.0
"""After a sleep, how long the gateway may take to say that a lease lives on before the job is stopped."""

Told = Callable[[Sequence[str], Sequence[str]], None]
"""Called in the heart's thread with jobs to let go and jobs to cancel."""


class Heart:
    """Beats every `every_s` seconds, and at once after the machine slept."""

    def __init__(
        self,
        open_link: LinkOpener,
        instance: str,
        book: LeaseBook,
        clock: Clock,
        every_s: float,
        stats: Callable[[], InstanceStats],
        told: Told,
        queue: Callable[[QueueNews], None],
    ) -> None:
        """`told` and `queue` are called in the heart's thread."""
        self._open_link = open_link
        self._instance = instance
        self._book = book
        self._clock = clock
        self._every_us = round(every_s * SECOND)
        self._tick_s = min(TICK_S, every_s)
        self._stats = stats
        self._told = told
        self._queue = queue
        self._sleep_watch = SleepWatch(clock, round(limits.SUSPEND_NOTICED_S * SECOND))
        self._next_beat = clock.now().steady + self._every_us
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._told_of: frozenset[str] = frozenset()
        self._lag_ms: float | None = None
        self._clock_off_s: float | None = None
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._run,), name="flowork-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    async def stop(self) -> None:
        """Beat no more."""
        self._stopping = True
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended
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
            while not self._stopping:
                await self.tick(link)
                await asyncio.sleep(self._tick_s)

    async def tick(self, link: Link) -> None:
        """One look at the clock: beat when it is time or the machine slept, then let go of what was not renewed."""
        slept = self._sleep_watch.slept()
        now = self._clock.now().steady
        if slept:
            log.info("machine.woke", slept_s=slept / SECOND)
        else:
            self._let_go()
        if slept or now >= self._next_beat:
            await self._beat_while_letting_go(link, now, WAKE_PATIENCE_S if slept else self._tick_s)
        self._let_go()

    async def _beat_while_letting_go(self, link: Link, now: int, patience_s: float) -> None:
        """A gateway that does not answer must not keep a lease from being let go. After a sleep it gets a moment first."""
        beat = asyncio.create_task(self._beat(link, now), name="beat")
        try:
            while not (await asyncio.wait({beat}, timeout=patience_s))[0]:
                self._let_go()
                patience_s = self._tick_s
            beat.result()
        finally:
            beat.cancel()

    def _let_go(self) -> None:
        """Tell once of each lease that was not renewed in time."""
        lapsed = {lease.token: lease.job for lease in self._book.lapsed(self._clock.now().steady)}
        jobs = [job for token, job in lapsed.items() if token not in self._told_of]
        self._told_of = frozenset(lapsed)
        if jobs:
            log.warning("engine.let_go", jobs=jobs)
            self._told(jobs, ())

    async def _beat(self, link: Link, now: int) -> None:
        held, sent = self._book.held(), self._clock.now()
        stats = self._stats().model_copy(update={"lag_ms": self._lag_ms, "clock_off_s": self._clock_off_s})
        try:
            answer = await link.heartbeat(HeartbeatRequest(instance=self._instance, leases=held, stats=stats))
        except FloworkError as error:
            log.warning("engine.heartbeat_failed", code=error.code)
            self._next_beat = self._clock.now().steady + min(self._every_us, 2 * SECOND)
            return
        self._next_beat = now + self._every_us
        self._compare_clocks(answer.at, sent)
        self._apply(answer, now)

    def _compare_clocks(self, at: str | None, sent: Now) -> None:
        """The gateway's time was somewhere between sending and hearing."""
        lag_us = self._clock.now().steady - sent.steady
        self._lag_ms = round(lag_us / MILLISECOND, 1)
        if at is None:
            return
        before, off_s = self._clock_off_s, (sent.wall + lag_us // 2 - from_rfc3339(at)) / SECOND
        self._clock_off_s = round(off_s, 3)
        if abs(off_s) > limits.CLOCK_OFF_S and (before is None or abs(before) <= limits.CLOCK_OFF_S):
            log.warning("engine.clock_off", ahead_s=self._clock_off_s, advice="Set the clock of this machine, or of the gateway's.")

    def _apply(self, answer: HeartbeatAnswer, sent_at: int) -> None:
        for extended in answer.extended:
            self._book.renewed(extended.job, extended.lease_ms, sent_at)
        if answer.lost or answer.cancel:
            self._told(answer.lost, answer.cancel)
        if answer.queue is not None:
            self._queue(answer.queue)
