"""The composition root of the engine: builds every object, owns every lifetime."""

import asyncio
import contextlib
import hashlib
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.engine_link import InstanceStats, Lease, QueueNews, ScalingChange
from contract.offers import OfferedKind
from contract.version import VERSION
from engine.link.client import open_link
from engine.providers.keys import SecretGetter, no_secrets
from engine.providers.registry import open_models
from engine.rules.autoscale import scaling_limits
from engine.rules.kinds import Kind
from engine.rules.leases import LeaseBook
from engine.rules.meter import Meter
from engine.rules.toolbox import Toolbox
from engine.runtime.appends import Appends
from engine.runtime.autoscaler import Autoscaler
from engine.runtime.claimer import Claimer
from engine.runtime.credential import Credential
from engine.runtime.heart import Heart
from engine.runtime.job import Stop
from engine.runtime.lanes import Lanes
from engine.runtime.offering import Offering
from engine.runtime.output import Output
from engine.runtime.reporter import Reporter
from engine.runtime.seam import LinkOpener, TokenKeeper
from engine.runtime.slots import Slots
from engine.runtime.timeline import Tracing
from engine.runtime.whitelist import Whitelist
from engine.settings import EngineSettings
from engine.store.spool import open_spool
from engine.tools.registry import kinds
from engine.tools.toolbox import open_tools
from kit.backoff import Backoff
from kit.clock import SECOND, Clock, SystemClock
from kit.logs import Log
from kit.spans import Service, open_spans
from kit.tasks import crew, first_of
from kit.vault import FolderSecrets, Vault

log = Log("engine")
QUEUE_NEWS_BEATS = 2.5
"""For how many heartbeats the gateway's word on the queue counts."""
SETTLE_S = 5.0
"""How long a stop waits for the gateway to acknowledge; the spool keeps the rest."""


@dataclass(slots=True)
class Randomness:
    """Where chance comes from; tests hand in their own."""

    token_bytes: Callable[[int], bytes] = secrets.token_bytes
    uniform: Callable[[], float] = random.random

    def new_id(self) -> str:
        """128 random bits as hex."""
        return self.token_bytes(16).hex()


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain went."""

    given_back: int
    """Jobs that did not finish in time."""
    spooled: int
    """Reports that wait for the gateway."""


class Engine:
    """A running engine."""

    def __init__(self, instance: str, slots: Slots, claimer: Claimer, reporter: Reporter, book: LeaseBook, autoscaler: Autoscaler) -> None:
        self.instance = instance
        self._slots = slots
        self._autoscaler = autoscaler
        self._claimer = claimer
        self._reporter = reporter
        self._book = book
        self._hurry = asyncio.Event()

    @property
    def slots(self) -> int:
        """Jobs that may run at once."""
        return self._slots.count

    @property
    def busy(self) -> int:
        """Jobs that run now."""
        return self._slots.busy

    @property
    def changes(self) -> tuple[ScalingChange, ...]:
        """The latest changes of the number of slots, oldest first."""
        return self._autoscaler.changes

    @property
    def automatic(self) -> bool:
        """The number of slots is chosen by what is measured."""
        return self._autoscaler.shown.automatic

    @property
    def paused(self) -> bool:
        """It takes no jobs; they wait in the queue."""
        return not self._claimer.accepting

    def set_slots(self, count: int | None) -> None:
        """Run so many jobs at once; None chooses the number by what is measured."""
        if count is None:
            self._autoscaler.choose()
        else:
            self._autoscaler.fix(count)

    def pause(self, paused: bool) -> None:
        """Take no jobs, or take them again. What runs goes on."""
        self._claimer.accept(not paused, self._slots)

    async def connected(self) -> None:
        """Wait until the gateway has answered a claim."""
        await self._claimer.connected.wait()

    async def ended(self) -> None:
        """Wait until the gateway tells this instance to stop."""
        await self._claimer.stopped.wait()

    def hurry(self) -> None:
        """End a drain's waiting: give back now."""
        self._hurry.set()

    async def drained(self, deadline_s: float) -> Drained:
        """Take no new jobs, let running ones finish within the deadline, give the rest back, and report it all."""
        self._claimer.accept(False, self._slots)
        # A claim that was on its way may have been granted jobs: they are finished too, not given back.
        await first_of(SETTLE_S, self._claimer.settled.wait(), self._hurry.wait())
        await first_of(deadline_s, self._slots.idle.wait(), self._hurry.wait())
        given_back = self._slots.stop_all(Stop.GIVE_BACK)
        await first_of(SETTLE_S, self._slots.idle.wait())  # a thread that will not end must not hold up the rest
        await self._reporter.send_riding()
        await self._reporter.all_settled(SETTLE_S)
        return Drained(given_back, len(self._book))


def open_vault(data: Path) -> Vault:
    """Where an enrolled engine keeps its token."""
    return Vault(FolderSecrets(data / "secrets"))


