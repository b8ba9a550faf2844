"""Rollouts: a new version gets a share of an engine's jobs, and then all of them, or none."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contract.drain import RolloutView, SideView
from contract.errors import AuditUnavailable, RolloutConflict, StorageFailed, StorageFull
from contract.words import Directive
from gateway.operations.attempts import Attempts
from gateway.operations.audit import Audit
from gateway.operations.presence import Instance, Presence
from gateway.operations.shares import Shares
from gateway.operations.sources import Sources
from gateway.operations.wake import WakeBus
from gateway.rules import rollout as rules
from gateway.rules.rollout import Margins, Rollout, RolloutState
from gateway.store.rollouts import Rollouts as Store
from kit.clock import Clock, rfc3339
from kit.logs import Log
from kit.percentiles import percentile

log = Log("rollout")
JUDGE_EVERY_S = 2.0


@dataclass(slots=True)
class Rollouts:
    """A cache over control.db, and the acts of the owner and of the watch."""

    store: Store
    sources: Sources
    presence: Presence
    attempts: Attempts
    shares: Shares
    wake: WakeBus
    audit: Audit
    clock: Clock
    default_percent: int
    margins: Margins = field(default_factory=Margins)
    _known: dict[str, dict[str, Rollout]] = field(default_factory=dict)
    """By engine, then version; the latest start last."""
    _began: dict[str, int] = field(default_factory=dict)
    """Steady time of the running rollout's start; attempts of an earlier process are not known."""
    _stopped: set[str] = field(default_factory=set)
    """Instances that were told to stop, by a rollback or a promotion."""
    _runs: asyncio.Event = field(default_factory=asyncio.Event)

    async def load(self) -> None:
        """Read everything anew."""
        self._known = {}
        for rollout in await self.store.all():
            self._remember(rollout)

    def percent(self, engine: str) -> int:
        """Of an engine's shared grants, for canaries."""
        running = self._running(engine)
        return self.default_percent if running is None else running.percent

    def is_canary(self, instance: Instance) -> bool:
        """On which side an instance stands."""
        running, promoted = self._running(instance.engine), self._with(instance.engine, RolloutState.PROMOTED)
        announce = instance.announce
        return rules.is_canary(
            announce.version, announce.canary, None if running is None else running.version, None if promoted is None else promoted.version
        )

    def directive(self, instance: Instance) -> Directive:
        """What is wanted of an instance: one of a version that was rolled back gets nothing to do."""
        if instance.id in self._stopped:
            return Directive.STOP
        tried = self._known.get(instance.engine, {}).get(instance.announce.version)
        return Directive.DRAIN if tried is not None and tried.state is RolloutState.ROLLED_BACK else Directive.RUN

    async def start(self, id_or_name: str, version: str, percent: int | None, actor: str) -> RolloutView:
        """Try a version on the instances that announce it.

        Raises:
            EngineUnknown, AuditUnavailable. RolloutConflict: another one runs, or this version is the engine's already.
        """
        engine = self.sources.engine(id_or_name).id
        tried = self._known.get(engine, {}).get(version)
        if (running := self._running(engine)) is not None:
            raise RolloutConflict(f"The rollout of {running.version} runs. Promote it or roll it back first.")
        if tried is not None and tried.state is RolloutState.PROMOTED:
            raise RolloutConflict(f"{version} is this engine's version already.")
        share = self.default_percent if percent is None else percent
        await self.audit.note("rollout.start", actor, engine, version=version, percent=str(share))
        await self._keep(Rollout(engine, version, share, RolloutState.RUNNING, self.clock.now().wall))
        self._stopped -= {known.id for known in self.presence.of(engine) if known.announce.version == version}
        self.shares.begin(engine)
        self.wake.news(engine)
        return self.view(engine)

    async def promote(self, id_or_name: str, *, stop_old: bool, actor: str) -> RolloutView:
        """Make the version that is tried the engine's; with `stop_old` the instances of other versions are told to stop.

        Raises:
            EngineUnknown, AuditUnavailable. RolloutConflict: nothing is tried, and with `stop_old` nothing was promoted either.
        """
        engine = self.sources.engine(id_or_name).id
        running = self._running(engine)
        tried = running or (self._with(engine, RolloutState.PROMOTED) if stop_old else None)
        if tried is None:
            raise RolloutConflict("No rollout runs. flowork rollout start begins one.")
        await self.audit.note("rollout.promote", actor, engine, version=tried.version, stop_old=str(stop_old).lower())
        if running is not None:
            await self._keep(replace(running, state=RolloutState.PROMOTED, ended_at=self.clock.now().wall))
            log.info("rollout.promoted", engine_id=engine, version=running.version)
        if stop_old:
            self._stopped |= {known.id for known in self.presence.of(engine) if known.announce.version != tried.version}
        self.wake.news(engine)
        return self.view(engine)

    async def rollback(self, id_or_name: str, reason: str, actor: str) -> RolloutView:
        """End a rollout: canaries are told to stop, and instances of its version to drain, until it is rolled out anew.

        Raises:
            EngineUnknown, AuditUnavailable. RolloutConflict: none runs.
        """
        engine = self.sources.engine(id_or_name).id
        running = self._running(engine)
        if running is None:
            raise RolloutConflict("No rollout runs.")
        await self.audit.note("rollout.rollback", actor, engine, version=running.version, reason=reason)
        canaries = {known.id for known in self._side(engine, canary=True)}
        await self._keep(replace(running, state=RolloutState.ROLLED_BACK, ended_at=self.clock.now().wall, reason=reason))
        self._stopped |= canaries
        self.wake.news(engine)
        log.warning("rollout.rolled_back", engine_id=engine, version=running.version, reason=reason, instances=len(canaries))
        return self.view(engine)

    def resumed(self, instance: str) -> None:
        """The owner lets an instance run again that was told to stop."""
        self._stopped.discard(instance)

    def views(self) -> list[RolloutView]:
        """The latest rollout of every engine that had one."""
        return [self.view(row.id) for row in self.sources.engines() if row.id in self._known]

    def view(self, engine: str) -> RolloutView:
        """The latest rollout of an engine that had one."""
        rollout = list(self._known[engine].values())[-1]
        running = rollout.state is RolloutState.RUNNING
        ledger = self.shares.ledger(engine)
        return RolloutView(
            engine_id=engine,
            engine_name=self.sources.engine(engine).name,
            version=rollout.version,
            percent=rollout.percent,
            state=rollout.state,
            started_at=rfc3339(rollout.started_at),
            ended_at=None if rollout.ended_at is None else rfc3339(rollout.ended_at),
            reason=rollout.reason,
            counted=ledger.counted if running else 0,
            counted_canary=ledger.canaries if running else 0,
            canary=self._side_view(engine, canary=True) if running else None,
            rest=self._side_view(engine, canary=False) if running else None,
            other_versions={
                known.id: known.announce.version for known in self.presence.up(engine) if known.announce.version != rollout.version
            },
        )

    async def judge(self) -> None:
        """Roll back every rollout whose canaries are worse than the rest."""
        for engine in list(self._began):
            sides = [self._attempts(engine, self._side(engine, canary=canary)) for canary in (True, False)]
            reason = rules.judge(sides[0], sides[1], self.margins)
            if reason is not None:
                try:
                    await self.rollback(engine, reason, "gateway")
                except (AuditUnavailable, StorageFull, StorageFailed) as error:
                    log.error("rollout.not_rolled_back", engine_id=engine, code=error.code)  # the next round tries again

    async def run(self) -> None:
        """Judge for ever, while something is tried."""
        while True:
            await self._runs.wait()
            await asyncio.sleep(JUDGE_EVERY_S)
            await self.judge()

    def _side(self, engine: str, *, canary: bool) -> list[Instance]:
        return [known for known in self.presence.of(engine) if self.is_canary(known) is canary]

    def _attempts(self, engine: str, side: Iterable[Instance]) -> list[rules.Ended]:
        return list(self.attempts.of(engine, {known.id for known in side}, self._began[engine]))

    def _side_view(self, engine: str, *, canary: bool) -> SideView:
        side = self._side(engine, canary=canary)
        attempts = self._attempts(engine, side)
        times = sorted(attempt.service_s for attempt in attempts)
        return SideView(
            instances=[known.id for known in self.presence.up(engine) if known in side],
            attempts=len(attempts),
            failed=sum(attempt.failed for attempt in attempts),
            p95_ms=percentile(times, 0.95) * 1000 if times else None,
        )

    def _running(self, engine: str) -> Rollout | None:
        return self._with(engine, RolloutState.RUNNING)

    def _with(self, engine: str, state: RolloutState) -> Rollout | None:
        return next((rollout for rollout in self._known.get(engine, {}).values() if rollout.state is state), None)

    async def _keep(self, rollout: Rollout) -> None:
        await self.store.put(rollout)
        promoted = self._with(rollout.engine, RolloutState.PROMOTED)
        if promoted is not None and rollout.state is RolloutState.PROMOTED:
            self._known[rollout.engine][promoted.version] = replace(promoted, state=RolloutState.REPLACED)
        self._remember(rollout)

    def _remember(self, rollout: Rollout) -> None:
        of_engine = self._known.setdefault(rollout.engine, {})
        of_engine.pop(rollout.version, None)
        of_engine[rollout.version] = rollout
        if rollout.state is RolloutState.RUNNING:
            self._began[rollout.engine] = self.clock.now().steady
            self._runs.set()
        elif not any(each.state is RolloutState.RUNNING for each in of_engine.values()):
            self._began.pop(rollout.engine, None)
            if not self._began:
                self._runs.clear()
