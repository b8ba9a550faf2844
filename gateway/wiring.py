"""The composition root of the gateway: builds every object, owns every lifetime."""

import asyncio
import contextlib
import os
import random
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import socketio

from contract import limits
from contract.admin import EngineAdded
from contract.engine_link import FinishRequest
from contract.errors import DataFolderInUse
from contract.events import SOCKET_PATH
from contract.version import VERSION
from contract.words import Directive
from gateway.crypto import ethereum
from gateway.crypto.access_token import AccessTokens
from gateway.crypto.audit_seal import AuditSeal
from gateway.crypto.identity import Keys, load_keys
from gateway.http import admin, listeners
from gateway.http.app import Operations, admin_app, public_app
from gateway.http.guard import Guard
from gateway.operations.audit import Audit
from gateway.operations.change import Change
from gateway.operations.claim import Claiming
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.fanout import LocalFanout
from gateway.operations.owner import Owner
from gateway.operations.presence import Presence
from gateway.operations.pulse import Pulse, StartDelays
from gateway.operations.reap import Reaper
from gateway.operations.report import Reporting, note_refusals
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.sources import Sources
from gateway.operations.submit import Submit
from gateway.operations.wake import LocalWakeBus
from gateway.operations.watch import Watch
from gateway.realtime.sockets import Sockets
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.life import Retry
from gateway.settings import GatewaySettings
from gateway.store.audit import open_audit
from gateway.store.control import Control, open_control
from gateway.store.directory import LocalShards
from gateway.store.seam import StoreLimits
from kit.backoff import Backoff
from kit.clock import MILLISECOND, SECOND, Clock, SleepWatch, SystemClock
from kit.files import Locked, exclusive_lock, private_folder
from kit.logs import Log
from kit.tasks import crew

log = Log("gateway")
UNIX_PATH_MAX = 100
"""macOS takes 103 bytes as the address of a Unix socket, Linux 107."""


@dataclass(slots=True)
class Randomness:
    """Where chance comes from; tests hand in their own."""

    token_bytes: Callable[[int], bytes] = secrets.token_bytes
    uniform: Callable[[], float] = random.random


class Gateway:
    """A running gateway."""

    def __init__(self, address: str, keys: Keys, parts: "_Parts") -> None:
        self.address = address
        self.gateway_id = keys.gateway_id
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
    operations: Operations


@contextlib.asynccontextmanager
async def running(
    settings: GatewaySettings,
    *,
    clock: Clock | None = None,
    chance: Randomness | None = None,
    is_owner: Callable[[str], bool] = lambda _user: True,
) -> AsyncIterator[Gateway]:
    """A gateway for the length of the block; ready when the block begins.

    `is_owner` tells which users manage every engine without it being shared with them.

    Raises:
        DataFolderInUse: another process has the data folder. PortTaken: somebody else listens there.
        ControlRefused, AuditRefused: control.db or audit.db is damaged or newer.
        AuditUnavailable: audit.db cannot be written. KeyFileRefused: a key file is damaged or open to others.
    """
    clock = clock or SystemClock()
    chance = chance or Randomness()
    async with contextlib.AsyncExitStack() as stack:
        private_folder(settings.data)
        run_folder = private_folder(settings.data / "run")
        try:
            stack.enter_context(exclusive_lock(run_folder / "flowork.lock"))
        except Locked as error:
            raise DataFolderInUse(
                f"Another Flowork runs on {settings.data}. Stop it first, or start this one with another --data folder."
            ) from error
        listener = listeners.loopback(settings.host, settings.port)
        stack.callback(listener.close)
        address = _address(settings.host, listener.getsockname()[1])
        keys = await asyncio.to_thread(load_keys, settings.data / "secrets", chance.token_bytes)
        control = await stack.enter_async_context(open_control(settings.data / "control.db"))
        audit = await stack.enter_async_context(_auditing(settings, keys, clock))
        parts = await _build(settings, clock, chance, keys, control, audit, address, is_owner)
        stack.push_async_callback(parts.shards.close_all)
        tasks = await stack.enter_async_context(crew())
        tasks.start(parts.reaper.run(), "reaper")
        tasks.start(parts.sockets.relay(), "events")
        tasks.start(parts.operations.tokens.run(), "engine-tokens")
        stack.push_async_callback(parts.operations.tokens.keep_use)
        stack.push_async_callback(parts.sockets.close)
        await _listen(stack, settings, parts, listener, address, chance)
        stack.callback(_send_home, parts)
        parts.reaper.schedule_closed()
        log.info("gateway.ready", address=address, gateway_id=keys.gateway_id, version=VERSION)
        yield Gateway(address, keys, parts)
        log.info("gateway.stopping")


