"""Which instances serve which engine, and what each was told. In memory: it is heard anew with every claim."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from contract import limits
from contract.engine_link import Announce, InstanceStats
from contract.words import Directive
from gateway.rules.engine_tokens import EngineCaller
from gateway.rules.presence import InstanceState, instance_state
from kit.clock import MILLISECOND, SECOND, Clock
from kit.logs import Log

log = Log("presence")
SHOWN_FOR_US = 300 * SECOND
FORGET_AFTER_US = 24 * 3600 * SECOND


@dataclass(slots=True)
class Instance:
    """One process that serves an engine."""

    id: str
    engine: str
    installation: str
    """The id of the one whose token it calls with."""
    announce: Announce
    seen: int
    """Steady time of its latest call."""
    claimed: int = 0
    """Steady time of its latest claim."""
    wait_us: int = 0
    """How long that was to wait."""
    stats: InstanceStats | None = None
    """What its latest heartbeat told."""
    state: InstanceState = InstanceState.UP
    """As of its latest heartbeat."""
    busy: int = 0
    told: frozenset[bytes] = frozenset()
    """Cancels and losses it has been told of, so that a long poll is not ended by the same news again."""
    directive: Directive | None = Directive.RUN
    """The directive it was told last; None when nobody knows whether that arrived."""
    whitelist: int = 0
    """The version of the whitelist it was told of last."""
    offer: str | None = None
    """The version of the offer that it was asked for last."""
    answered: str = ""
    """The attempt of the claim that was answered last: when it comes again, that answer was lost."""

    def asks(self, attempt: str) -> None:
        """It claims: what it was told in an answer that was lost is told again."""
        if attempt == self.answered:
            self.directive, self.whitelist, self.offer, self.told = None, 0, None, frozenset()


@dataclass(slots=True)
class Presence:
    """The instances heard since the start."""

    clock: Clock
    _instances: dict[str, Instance] = field(default_factory=dict)

    def announced(self, caller: EngineCaller, instance: str, announce: Announce, wait_ms: int = limits.CLAIM_WAIT_MAX_MS) -> Instance:
        """An instance claimed, and would wait for so long."""
        now = self.clock.now().steady
        known = self._instances.get(instance)
        if known is None or (known.engine, known.installation) != (caller.engine, caller.installation):
            self._forget(now)
            known = self._instances[instance] = Instance(instance, caller.engine, caller.installation, announce, now)
        known.announce = announce
        known.seen = known.claimed = now
        known.wait_us = wait_ms * MILLISECOND
        return known

    def beat(self, engine: str, instance: str, stats: InstanceStats) -> Instance | None:
        """An instance sent its heartbeat; None when it has not claimed yet."""
        known = self._instances.get(instance)
        if known is None or known.engine != engine:
            return None
        known.seen = self.clock.now().steady
        known.busy = stats.busy
        known.stats = stats
        before, known.state = known.state, self.state(known)
        if known.state is InstanceState.DEAF is not before:
            log.warning("engine.deaf", engine_id=engine, instance=instance)
        return known

    def find(self, engine: str, instance: str) -> Instance | None:
        """One instance of an engine."""
        known = self._instances.get(instance)
        return known if known is not None and known.engine == engine else None

    def of(self, engine: str) -> list[Instance]:
        """Instances of an engine, up or not."""
        return [instance for instance in self._instances.values() if instance.engine == engine]

    def up(self, engine: str) -> list[Instance]:
        """Instances of an engine heard lately."""
        return [instance for instance in self.of(engine) if self.state(instance) is not InstanceState.SILENT]

    def lately(self, engine: str) -> list[Instance]:
        """Instances of an engine heard within five minutes."""
        now = self.clock.now().steady
        return [instance for instance in self.of(engine) if now - instance.seen <= SHOWN_FOR_US]

    def state(self, instance: Instance) -> InstanceState:
        """How an instance is now."""
        now = self.clock.now().steady
        return instance_state(now, seen=instance.seen, claimed=instance.claimed, wait_us=instance.wait_us)

    def part(self, instance: Instance) -> float:
        """The slots of an instance among those of its engine that are up, 0..1."""
        slots = sum(one.announce.slots for one in self.up(instance.engine))
        return instance.announce.slots / slots if slots else 0.0

    def engines(self) -> set[str]:
        """Engines with instances heard since the start, up or not."""
        return {instance.engine for instance in self._instances.values()}

    def busy(self, instance: str, leases: int) -> None:
        """A claim tells how many jobs its instance holds."""
        known = self._instances.get(instance)
        if known is not None:
            known.busy = leases

    def seconds_since_seen(self, instance: Instance) -> float:
        """How long an instance has been silent."""
        return (self.clock.now().steady - instance.seen) / SECOND

    def _forget(self, now: int) -> None:
        for instance in [i for i in self._instances.values() if now - i.seen > FORGET_AFTER_US]:
            del self._instances[instance.id]


def news(instance: Instance, pending: Iterable[bytes]) -> bool:
    """Note what is being told; True when some of it is new to the instance."""
    pending = frozenset(pending)
    fresh = not pending <= instance.told
    instance.told = pending
    return fresh
