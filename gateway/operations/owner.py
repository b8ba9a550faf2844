"""What the owner does at the machine: users, engines, status."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from contract.admin import EngineAdded, EngineStatus, GatewayStatus, InstanceStatus, SecretsStatus
from contract.endpoint import OFF, EndpointView
from contract.errors import ShardUnavailable
from contract.words import DrainState
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare
from gateway.operations.drain import Drain
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.presence import Presence
from gateway.operations.pulse import StartDelays
from gateway.operations.rollout import Rollouts
from gateway.operations.service_levels import ServiceLevels
from gateway.operations.sources import Sources
from gateway.store.control import Control, EngineRow
from gateway.store.directory import ShardDirectory
from kit.clock import Clock
from kit.vault import Vault

OWNER = "owner"
LOCAL_INSTALLATION = "local"
FIRST_INSTALLATION = "first"


@dataclass(slots=True)
class Owner:
    """The owner's acts; the admin listener decides who the owner is."""

    control: Control
    sources: Sources
    tokens: EngineTokens
    directory: ShardDirectory
    presence: Presence
    delays: StartDelays
    audit: Audit
    audit_care: AuditCare
    vault: Vault
    clock: Clock
    random_bytes: Callable[[int], bytes]
    count_users: Callable[[], int]
    describe: Callable[[], tuple[str, str, str, str]]
    """Version, gateway id and key, and address."""
    drain: Drain
    rollouts: Rollouts
    levels: ServiceLevels | None = None
    remote_address: Callable[[], str | None] = lambda: None
    """Where engines on other machines reach this gateway, if they may."""
    public_origin: Callable[[], str | None] = lambda: None
    """Where browsers elsewhere reach it; None while they cannot."""
    endpoint: Callable[[], EndpointView] = lambda: OFF

    def address(self) -> str:
        """Where this gateway is called from its own machine."""
        return self.describe()[3]

    def link_origin(self, here: bool) -> str:
        """Where a pairing link should lead: elsewhere if that can be, else to this machine."""
        return (None if here else self.public_origin()) or self.address()

    async def add_engine(self, name: str) -> EngineAdded:
        """Make an engine and the token of its first installation.

        Raises:
            EngineNameTaken, AuditUnavailable.
        """
        engine = await self.make_engine(name, OWNER)
        await self.audit.note("engine.token", OWNER, engine, installation=FIRST_INSTALLATION)
        return EngineAdded(id=engine, name=name, token=await self.tokens.mint(engine, FIRST_INSTALLATION))

    async def local_engine(self, name: str) -> EngineAdded:
        """This machine's engine, made when it is not there, with a fresh token for this process."""
        engine = next((row.id for row in self.sources.engines() if row.name == name), None)
        if engine is None:
            engine = await self.make_engine(name, "gateway")
        await self.audit.note("engine.token", "gateway", engine, installation=LOCAL_INSTALLATION)
        return EngineAdded(id=engine, name=name, token=await self.tokens.mint(engine, LOCAL_INSTALLATION))

    async def status(self) -> GatewayStatus:
        """Everything `flowork status` shows, measured now."""
        version, gateway_id, gateway_key, address = self.describe()
        draining = self.drain.gateway is not DrainState.RUN
        engines = [await self._engine_status(row) for row in self.sources.engines()]
        broken = any(engine.state == "unavailable" for engine in engines)
        return GatewayStatus(
            version=version,
            gateway_id=gateway_id,
            gateway_key=gateway_key,
            address=address,
            state="draining" if draining else "degraded" if broken else "ready",
            users=self.count_users(),
            secrets=SecretsStatus(kind=self.vault.kind, state=self.vault.state, insecure=self.vault.insecure),
            audit=self.audit_care.status(),
            engines=engines,
            levels=None if self.levels is None else self.levels.view(),
            remote_address=self.remote_address(),
            endpoint=self.endpoint(),
            drain=self.drain.gateway,
            rollouts=self.rollouts.views(),
        )

    async def make_engine(self, name: str, actor: str) -> str:
        """Make an engine and its queue; its id.

        Raises:
            EngineNameTaken, AuditUnavailable.
        """
        await self.audit.note("engine.add", actor, name)
        engine = self._id()
        await self.control.add_engine(engine, name, self.clock.now().wall)
        await self.sources.engines_changed()
        async with self.directory.use(engine):
            return engine  # its queue file is made now, so that the first submit does not wait for it

    async def _engine_status(self, row: EngineRow) -> EngineStatus:
        reason = None
        depths = (0, 0, 0)
        try:
            async with self.directory.use(row.id) as store:
                load = await store.load()
                depths = (load.scheduled, load.queued, load.running)
        except ShardUnavailable:
            reason = self.directory.refusals().get(row.id)
        up = self.presence.up(row.id)
        return EngineStatus(
            id=row.id,
            name=row.name,
            state="unavailable" if reason else "up" if up else "down",
            reason=reason,
            scheduled=depths[0],
            queued=depths[1],
            running=depths[2],
            start_delay_ms=self.delays.of(row.id),
            instances=[
                InstanceStatus(
                    instance=instance.id,
                    version=instance.announce.version,
                    slots=instance.announce.slots,
                    busy=instance.busy,
                    kinds=instance.announce.kinds,
                    seconds_since_seen=self.presence.seconds_since_seen(instance),
                    state=self.presence.state(instance),
                    lag_ms=None if instance.stats is None else instance.stats.lag_ms,
                    clock_off_s=None if instance.stats is None else instance.stats.clock_off_s,
                    scaling=None if instance.stats is None else instance.stats.scaling,
                    drain=self.drain.instance_state(instance),
                    canary=self.rollouts.is_canary(instance),
                )
                for instance in self.presence.lately(row.id)
            ],
            drain=self.drain.engine_state(row.id),
        )

    def _id(self) -> str:
        return base64.b32encode(self.random_bytes(10)).decode().lower()