async def _build(
    settings: GatewaySettings,
    clock: Clock,
    chance: Randomness,
    keys: Keys,
    control: Control,
    audit: Audit,
    address: str,
    is_owner: Callable[[str], bool],
) -> _Parts:
    state = _State()
    wake = LocalWakeBus()
    fanout = LocalFanout()
    delays = StartDelays(clock)
    presence = Presence(clock)
    sources = Sources(control)
    await sources.load()
    # The pulse tells the reaper of deadlines, and the reaper opens shards whose commits the pulse hears.
    pulse = Pulse(fanout, wake, delays, lambda engine, in_us: reaper.falls_due(engine, in_us))  # noqa: PLW0108
    shards = LocalShards(
        settings.data / "shards", control, store_limits(settings, chance), clock, chance.token_bytes, pulse.committed, settings.open_shards
    )
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
    sharing = Sharing(control, sources, audit, clock, is_owner, wake.news)
    await sharing.load()
    enrolment = Enrolment(control.installations, tokens, sources, audit, clock, chance.token_bytes)
    access = AccessTokens(keys.signing, keys.gateway_id)
    origins = own_origins(address) | frozenset(settings.gui_origins)
    owner = Owner(
        control=control,
        sources=sources,
        tokens=tokens,
        directory=shards,
        presence=presence,
        delays=delays,
        audit=audit,
        clock=clock,
        random_bytes=chance.token_bytes,
        users_changed=sharing.users_changed,
        well_formed=ethereum.is_well_formed,
        describe=lambda: (VERSION, keys.gateway_id, address, state.draining),
    )
    signin = SignIn(
        control=control,
        clock=clock,
        random_bytes=chance.token_bytes,
        gateway_id=keys.gateway_id,
        uri=f"{address}/api/v1/auth/sign-in",
        domains=frozenset(urlsplit(origin).netloc for origin in origins),
        recover=ethereum.recover_address,
        well_formed=ethereum.is_well_formed,
        issue=lambda user: access.issue(user, clock.now().wall // SECOND, chance.token_bytes),
        audit=audit,
    )

    def authenticate(token: str) -> tuple[str, float]:
        now_s = clock.now().wall // SECOND
        principal = access.verify(token, now_s)
        return principal.user, principal.expires_at - now_s

    def directive(caller: EngineCaller) -> Directive:
        if state.draining:
            return Directive.DRAIN
        return Directive.ROTATE if tokens.told_to_rotate(caller) else Directive.RUN

    async def refusals(engine: str, reports: Iterable[tuple[str, FinishRequest]]) -> None:
        await note_refusals(audit, engine, reports)

    watch = Watch(shards, sources, sharing, fanout)
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
        signin=signin,
        owner=owner,
        audit=audit,
        authenticate=lambda token: authenticate(token)[0],
        check_engine=tokens.authenticate,
        ready=lambda: state.listening,
    )
    sockets = Sockets(authenticate, sorted(origins))
    fanout.listen(sockets.publish)
    return _Parts(state, wake, fanout, shards, reaper, owner, sockets, operations)


@contextlib.asynccontextmanager
async def _auditing(settings: GatewaySettings, keys: Keys, clock: Clock) -> AsyncIterator[Audit]:
    """The audit log, from the record of the start to the signed record of the stop."""
    seal = AuditSeal(keys.audit)
    file = await asyncio.to_thread(open_audit, settings.data / "audit.db", seal.sign)
    try:
        audit = Audit(file, seal, clock)
        await audit.note("gateway.start", "gateway", keys.gateway_id, version=VERSION)
        yield audit
        await audit.tell_refusals()
        await audit.note("gateway.stop", "gateway", keys.gateway_id)
        await asyncio.to_thread(file.seal)
    finally:
        file.close()


def store_limits(settings: GatewaySettings, chance: Randomness) -> StoreLimits:
    """The settings as a store takes them."""
    return StoreLimits(
        lease_us=settings.lease_ms * MILLISECOND,
        reap_grace_us=settings.heartbeat_grace_ms * MILLISECOND,
        keep_final_us=round(settings.keep_results_s * SECOND),
        keep_idempotency_us=limits.IDEMPOTENCY_KEEP_S * SECOND,
        keep_receipts_us=limits.RECEIPT_KEEP_S * SECOND,
        keep_claims_us=limits.CLAIM_REPLAY_KEEP_S * SECOND,
        events_per_job=limits.EVENTS_PER_JOB,
        answer_bytes=limits.CLAIM_ANSWER_MAX_BYTES - limits.PAYLOAD_MAX_BYTES,
        retry=Retry(Backoff(settings.retry_base_s, settings.retry_cap_s), chance.uniform),
    )


def _send_home(parts: _Parts) -> None:
    """Let long polls answer, so that the listeners can close at once."""
    parts.state.listening = False
    parts.wake.close()
    parts.fanout.close()


async def _listen(
    stack: contextlib.AsyncExitStack, settings: GatewaySettings, parts: _Parts, listener: socket.socket, address: str, chance: Randomness
) -> None:
    origins = own_origins(address) | frozenset(settings.gui_origins)
    app = socketio.ASGIApp(parts.sockets.server, public_app(parts.operations, VERSION), socketio_path=SOCKET_PATH)
    await stack.enter_async_context(listeners.serving(Guard(app, "loopback", lambda: origins), listener, "loopback"))
    owner_path = settings.data / "run"
    allow = None
    if settings.admin_over_tcp or sys.platform == "win32" or len(os.fsencode(owner_path / "admin.sock")) > UNIX_PATH_MAX:
        secret = chance.token_bytes(32).hex()
        owner_listener = listeners.owner_tcp(owner_path / "admin.json", secret)
        stack.callback((owner_path / "admin.json").unlink, missing_ok=True)
        allow = admin.secret_guard(secret)
    else:
        owner_listener = listeners.owner_socket(owner_path / "admin.sock")
        stack.callback((owner_path / "admin.sock").unlink, missing_ok=True)
    stack.callback(owner_listener.close)
    owner_app = Guard(admin_app(parts.operations, VERSION, allow), "admin", frozenset)
    await stack.enter_async_context(listeners.serving(owner_app, owner_listener, "admin"))
    parts.state.listening = True


def own_origins(address: str) -> frozenset[str]:
    """Origins under which the gateway's own pages are served."""
    port = urlsplit(address).port
    return frozenset({address, f"http://localhost:{port}", f"http://127.0.0.1:{port}"})


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
