"""Drain: who takes no new jobs, and which processes are told to stop (architecture, idea 7).

What is wanted of the gateway and of instances is forgotten with the process; what is wanted of an engine is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from contract.drain import Drains, DrainTarget, EngineDrain, InstanceDrain
from contract.errors import FloworkError, InstanceUnknown, QueueDraining, ServerDraining, ShardUnavailable
from contract.words import Directive, DrainState
from gateway.operations.attempts import Attempts
from gateway.operations.audit import Audit
from gateway.operations.presence import Instance, Presence
from gateway.operations.rollout import Rollouts
from gateway.operations.sharing import Sharing
from gateway.operations.sources import Sources
from gateway.operations.wake import WakeBus
from gateway.rules.drain import OF_STATE, strictest, strictest_state
from gateway.rules.engine_tokens import EngineCaller
from gateway.store.control import EngineRow
from gateway.store.directory import ShardDirectory
from gateway.store.rollouts import Pauses
from gateway.store.seam import StoredEvent
from kit.clock import Clock

_RUNS = frozenset[str]()


@dataclass(slots=True)
class Drain:
    """The owner's word on the gateway, on engines and on instances; the routes say who the owner is.

    An engine or gateway that is told to stop drains, and the instances that are known then are told to stop. Those that
    start later are told to drain only: a supervisor that starts them anew would otherwise have nothing else to do.
    """

    pauses: Pauses
    sources: Sources
    sharing: Sharing
    presence: Presence
    attempts: Attempts
    directory: ShardDirectory
    wake: WakeBus
    audit: Audit
    clock: Clock
    publish: Callable[[StoredEvent], None]
    rotates: Callable[[EngineCaller], bool]
    """Should this caller be told to rotate its token?"""
    rollouts: Rollouts
    gateway: DrainState = DrainState.RUN
    _instances: dict[str, DrainState] = field(default_factory=dict)
    _stopped: dict[str | None, frozenset[str]] = field(default_factory=dict)
    """By engine, or None for the gateway: the instances that were told to stop with it."""

    def directive(self, caller: EngineCaller, instance: str) -> Directive:
        """What an instance is told: stop, drain, rotate or run, the strictest of what is wanted."""
        wanted = [OF_STATE[self._state(caller.engine, instance)]]
        known = self.presence.find(caller.engine, instance)
        if known is not None:
            wanted.append(self.rollouts.directive(known))
        if self.rotates(caller):
            wanted.append(Directive.ROTATE)
        return strictest(wanted)

    def draining(self, engine: str) -> type[FloworkError] | None:
        """Why an engine takes no new jobs; None when it does."""
        if self.gateway is not DrainState.RUN:
            return ServerDraining
        return None if self.engine_state(engine) is DrainState.RUN else QueueDraining

    def engine_state(self, engine: str) -> DrainState:
        """What is wanted of an engine itself."""
        if not self.sources.engine(engine).paused:
            return DrainState.RUN
        return DrainState.STOP if engine in self._stopped else DrainState.DRAIN

    def instance_state(self, instance: Instance) -> DrainState:
        """What is wanted of an instance, by whatever it belongs to."""
        told = {Directive.DRAIN: DrainState.DRAIN, Directive.STOP: DrainState.STOP}.get(self.rollouts.directive(instance), DrainState.RUN)
        return strictest_state([self._state(instance.engine, instance.id), told])

    def shut(self) -> None:
        """The process is about to stop: take no new jobs, and tell every engine to finish what it holds."""
        self.gateway = DrainState.DRAIN
        self.wake.news(None)

    async def change(self, target: DrainTarget, state: DrainState, actor: str) -> None:
        """Let something run, drain, or drain and stop.

        Raises:
            EngineUnknown, InstanceUnknown, AuditUnavailable, StorageFull, StorageFailed: nothing has changed then.
        """
        instance = None if target.instance is None else self._find(target.instance)
        engine = self.sources.engine(target.engine) if target.engine is not None else None
        if instance is not None:
            engine = self.sources.engine(instance.engine)
        told = "gateway" if engine is None else engine.id
        detail = {} if instance is None else {"instance": instance.id}
        await self.audit.note("drain.change", actor, told, state=state, **detail)
        events = await self._keep(engine, instance, state)
        if instance is not None:
            self._instances[instance.id] = state
            if state is DrainState.RUN:
                self.rollouts.resumed(instance.id)
        elif engine is not None:
            await self.sources.engines_changed()
            self._stop_known(engine.id, state)
        else:
            self.gateway = state
            self._stop_known(None, state)
        self.wake.news(None if engine is None else engine.id)
        for event in events:
            self.publish(event)

    async def view(self) -> Drains:
        """Everything, for the owner."""
        return await self._view(self.sources.engines(), with_instances=True)

    async def view_for(self, user: str) -> Drains:
        """The gateway, and the engines on which a user has a role."""
        return await self._view(self.sharing.engines_of(user), with_instances=False)

    async def _keep(self, engine: EngineRow | None, instance: Instance | None, state: DrainState) -> list[StoredEvent]:
        data = {
            "engine": None if engine is None else engine.id,
            "name": None if engine is None else engine.name,
            "instance": None if instance is None else instance.id,
            "state": str(state),
        }
        kept = None if engine is None or instance is not None else engine.id
        users = self.sharing.users_of(None if engine is None else engine.id)
        return await self.pauses.pause(kept, state is not DrainState.RUN, users, self.clock.now().wall, data)

    def _stop_known(self, engine: str | None, state: DrainState) -> None:
        self._stopped.pop(engine, None)
        if state is DrainState.STOP:
            engines = [row.id for row in self.sources.engines()] if engine is None else [engine]
            self._stopped[engine] = frozenset(known.id for each in engines for known in self.presence.of(each))

    def _state(self, engine: str, instance: str) -> DrainState:
        own = self._instances.get(instance, DrainState.RUN)
        of_engine = self._within(engine, self.engine_state(engine), instance)
        return strictest_state([own, of_engine, self._within(None, self.gateway, instance)])

    def _within(self, whole: str | None, state: DrainState, instance: str) -> DrainState:
        """What a state of a whole means for one instance."""
        if state is DrainState.STOP and instance not in self._stopped.get(whole, _RUNS):
            return DrainState.DRAIN
        return state

    def _find(self, beginning: str) -> Instance:
        found = [known for row in self.sources.engines() for known in self.presence.of(row.id) if known.id.startswith(beginning)]
        if len(found) != 1:
            raise InstanceUnknown(f"{len(found)} instances begin with {beginning}. Give more of the id." if found else None)
        return found[0]

    async def _view(self, rows: list[EngineRow], *, with_instances: bool) -> Drains:
        engines = [await self._engine(row, with_instances=with_instances) for row in rows]
        return Drains(gateway=self.gateway, running=sum(engine.running for engine in engines), engines=engines)

    async def _engine(self, row: EngineRow, *, with_instances: bool) -> EngineDrain:
        running = 0
        try:
            async with self.directory.use(row.id) as store:
                running = (await store.load()).running
        except ShardUnavailable:
            pass  # nothing can run from a queue that cannot be opened
        instances = [
            InstanceDrain(
                instance=known.id,
                state=self.instance_state(known),
                # What it says of itself is as old as its last call; what it was handed since is known here.
                running=max(known.busy, self.attempts.running(known.id)),
            )
            for known in self.presence.up(row.id)
        ]
        state = self.engine_state(row.id)
        return EngineDrain(id=row.id, name=row.name, state=state, running=running, instances=instances if with_instances else [])
