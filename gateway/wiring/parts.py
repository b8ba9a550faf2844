"""What a gateway is made of: builds every object of it."""

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from contract import limits
from contract.events import SOCKET_PATH
from contract.signin import encoded
from contract.version import VERSION
from gateway.crypto import ethereum
from gateway.crypto.access_token import ACCESS, ADMIN, Tokens
from gateway.crypto.dpop import Proofs
from gateway.crypto.identity import HeldKey, gateway_id
from gateway.crypto.signing_keys import SigningKeys, ring_of_this_process
from gateway.http.app import Operations
from gateway.operations.admin_tokens import AdminTokens
from gateway.operations.admission import admission
from gateway.operations.all_jobs import AllJobs
from gateway.operations.approval import Approvals
from gateway.operations.attempts import Attempts
from gateway.operations.audit_care import AuditCare
from gateway.operations.capacity import Capacity
from gateway.operations.challenges import Challenges
from gateway.operations.claim import Claiming
from gateway.operations.drain import Drain
from gateway.operations.endpoint import Endpoint, PublicOrigins
from gateway.operations.engine_auth import EngineTokens
from gateway.operations.engines import Engines
from gateway.operations.enrol import Enrolment
from gateway.operations.fanout import LocalFanout
from gateway.operations.following import Following
from gateway.operations.handover import Handover
from gateway.operations.household import Household
from gateway.operations.keys import KeyRing
from gateway.operations.looking import Looking
from gateway.operations.metrics_access import MetricsAccess
from gateway.operations.owner import Owner
from gateway.operations.pair import Pairing
from gateway.operations.presence import Presence
from gateway.operations.program import Around, Program
from gateway.operations.public_status import PublicView
from gateway.operations.pulse import Pulse, StartDelays
from gateway.operations.reap import Reaper
from gateway.operations.report import Reporting, note_refusals
from gateway.operations.rollout import Rollouts
from gateway.operations.scenery import Scenery
from gateway.operations.service_levels import ServiceLevels
from gateway.operations.sessions import Principal, Request, Sessions
from gateway.operations.shares import Shares
from gateway.operations.sharing import Sharing
from gateway.operations.signin import SignIn
from gateway.operations.sources import Sources
from gateway.operations.throttle import Throttle
from gateway.operations.wake import LocalWakeBus
from gateway.operations.watch import CONTROL
from gateway.realtime.sockets import SocketLimits, Sockets
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.throttle import policies
from gateway.settings import GatewaySettings
from gateway.store.control import Control
from gateway.store.directory import LocalShards
from gateway.store.minutes import Minutes
from gateway.store.people import People
from gateway.store.seam import store_limits
from gateway.store.snapshot import snapshot
from gateway.telemetry.signals import Listener
from gateway.telemetry.spans import Tracing
from gateway.wiring.seeing import Sight, hearing, socket_refusals
from gateway.wiring.work import acts, work
from kit.clock import MILLISECOND, SECOND, Clock, SleepWatch
from kit.machine import Machine
from kit.vault import Vault


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


@dataclass(frozen=True, slots=True)
class TunnelDoor:
    """Where a tunnel client finds this gateway, and the Host header that lets it in."""

    service: str
    secret_host: str = field(repr=False)


@dataclass(slots=True)
class State:
    """What the gateway as a whole is doing."""

    public: PublicOrigins
    """Under which it is published now."""
    tunnel: TunnelDoor | None = None
    listening: bool = False
    listeners: dict[str, bool] = field(default_factory=dict)
    """Which of loopback, lan and tunnel are open."""


@dataclass(slots=True)
class Parts:
    """What outlives the building."""

    state: State
    wake: LocalWakeBus
    fanout: LocalFanout
    following: Following
    shards: LocalShards
    reaper: Reaper
    owner: Owner
    sockets: Sockets
    throttle: Throttle
    levels: ServiceLevels
    listener: Listener
    """Hears what happens."""
    sight: Sight
    operations: Operations
    tracing: Tracing


