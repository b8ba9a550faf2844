"""The composition root of the gateway: builds every object, owns every lifetime."""

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from contract import limits
from contract.admin import EngineAdded
from contract.engine_link import FinishRequest
from contract.errors import AuditUnavailable, DataFolderInUse
from contract.events import SOCKET_PATH
from contract.signin import encoded
from contract.version import VERSION
from contract.words import Directive
from gateway.crypto import ethereum
from gateway.crypto.access_token import ACCESS, ADMIN, Tokens
from gateway.crypto.dpop import Proofs
from gateway.crypto.identity import HeldKey, gateway_id, held_key
from gateway.crypto.signing_keys import SigningKeys, ring_of_this_process
from gateway.http import admin, edge, listeners
from gateway.http.app import Operations, admin_app, public_app
from gateway.http.connection import Patience
from gateway.operations.admin_tokens import AdminTokens
from gateway.operations.approval import Approvals
from gateway.operations.audit import Audit
from gateway.operations.audit_care import AuditCare
from gateway.operations.challenges import Challenges
from gateway.operations.change import Change
from gateway.operations.claim import Claiming
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.fanout import LocalFanout
from gateway.operations.household import Household
from gateway.operations.keys import KeyRing
from gateway.operations.owner import Owner
from gateway.operations.pair import Pairing
from gateway.operations.presence import Presence
from gateway.operations.pulse import Pulse, StartDelays
from gateway.operations.reap import Reaper
from gateway.operations.report import Reporting, note_refusals
from gateway.operations.sessions import Principal, Request, Sessions
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.sources import Sources
from gateway.operations.submit import Submit
from gateway.operations.throttle import Throttle
from gateway.operations.wake import LocalWakeBus
from gateway.operations.watch import CONTROL, Watch
from gateway.realtime.sockets import SocketLimits, Sockets
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.throttle import Counted, policies
from gateway.settings import GatewaySettings
from gateway.store.audit import open_audit
from gateway.store.audit_heads import HeadsFile
from gateway.store.control import Control, open_control
from gateway.store.directory import LocalShards
from gateway.store.people import People
from gateway.store.seam import store_limits
from kit.clock import MILLISECOND, SECOND, Clock, SleepWatch, SystemClock
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log
from kit.tasks import crew
from kit.vault import FolderSecrets, Vault

log = Log("gateway")


