"""The composition root of the gateway: owns every lifetime in one exit stack and one task group."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from prometheus_client.metrics_core import Metric

from contract.admin import EngineAdded
from contract.errors import AuditUnavailable, DataFolderInUse
from contract.version import VERSION
from gateway.crypto.identity import HeldKey, held_key
from gateway.http import edge, listeners
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare
from gateway.operations.program import Program
from gateway.settings import GatewaySettings
from gateway.store.audit import open_audit
from gateway.store.audit_heads import HeadsFile
from gateway.store.control import open_control
from gateway.store.minutes import open_minutes
from gateway.store.people import People
from gateway.telemetry import lateness
from gateway.telemetry.spans import tracing
from gateway.wiring.entrances import listen, send_home
from gateway.wiring.parts import Identity, Parts, Randomness, TunnelDoor, build
from kit.clock import Clock, SystemClock
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log
from kit.spans import Service, open_spans
from kit.tasks import crew
from kit.vault import FolderSecrets, Vault

log = Log("gateway")


class Gateway:
    """A running gateway."""

    def __init__(self, address: str, lan_address: str | None, identity: Identity, parts: "Parts") -> None:
        self.address = address
        self.lan_address = lan_address
        self.gateway_id = identity.gateway_id
        self.gateway_key = identity.key.public
        self._parts = parts

    async def local_engine(self, name: str) -> EngineAdded:
        """This machine's engine with a fresh token, for an engine of the same process or a child's standard input."""
        return await self._parts.owner.local_engine(name)

    @property
    def tunnel(self) -> TunnelDoor | None:
        """For a tunnel client; None where none is let in."""
        return self._parts.state.tunnel

    async def publish(self, origins: tuple[str, ...]) -> None:
        """Be known under these origins by the tunnel, from now on; those of the settings stay."""
        self._parts.sockets.close_from(self._parts.state.public.publish(origins))

    async def expect(self, word: str) -> Callable[[], bool]:
        """A request with this word is to come by the tunnel; whether it has."""
        self._parts.state.public.expect(word)
        return self._parts.state.public.came

    async def drain(self) -> None:
        """Take no new jobs, and tell every engine to finish what it holds."""
        self._parts.operations.drain.shut()


@contextlib.asynccontextmanager
async def running(
    settings: GatewaySettings,
    *,
    vault: Vault | None = None,
    clock: Clock | None = None,
    chance: Randomness | None = None,
    program: Program | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway for the length of the block; ready when the block begins. Without a vault its secrets are files in the clear.

    `program` is what the program around it does for the owner.

    Raises:
        DataFolderInUse: another process has the data folder. PortTaken: somebody else listens there.
        ControlRefused, AuditRefused: control.db or audit.db is damaged or newer.
        AuditUnavailable: audit.db cannot be written. KeyLost: one of its keys is gone. VaultUnavailable: no place for secrets.
        SecretsLocked: the very first start found the vault locked. HeadersRefused: the file with the collector's headers.
    """
    clock = clock or SystemClock()
    chance = chance or Randomness()
    program = program or Program()
    async with contextlib.AsyncExitStack() as stack:
        private_folder(settings.data)
        if vault is None:
            vault = Vault(FolderSecrets(settings.data / "secrets"))
            stack.callback(vault.close)
        run_folder = private_folder(settings.data / "run")
        try:
            stack.enter_context(exclusive_lock(run_folder / "flowork.lock"))
        except Locked as error:
            raise DataFolderInUse(
                f"Another Flowork runs on {settings.data}. Stop it first, or start this one with another --data folder."
            ) from error
        listener = listeners.tcp(settings.host, settings.port)
        stack.callback(listener.close)
        address = edge.address_of(listener)
        control, people = await stack.enter_async_context(open_control(settings.data / "control.db"))
        identity = Identity(await _held_key("identity", people, vault, chance))
        audit_key = await _held_key("audit", people, vault, chance)
        care = await stack.enter_async_context(_auditing(settings, audit_key, identity.gateway_id, vault, clock))
        minutes = await stack.enter_async_context(open_minutes(settings.data / "metrics.db"))
        service = Service("flowork-gateway", VERSION, identity.gateway_id)
        spans = await stack.enter_async_context(open_spans(settings.otlp, service))
        traced = tracing(spans, clock, chance.token_bytes, settings.otlp.trace_ratio)
        parts = await build(settings, clock, chance, vault, identity, control, people, care, address, minutes, traced, program)
        await parts.levels.begin()
        stack.push_async_callback(parts.levels.close)
        stack.push_async_callback(parts.shards.close_all)
        tasks = await stack.enter_async_context(crew())
        tasks.start(parts.reaper.run(), "reaper")
        tasks.start(parts.sockets.relay(), "events")
        tasks.start(parts.operations.ring.run(), "signing-keys")
        tasks.start(care.run(), "audit")
        tasks.start(parts.operations.tokens.run(), "engine-tokens")
        tasks.start(parts.operations.rollouts.run(), "rollouts")
        tasks.start(parts.levels.run(), "service-levels")
        tasks.start(lateness.watch(parts.listener.loop_late), "lateness")
        if settings.otlp.endpoint is not None and settings.otlp.metrics:
            tasks.start(_pushing(settings, parts, clock, identity.gateway_id), "otlp-metrics")
        stack.push_async_callback(parts.operations.tokens.keep_use)
        stack.push_async_callback(parts.sockets.close)
        lan_address = await listen(stack, settings, parts, listener, chance, program)
        stack.callback(send_home, parts)
        parts.reaper.schedule_closed()
        log.info("gateway.ready", address=address, lan_address=lan_address, gateway_id=identity.gateway_id, version=VERSION)
        yield Gateway(address, lan_address, identity, parts)
        log.info("gateway.stopping")


async def _pushing(settings: GatewaySettings, parts: Parts, clock: Clock, gateway: str) -> None:
    from gateway.telemetry.push import push  # loads protobuf

    async def read() -> list[Metric]:
        return parts.sight.meters.read(await parts.sight.scenery.look())

    await push(settings.otlp, read, clock, Service("flowork-gateway", VERSION, gateway))


async def _held_key(name: str, people: People, vault: Vault, chance: Randomness) -> HeldKey:
    return await held_key(name, await people.held_key(name), vault, chance.token_bytes, partial(people.remember_key, name))


@contextlib.asynccontextmanager
async def _auditing(settings: GatewaySettings, key: HeldKey, gateway: str, vault: Vault, clock: Clock) -> AsyncIterator[AuditCare]:
    """The audit log, from the record of the start to the signed record of the stop."""
    file = await asyncio.to_thread(open_audit, settings.data / "audit.db")
    try:
        audit = Audit(file, key, clock)
        heads = settings.audit_heads or settings.data.with_name(f"{settings.data.name}.witness") / "audit-heads.log"
        care = AuditCare(audit, HeadsFile(heads), vault, settings.audit_quota_bytes)
        audit.appended = care.appended
        await audit.note("gateway.start", "gateway", gateway, version=VERSION)
        if vault.insecure:
            await audit.note("storage.insecure", "gateway", vault.kind)
        yield care
        try:
            await audit.tell_refusals()
            await audit.note("gateway.stop", "gateway", gateway)
        except AuditUnavailable:
            log.error("audit.stop_unwritten")  # a stop cannot be refused
        await care.checkpoint()
    finally:
        file.close()
