"""Looks at everything that the metrics show and that is not counted along the way."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contract.words import DrainState
from gateway.operations.audit_care import AuditCare
from gateway.operations.capacity import Capacity
from gateway.operations.drain import Drain
from gateway.operations.looking import Looking
from gateway.operations.pulse import StartDelays
from gateway.operations.service_levels import ServiceLevels
from gateway.operations.sources import Sources
from gateway.rules.admission import Load
from gateway.rules.slo import RATIOS, Level, State
from gateway.store.control import EngineRow
from gateway.store.directory import LocalShards
from gateway.telemetry.scene import LevelScene, QueueScene, Scene
from kit.machine import Free
from kit.vault import Vault

SHUT = Load(0, 0, 0)
"""A queue whose file is closed has had nothing to do for long: it is not opened only to be counted."""


@dataclass(frozen=True, slots=True)
class Scenery:
    """The act of looking.

    `ready` tells whether a sign-in and a claim would succeed, `listeners` which are open, `sockets` how many people watch.
    """

    version: str
    sources: Sources
    shards: LocalShards
    looking: Looking
    capacity: Capacity
    delays: StartDelays
    levels: ServiceLevels
    drain: Drain
    audit_care: AuditCare
    vault: Vault
    free: Callable[[], Free]
    ready: Callable[[], bool]
    listeners: Callable[[], Mapping[str, bool]]
    sockets: Callable[[], int]

    async def look(self) -> Scene:
        """Everything, now."""
        free, audit = self.free(), self.audit_care.status()
        return Scene(
            version=self.version,
            ready=self.ready(),
            draining=self.drain.gateway is not DrainState.RUN,
            queues={row.name: await self._queue(row) for row in self.sources.engines()},
            levels={str(level.slo): _level(level) for level in self.levels.levels()},
            listeners=self.listeners(),
            sockets=self.sockets(),
            disk_free_bytes=free.disk,
            memory_free_bytes=free.memory,
            audit_head_age_s=self.audit_care.head_age_s(),
            audit_intact=audit.intact,
            secrets_open=self.vault.state == "open",
        )

    async def _queue(self, row: EngineRow) -> QueueScene:
        shard = self.shards.open_shard(row.id)
        load = SHUT if shard is None else await self.looking.load(shard)
        presence = self.capacity.presence
        wait_ms = self.looking.wait_ms(row.id, load)
        return QueueScene(
            jobs={"scheduled": load.scheduled, "queued": load.queued, "running": load.running},
            oldest_s=(self.delays.oldest_waiting_ms(row.id) or 0.0) / 1000,
            wait_s=None if wait_ms is None else wait_ms / 1000,
            slots=self.capacity.slots(row.id),
            busy=load.running,
            instances=Counter(str(presence.state(instance)) for instance in presence.lately(row.id)),
            wal_bytes=0 if shard is None else shard.wal_bytes,
            draining=self.drain.draining(row.id) is not None,
            available=row.id not in self.shards.refusals(),
        )


def _level(level: Level) -> LevelScene:
    seconds = level.slo not in RATIOS
    scale = 1000 if seconds else 1
    value = None if level.value is None else level.value / scale
    return LevelScene(seconds, value, level.target / scale, level.state is State.BURNING, level.budget_left)