@dataclass(slots=True)
class Randomness:
    """Where chance comes from; tests hand in their own."""

    token_bytes: Callable[[int], bytes] = secrets.token_bytes
    uniform: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this gateway is."""

    key: HeldKey

    @property
    def gateway_id(self) -> str:
        """Derived from the key."""
        return gateway_id(self.key.public)


class Gateway:
    """A running gateway."""

    def __init__(self, address: str, lan_address: str | None, identity: Identity, parts: "_Parts") -> None:
        self.address = address
        self.lan_address = lan_address
        self.gateway_id = identity.gateway_id
        self.gateway_key = identity.key.public
        self._parts = parts

    async def local_engine(self, name: str) -> EngineAdded:
        """This machine's engine with a fresh token, for an engine of the same process or a child's standard input."""
        return await self._parts.owner.local_engine(name)

    async def drain(self) -> None:
        """Take no new jobs, and tell every engine to finish what it holds."""
        self._parts.state.draining = True
        self._parts.wake.news(None)


@dataclass(slots=True)
class _State:
    draining: bool = False
    listening: bool = False


@dataclass(slots=True)
class _Parts:
    """What outlives the building."""

    state: _State
    wake: LocalWakeBus
    fanout: LocalFanout
    shards: LocalShards
    reaper: Reaper
    owner: Owner
    sockets: Sockets
    throttle: Throttle
    operations: Operations


@contextlib.asynccontextmanager
async def running(
    settings: GatewaySettings, *, vault: Vault | None = None, clock: Clock | None = None, chance: Randomness | None = None
) -> AsyncIterator[Gateway]:
    """A gateway for the length of the block; ready when the block begins. Without a vault its secrets are files in the clear.

    Raises:
        DataFolderInUse: another process has the data folder. PortTaken: somebody else listens there.
        ControlRefused, AuditRefused: control.db or audit.db is damaged or newer.
        AuditUnavailable: audit.db cannot be written. KeyLost: one of its keys is gone. VaultUnavailable: no place for secrets.
        SecretsLocked: the very first start found the vault locked.
    """
    clock = clock or SystemClock()
    chance = chance or Randomness()
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
        parts = await _build(settings, clock, chance, vault, identity, control, people, care, address)
        stack.push_async_callback(parts.shards.close_all)
        tasks = await stack.enter_async_context(crew())
        tasks.start(parts.reaper.run(), "reaper")
        tasks.start(parts.sockets.relay(), "events")
        tasks.start(parts.operations.ring.run(), "signing-keys")
        tasks.start(care.run(), "audit")
        tasks.start(parts.operations.tokens.run(), "engine-tokens")
        stack.push_async_callback(parts.operations.tokens.keep_use)
        stack.push_async_callback(parts.sockets.close)
        lan_address = await _listen(stack, settings, parts, listener, chance)
        stack.callback(_send_home, parts)
        parts.reaper.schedule_closed()
        log.info("gateway.ready", address=address, lan_address=lan_address, gateway_id=identity.gateway_id, version=VERSION)
        yield Gateway(address, lan_address, identity, parts)
        log.info("gateway.stopping")


async def _build(
    settings: GatewaySettings,
    clock: Clock,
    chance: Randomness,
    vault: Vault,
    identity: Identity,
    control: Control,
    people: People,
    care: AuditCare,
    address: str,
) -> _Parts:
    audit = care.audit
    state = _State()
    wake = LocalWakeBus()
    fanout = LocalFanout()
    delays = StartDelays(clock)
    presence = Presence(clock)
    sources = Sources(control)
    await sources.load()
    # The pulse tells the reaper of deadlines, and the reaper opens shards whose commits the pulse hears.
    pulse = Pulse(fanout, wake, delays, lambda engine, in_us: reaper.falls_due(engine, in_us))  # noqa: PLW0108
    kept = store_limits(settings, chance.uniform)
    shards = LocalShards(settings.data / "shards", control, kept, clock, chance.token_bytes, pulse.committed, settings.open_shards)
    grace_us = settings.heartbeat_grace_ms * MILLISECOND
    reaper = Reaper(shards, sources, clock, SleepWatch(clock, round(limits.SUSPEND_NOTICED_S * SECOND)), grace_us)
    tokens = EngineTokens(
        store=control.installations,
        audit=audit,
        clock=clock,
        random_bytes=chance.token_bytes,
        max_age_us=round(settings.engine_token_max_age_s * SECOND),
        retires_us=round(settings.engine_token_retires_s * SECOND),
    )
    await tokens.load()
    signing = SigningKeys(lambda: clock.now().wall)
    ring = KeyRing(signing, people, vault, audit, clock, chance.token_bytes)
    await ring.load()
    sessions = Sessions(
        people=people,
        tokens=Tokens(ACCESS, signing, identity.gateway_id),
        proofs=Proofs(clock.now().wall / SECOND),
        ring=ring,
        audit=audit,
        clock=clock,
        random_bytes=chance.token_bytes,
        gateway_id=identity.gateway_id,
        ended=lambda gone: sockets.close_where(lambda who: who.session in gone),
        tell=lambda event: fanout.publish(CONTROL, event),
        users_changed=lambda: sharing.users_changed(),  # noqa: PLW0108 - made below
    )
    await sessions.load()
    challenges = Challenges(
        identity=identity.key,
        vault=vault,
        clock=clock,
        random_bytes=chance.token_bytes,
        gateway_id=identity.gateway_id,
        recover=ethereum.recover_address,
        well_formed=ethereum.is_well_formed,
        is_paired=lambda address, thumbprint: sessions.paired(address, thumbprint) is not None,
    )
    pairing = Pairing(sessions, challenges, audit, clock, chance.token_bytes)
    throttle = Throttle(clock, policies(settings), lambda engine: sum(instance.announce.slots for instance in presence.up(engine)))
    sharing = Sharing(control, sources, audit, clock, sessions.users, sessions.is_owner, wake.news)
    await sharing.load()
    enrolment = Enrolment(control.installations, tokens, sources, audit, clock, chance.token_bytes)
    owner = Owner(
        control=control,
        sources=sources,
        tokens=tokens,
        directory=shards,
        presence=presence,
        delays=delays,
        audit=audit,
        audit_care=care,
        vault=vault,
        clock=clock,
        random_bytes=chance.token_bytes,
        count_users=lambda: len(sessions.users()),
        describe=lambda: (VERSION, identity.gateway_id, encoded(identity.key.public), address, state.draining),
    )

    def authenticate_socket(auth: Mapping[str, Any], origin: str) -> tuple[Principal, float]:
        token, proof = (auth.get(name) for name in ("token", "dpop"))
        request = Request("GET", f"{origin}{SOCKET_PATH}/", proof if isinstance(proof, str) else None)
        principal, _ = sessions.authenticate(token if isinstance(token, str) else "", request)
        return principal, principal.expires_at - clock.now().wall / SECOND

    async def engine(engine_id: str | None, token: str | None) -> EngineCaller:
        caller = await tokens.authenticate(engine_id, token)
        throttle.engine(caller.engine)
        return caller

    def directive(caller: EngineCaller) -> Directive:
        if state.draining:
            return Directive.DRAIN
        return Directive.ROTATE if tokens.told_to_rotate(caller) else Directive.RUN

    async def refusals(engine: str, reports: Iterable[tuple[str, FinishRequest]]) -> None:
        await note_refusals(audit, engine, reports)

    of_this_process = ring_of_this_process(clock.now().wall, chance.token_bytes)
    watch = Watch(shards, sources, sharing, fanout, people)
    operations = Operations(
        submit=Submit(shards, sources, sharing, presence, clock, settings.hard_cap, delays.per_second, lambda: state.draining),
        watch=watch,
        change=Change(shards, sources, sharing, watch),
        claiming=Claiming(shards, presence, wake, clock, settings.lease_ms, directive, tokens.stands, sharing.whitelist_version, refusals),
        reporting=Reporting(shards, presence, settings.lease_ms, directive, refusals),
        tokens=tokens,
        enrolment=enrolment,
        sharing=sharing,
        engines=Engines(owner, tokens, enrolment, sharing, sources, presence, shards, wake, audit, clock),
        signin=SignIn(challenges, sessions, pairing, audit),
        pairing=pairing,
        sessions=sessions,
        approvals=Approvals(challenges, audit),
        household=Household(sessions, pairing, identity.key.public, settings.gui_origins[0] if settings.gui_origins else ""),
        admin_tokens=AdminTokens(Tokens(ADMIN, of_this_process, identity.gateway_id), audit, clock, chance.token_bytes),
        ring=ring,
        owner=owner,
        audit=audit,
        audit_care=care,
        throttle_user=throttle.user,
        check_engine=engine,
        ready=lambda: state.listening,
    )
    sockets = Sockets(
        authenticate_socket,
        clock,
        SocketLimits(connect_s=settings.header_deadline_s),
        lambda address, local: throttle.ip_failed(address, local=local, counted=Counted.FULL),
    )
    fanout.listen(sockets.publish)
    return _Parts(state, wake, fanout, shards, reaper, owner, sockets, throttle, operations)


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


def _send_home(parts: _Parts) -> None:
    """Let long polls answer, so that the listeners can close at once."""
    parts.state.listening = False
    parts.wake.close()
    parts.fanout.close()
    parts.operations.pairing.close()


async def _listen(
    stack: contextlib.AsyncExitStack, settings: GatewaySettings, parts: _Parts, listener: socket.socket, chance: Randomness
) -> str | None:
    """Open every listener that the settings ask for; the address of the LAN's."""
    patience = Patience(header_s=settings.header_deadline_s, body_s=settings.body_deadline_s)
    app = parts.sockets.beside(public_app(parts.operations, VERSION))
    run = settings.data / "run"
    opened = stack.enter_context(contextlib.ExitStack())
    lan = edge.lan(opened, settings)
    tunnel = edge.tunnel(opened, settings, run, chance.token_bytes)

    def known_device(headers: Mapping[bytes, str]) -> bool:
        return parts.operations.sessions.knows(headers.get(b"dpop"))

    for entrance in (edge.loopback(listener, settings), lan, tunnel):
        if entrance is not None:
            await stack.enter_async_context(entrance.serve(app, parts.throttle, patience, known_device))
    allow = None
    if settings.admin_over_tcp or not listeners.takes_unix_socket(run / "admin.sock"):
        secret = chance.token_bytes(32).hex()
        owner_listener = listeners.owner_tcp(run / "admin.json", secret)
        stack.callback((run / "admin.json").unlink, missing_ok=True)
        allow = admin.secret_guard(secret)
    else:
        owner_listener = listeners.owner_socket(run / "admin.sock")
        stack.callback((run / "admin.sock").unlink, missing_ok=True)
    stack.callback(owner_listener.close)
    owner_app = admin_app(parts.operations, VERSION, allow)
    await stack.enter_async_context(edge.owners(owner_listener).serve(owner_app, None, patience))
    parts.state.listening = True
    return None if lan is None else edge.address_of(lan.listener)
