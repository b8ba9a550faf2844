"""Reap: wakes each queue when its next deadline comes. Sleeps in between; nothing polls."""

import asyncio
import contextlib

from contract.errors import EngineUnknown, ShardUnavailable, StorageFailed, StorageFull
from gateway.operations.sources import Sources
from gateway.store.directory import LocalShards
from gateway.telemetry.signals import Listener
from kit.clock import MILLISECOND, SECOND, Clock, SleepWatch
from kit.logs import Log

log = Log("reaper")
RETRY_US = 5 * SECOND
SLACK_US = MILLISECOND  # timers may fire a touch early
LOOK_AGAIN_S = 30.0
"""The loop's timers stand still while the machine sleeps; with something due, the clock that does not is read this often."""


class Reaper:
    """One deadline per queue, one task for all."""

    def __init__(
        self, shards: LocalShards, sources: Sources, clock: Clock, sleep_watch: SleepWatch, grace_us: int, listener: Listener | None = None
    ) -> None:
        self._shards = shards
        self._sources = sources
        self._clock = clock
        self._sleep_watch = sleep_watch
        self._grace_us = grace_us
        self._listener = listener or Listener()
        self._due: dict[str, int] = {}
        self._changed = asyncio.Event()

    def falls_due(self, engine: str, in_us: int) -> None:
        """Something in an engine's queue wants attention after so many microseconds."""
        at = self._clock.now().steady + max(0, in_us)
        if at < self._due.get(engine, at + 1):
            self._due[engine] = at
            self._changed.set()

    def schedule_closed(self) -> None:
        """Take up the deadlines that closed queues left in control.db; an unclean end counts as due at once."""
        wall = self._clock.now().wall
        for row in self._sources.engines():
            if row.shard_made and row.wake_at is not None:
                self.falls_due(row.id, row.wake_at - wall)

    async def run(self) -> None:
        """Reap for ever."""
        while True:
            await self._until_due()
            self._notice_sleep()
            now = self._clock.now().steady
            for engine in [engine for engine, at in self._due.items() if at <= now]:
                del self._due[engine]
                await self._reap(engine)

    async def _until_due(self) -> None:
        self._changed.clear()
        nearest = min(self._due.values(), default=None)
        wait = None if nearest is None else min(LOOK_AGAIN_S, max(0, nearest - self._clock.now().steady + SLACK_US) / SECOND)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()

    def _notice_sleep(self) -> None:
        """After a sleep of the machine its engines get one heartbeat to renew before anything is taken back."""
        slept = self._sleep_watch.slept()
        if slept:
            log.info("machine.woke", slept_s=slept / SECOND)
            for shard in self._shards.open_now():
                shard.hold_leases(self._grace_us)

    async def _reap(self, engine: str) -> None:
        try:
            async with self._shards.use(engine) as store:
                reaped = await store.reap()
        except (ShardUnavailable, EngineUnknown):
            return  # said in the log when it was refused; the next use tries again
        except (StorageFull, StorageFailed):
            self.falls_due(engine, RETRY_US)
            return
        if reaped.lost:
            self._listener.leases_lost(engine, reaped.lost)
        if reaped.lost or reaped.expired:
            log.info("queue.reaped", engine_id=engine, lost=reaped.lost, expired=reaped.expired)
        next_in = 0 if reaped.more else reaped.next_in_us
        if next_in is not None:
            self.falls_due(engine, next_in)
