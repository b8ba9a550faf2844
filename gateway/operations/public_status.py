"""The public status: how the house is doing, for anyone and about nobody (protocol §8)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from contract.errors import ShardUnavailable
from contract.status import Capacity, OtherEngines, PublicEngine, PublicGateway, PublicStatus, Waiting
from contract.words import DrainState
from gateway.operations.attempts import Attempts
from gateway.operations.drain import Drain
from gateway.operations.presence import Instance, Presence
from gateway.operations.pulse import StartDelays
from gateway.operations.sources import Sources
from gateway.rules import status as rules
from gateway.store.control import EngineRow
from gateway.store.directory import ShardDirectory
from kit.clock import SECOND, Clock

CACHED_US = SECOND


@dataclass(slots=True)
class PublicView:
    """Gathers it, at most once a second however many ask."""

    version: str
    sources: Sources
    presence: Presence
    directory: ShardDirectory
    delays: StartDelays
    attempts: Attempts
    drain: Drain
    clock: Clock
    hard_cap: int
    wait_max_s: float
    _taken_at: int | None = None
    _taken: PublicStatus | None = None
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def status(self) -> PublicStatus:
        """At most a second old."""
        async with self._taking:
            now = self.clock.now().steady
            if self._taken is None or self._taken_at is None or now - self._taken_at >= CACHED_US:
                self._taken, self._taken_at = await self._gather(), now
            return self._taken

    async def _gather(self) -> PublicStatus:
        rows = self.sources.engines()
        others = [row for row in rows if not row.public]
        engines = [await self._engine(row) for row in rows if row.public]
        draining = self.drain.gateway is not DrainState.RUN
        return PublicStatus(
            gateway=PublicGateway(
                version=self.version, state=rules.gateway_state(draining=draining, broken=bool(self.directory.refusals()))
            ),
            engines=engines,
            others=OtherEngines(
                engines=len(others),
                up=sum(self._health(row) == "up" for row in others),
                capacity=_capacity(instance for row in others for instance in self.presence.up(row.id)),
            ),
        )

    async def _engine(self, row: EngineRow) -> PublicEngine:
        up = self.presence.up(row.id)
        capacity = _capacity(up)
        mean = self.attempts.mean_service_s(row.id)
        depth = await self._depth(row.id)
        wait_s = depth * mean / capacity.slots if mean is not None and capacity.slots else None
        return PublicEngine(
            name=row.name,
            health=self._health(row),
            state=DrainState.RUN if self.drain.draining(row.id) is None else DrainState.DRAIN,
            capacity=capacity,
            queue=Waiting(
                depth_band=rules.depth_band(depth, self.hard_cap, wait_s, self.wait_max_s),
                start_delay_p95_ms=self.delays.of(row.id).p95,
            ),
            instances=len(up),
            versions=sorted({instance.announce.version for instance in up}),
        )

    async def _depth(self, engine: str) -> int:
        try:
            async with self.directory.use(engine) as store:
                load = await store.load()
        except ShardUnavailable:
            return self.hard_cap  # nothing can be queued there
        return load.queued + load.scheduled

    def _health(self, row: EngineRow) -> str:
        silent = [self.presence.seconds_since_seen(instance) for instance in self.presence.of(row.id)]
        return rules.health(min(silent, default=None))


def _capacity(instances: Iterable[Instance]) -> Capacity:
    known = list(instances)
    slots, busy = sum(instance.announce.slots for instance in known), sum(instance.busy for instance in known)
    return Capacity(slots=slots, busy=min(busy, slots), hint=rules.hint(slots, busy))