async def build(
    settings: GatewaySettings,
    clock: Clock,
    chance: Randomness,
    vault: Vault,
    identity: Identity,
    control: Control,
    people: People,
    care: AuditCare,
    address: str,
    minutes: Minutes,
    tracing: Tracing,
    program: Program,
) -> Parts:
    """All objects, loaded from the data folder, with nothing running and nobody listening."""
    audit = care.audit
    state = State(PublicOrigins(settings.public_origins if settings.tunnel else ()))
    wake = LocalWakeBus()
    fanout = LocalFanout()
    delays, attempts, presence = StartDelays(clock), Attempts(clock), Presence(clock)
    endpoint = Endpoint(program.endpoint, audit)
    sources = Sources(control)
    await sources.load()
    capacity = Capacity(presence, attempts, clock)
    # The levels look at shards whose commits they hear of.
    heard = hearing(clock, minutes, lambda: looking.look(), lambda: state.listening, sources.name_of)  # noqa: PLW0108
    levels, listener = heard.levels, heard.everyone
    # The pulse tells the reaper of deadlines, and the reaper opens shards whose commits the pulse hears.
    pulse = Pulse(
        fanout,
        wake,
        delays,
        attempts,
        lambda engine, in_us: reaper.falls_due(engine, in_us),  # noqa: PLW0108
        listener,
        tracing.jobs,
        lambda engine, model: wanted.offers.provider(engine, model),  # noqa: PLW0108 - made below
    )
    kept = store_limits(settings, chance.uniform)
    shards = LocalShards(settings.data / "shards", control, kept, clock, chance.token_bytes, pulse.committed, settings.open_shards)
    looking = Looking(shards, capacity)
    watch_sleep = SleepWatch(clock, round(limits.SUSPEND_NOTICED_S * SECOND))
    reaper = Reaper(shards, sources, clock, watch_sleep, settings.heartbeat_grace_ms * MILLISECOND, listener)
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
    throttle = Throttle(clock, policies(settings), capacity.announced_slots, capacity.per_second)
    machine = Machine(settings.data, clock)
    admitting = admission(settings, delays, capacity, machine.free)
    sharing = Sharing(control, sources, audit, clock, sessions.users, sessions.is_owner, wake.news)
    await sharing.load()
    enrolment = Enrolment(control.installations, tokens, sources, audit, clock, chance.token_bytes)
    wanted = await work(control, shards, sources, sharing, sessions, presence, audit, clock, chance.token_bytes, fanout)
    shares = Shares(wake, lambda engine: rollouts.percent(engine), chance.uniform)  # noqa: PLW0108 - made below
    rollouts = Rollouts(control.rollouts, sources, presence, attempts, shares, wake, audit, clock, settings.canary_percent)
    await rollouts.load()
    drain = Drain(
        pauses=control.pauses,
        sources=sources,
        sharing=sharing,
        presence=presence,
        attempts=attempts,
        directory=shards,
        wake=wake,
        audit=audit,
        clock=clock,
        publish=lambda event: fanout.publish(CONTROL, event),
        rotates=tokens.told_to_rotate,
        rollouts=rollouts,
    )
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
        describe=lambda: (VERSION, identity.gateway_id, encoded(identity.key.public), address),
        drain=drain,
        rollouts=rollouts,
        levels=levels,
        remote_address=lambda: endpoint.origin(state.public) if settings.accept_remote_engines else None,
        public_origin=lambda: endpoint.origin(state.public),
        endpoint=endpoint.view,
    )

    async def engine(engine_id: str | None, token: str | None) -> EngineCaller:
        caller = await tokens.authenticate(engine_id, token)
        throttle.engine(caller.engine)
        return caller

    refusals = partial(note_refusals, audit)
    scenery = Scenery(
        version=VERSION,
        sources=sources,
        shards=shards,
        looking=looking,
        capacity=capacity,
        delays=delays,
        levels=levels,
        drain=drain,
        audit_care=care,
        vault=vault,
        free=machine.free,
        ready=lambda: state.listening,
        listeners=lambda: state.listeners,
        sockets=lambda: sockets.count,
    )
    sight = Sight(heard.meters, scenery, MetricsAccess(control.metrics_tokens, audit, clock, chance.token_bytes))
    await sight.access.load()
    jobs = acts(wanted, control, shards, sources, sharing, presence, people, admitting, drain, fanout, clock, listener)
    operations = Operations(
        submit=jobs.submit,
        watch=jobs.watch,
        change=jobs.change,
        all_jobs=AllJobs(shards, sources, jobs.watch, jobs.change, audit, sessions.users),
        claiming=Claiming(
            directory=shards,
            presence=presence,
            wake=wake,
            clock=clock,
            lease_ms=settings.lease_ms,
            directive=drain.directive,
            stands=tokens.stands,
            whitelist_version=sharing.whitelist_version,
            note_refusals=refusals,
            attempts=attempts,
            shares=shares,
            is_canary=rollouts.is_canary,
            spans=tracing.jobs,
            listener=listener,
            grants=wanted.kinds.granted,
            offer_wanted=wanted.offers.wanted,
        ),
        reporting=Reporting(shards, presence, settings.lease_ms, drain.directive, refusals, delays, tracing.jobs, listener),
        tokens=tokens,
        enrolment=enrolment,
        sharing=sharing,
        engines=Engines(owner, tokens, enrolment, sharing, sources, presence, shards, wake, audit, clock),
        signin=SignIn(challenges, sessions, pairing, audit),
        pairing=pairing,
        sessions=sessions,
        approvals=Approvals(challenges, audit),
        handover=Handover(settings.data, audit, snapshot, program.hand_over),
        around=Around(program, audit),
        endpoint=endpoint,
        public=state.public,
        household=Household(
            sessions, pairing, identity.key.public, settings.gui_origins[0] if settings.gui_origins else "", wanted.budgets
        ),
        admin_tokens=AdminTokens(
            Tokens(ADMIN, ring_of_this_process(clock.now().wall, chance.token_bytes), identity.gateway_id), audit, clock, chance.token_bytes
        ),
        ring=ring,
        owner=owner,
        levels=levels,
        audit=audit,
        audit_care=care,
        drain=drain,
        rollouts=rollouts,
        public_status=PublicView(
            VERSION, sources, presence, shards, delays, attempts, drain, clock, settings.hard_cap, settings.admission_max_wait_s
        ),
        kinds=wanted.kinds,
        api_keys=wanted.api_keys,
        face=jobs.face,
        metrics_access=sight.access,
        metrics_page=sight.page,
        throttle_user=throttle.user,
        throttle_submits=throttle.submits,
        check_engine=engine,
        ready=lambda: state.listening,
    )
    sockets = Sockets(
        _authenticate_socket(sessions, clock),
        clock,
        SocketLimits(connect_s=settings.header_deadline_s),
        socket_refusals(throttle, listener),
    )
    fanout.listen(sockets.publish)
    return Parts(
        state,
        wake,
        fanout,
        wanted.following,
        shards,
        reaper,
        owner,
        sockets,
        throttle,
        levels,
        listener,
        sight,
        operations,
        tracing,
    )


def _authenticate_socket(sessions: Sessions, clock: Clock) -> Callable[[Mapping[str, Any], str], tuple[Principal, float]]:
    def authenticate(auth: Mapping[str, Any], origin: str) -> tuple[Principal, float]:
        token, proof = (auth.get(name) for name in ("token", "dpop"))
        request = Request("GET", f"{origin}{SOCKET_PATH}/", proof if isinstance(proof, str) else None)
        principal, _ = sessions.authenticate(token if isinstance(token, str) else "", request)
        return principal, principal.expires_at - clock.now().wall / SECOND

    return authenticate