@contextlib.asynccontextmanager
async def running(
    settings: EngineSettings,
    keeper: TokenKeeper,
    *,
    clock: Clock | None = None,
    chance: Randomness | None = None,
    served: Mapping[str, Kind] | None = None,
    link_opener: LinkOpener | None = None,
    version: str = VERSION,
    secret: SecretGetter = no_secrets,
    toolbox: Toolbox | None = None,
) -> AsyncIterator[Engine]:
    """An engine for the length of the block. Leaving it without `drained` abandons what runs: the leases run out.

    `served` and `toolbox` stand in for the kinds and tools that the settings switch on; `secret` gives what the owner keeps in the
    secret store, by its name there.

    Raises:
        TokenRefused: the keeper has no token, or cannot give it.
        SpoolInUse: another process of this engine runs on the same data folder.
        HeadersRefused: the file with the collector's headers cannot be used.
    """
    clock = clock or SystemClock()
    chance = chance or Randomness()
    credential = Credential(keeper, await keeper.read())
    opener = link_opener or (lambda: open_link(settings.gateway, settings.engine_id, credential))
    async with contextlib.AsyncExitStack() as stack:
        spool = await stack.enter_async_context(open_spool(settings.data / "engine" / settings.engine_id))
        link = await stack.enter_async_context(opener())
        instance = chance.new_id()
        spans = await stack.enter_async_context(open_spans(settings.otlp, Service("flowork-engine", version, instance)))
        backoff = Backoff(settings.backoff_base_s, settings.backoff_cap_s)
        book = LeaseBook()
        whitelist = Whitelist(link, backoff, chance.uniform)
        reporter = Reporter(link, spool, book, backoff, chance.uniform)
        news = asyncio.Event()  # set when slots, models or tools change: the outstanding claim asks, or announces, something else
        owners = await stack.enter_async_context(
            open_tools(settings.mcp, settings.commands, _tool_secret(secret), news.set, _mark(settings))
        )
        tools = toolbox or owners
        models = await stack.enter_async_context(open_models(settings, secret, clock, chance.uniform))
        known = {**kinds(settings, owners), **models.kinds(tools)} if served is None else served
        offered = [OfferedKind(name=kind.name, title=kind.title, payload=kind.payload) for kind in known.values()]
        offering = Offering(link, offered, lambda: models.offered, tools.offered)
        claimer = Claimer(
            link,
            instance,
            book,
            reporter,
            clock,
            backoff,
            chance.uniform,
            chance.new_id,
            settings.claim_wait_ms,
            version,
            settings.canary,
            offering,
        )
        after_tasks = await stack.enter_async_context(contextlib.AsyncExitStack())
        tasks = await stack.enter_async_context(crew())
        scaling = scaling_limits(settings)
        may_choose = scaling_limits(settings.model_copy(update={"slots": None}))
        appends = Appends(link, instance)
        tasks.start(appends.run(), "appends")
        meter = Meter(scaling.first, clock.now().steady, round(QUEUE_NEWS_BEATS * settings.heartbeat_s * SECOND))
        slots = Slots(
            scaling.first,
            known,
            book,
            reporter,
            Lanes(settings.cpu_processes),
            clock,
            _output_maker(appends, instance, backoff, chance),
            tasks,
            lambda: claimer.saturated,
            whitelist,
            meter,
            max(scaling.most, may_choose.most),
            Tracing(clock, spans, chance.token_bytes),
            news,
        )
        autoscaler = Autoscaler(
            slots, meter, clock, scaling, settings.scaling_window_s, automatic=settings.slots is None, chosen=may_choose
        )
        after_tasks.push_async_callback(slots.close)  # a process killed under a running job would count as its failure
        loop = asyncio.get_running_loop()

        def told(let_go: Sequence[str], cancel: Sequence[str]) -> None:
            loop.call_soon_threadsafe(slots.stop, let_go, Stop.LET_GO)
            loop.call_soon_threadsafe(slots.stop, cancel, Stop.CANCEL)

        def queue(news: QueueNews) -> None:
            loop.call_soon_threadsafe(autoscaler.told, news)

        heart = Heart(opener, instance, book, clock, settings.heartbeat_s, lambda: _stats(slots, book, autoscaler), told, queue)
        heart.start()
        stack.push_async_callback(heart.stop)
        tasks.start(credential.run(link), "token")
        tasks.start(whitelist.run(), "whitelist")
        tasks.start(autoscaler.run(), "autoscaler")
        tasks.start(offering.run(), "offer")
        tasks.start(models.run(news.set), "models")
        tasks.start(_serve(reporter, claimer, slots), "claims")
        log.info("engine.started", engine_id=settings.engine_id, instance=instance, slots=slots.count, kinds=slots.kinds)
        yield Engine(instance, slots, claimer, reporter, book, autoscaler)


async def _serve(reporter: Reporter, claimer: Claimer, slots: Slots) -> None:
    await reporter.send_left_over()
    await slots.whitelist.begin()
    await claimer.run(slots)


def _mark(settings: EngineSettings) -> str:
    """Of what this engine starts: the spool's lock says that no other process of this engine runs on this data folder."""
    return hashlib.sha256(f"{settings.data.resolve()}\0{settings.engine_id}".encode()).hexdigest()[:16]


def _tool_secret(secret: SecretGetter) -> SecretGetter:
    """Secrets of tools are apart from all others: no setting of a tool reaches the rest of the store."""

    async def of_tools(name: str) -> str | None:
        return await secret(f"tool.{name}")

    return of_tools


def _stats(slots: Slots, book: LeaseBook, autoscaler: Autoscaler) -> InstanceStats:
    return InstanceStats(slots=slots.count, busy=slots.busy, spooled=len(book) - book.running(), scaling=autoscaler.shown)


def _output_maker(appends: Appends, instance: str, backoff: Backoff, chance: Randomness) -> Callable[[Lease, Callable[[], bool]], Output]:
    return lambda lease, may_act: Output(appends, instance, lease, may_act, backoff, chance.uniform)
