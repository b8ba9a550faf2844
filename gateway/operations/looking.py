"""Looks at all open queues at once, and asks only those that have changed since the last look."""

import contextlib
from dataclasses import dataclass, field

from contract.errors import EngineUnknown, ShardUnavailable
from gateway.operations.capacity import Capacity
from gateway.operations.service_levels import Look
from gateway.rules.admission import Load
from gateway.store.directory import LocalShards
from gateway.store.shard import SqliteShard


@dataclass(slots=True)
class Looking:
    """The act of looking. A queue whose file is closed has had nothing to do for long; it counts as empty."""

    shards: LocalShards
    capacity: Capacity
    _known: dict[str, tuple[tuple[int, int], Load]] = field(default_factory=dict)
    """By engine: which shard after how many commits, and what it held then."""

    async def look(self) -> Look:
        """The queues and slots now."""
        depth = busy = 0
        wait_ms: float | None = None
        for shard in self.shards.open_now():
            load = await self.load(shard)
            depth, busy = depth + load.scheduled + load.queued, busy + load.running
            wait = self.wait_ms(shard.source, load)
            wait_ms = wait if wait_ms is None or wait is None else max(wait_ms, wait)
        return Look(depth, busy, self.capacity.slots_in_all(), wait_ms)

    async def load(self, shard: SqliteShard) -> Load:
        """What an open queue holds; nothing when it cannot be read."""
        at = (id(shard), shard.writer_stats[0])
        known = self._known.get(shard.source)
        if known is not None and known[0] == at:
            return known[1]
        load = Load(0, 0, 0)
        with contextlib.suppress(ShardUnavailable, EngineUnknown):
            async with self.shards.use(shard.source) as store:
                load = await store.load()
        self._known[shard.source] = (at, load)
        return load

    def wait_ms(self, engine: str, load: Load) -> float | None:
        """The expected wait of one more job: depth x mean service time / slots (protocol §9)."""
        slots, mean = self.capacity.slots(engine), self.capacity.mean_service_s(engine)
        return load.ready * mean / slots * 1000 if slots and mean else None
