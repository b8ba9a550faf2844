"""What engines can serve: the slots that are up, and how long attempts were measured to hold one."""

from dataclasses import dataclass, field

from contract.words import Directive
from gateway.operations.attempts import Attempts
from gateway.operations.presence import Instance, Presence
from gateway.rules.presence import InstanceState
from kit.clock import SECOND, Clock


@dataclass(slots=True)
class Capacity:
    """Measured anew, at most a second old."""

    presence: Presence
    attempts: Attempts
    clock: Clock
    _in_all: tuple[int, float | None] | None = field(default=None)

    def slots(self, engine: str) -> int:
        """Slots of an engine's instances that take work: up, not deaf, and not told to drain or stop."""
        return sum(instance.announce.slots for instance in self.presence.of(engine) if self._takes_work(instance))

    def _takes_work(self, instance: Instance) -> bool:
        return self.presence.state(instance) is InstanceState.UP and instance.directive not in {Directive.DRAIN, Directive.STOP}

    def announced_slots(self, engine: str) -> int:
        """Slots of an engine's instances that are up, whatever they are told: those that drain still have much to report."""
        return sum(instance.announce.slots for instance in self.presence.up(engine))

    def slots_in_all(self) -> int:
        """Slots of all instances that are up."""
        return sum(self.slots(engine) for engine in self.presence.engines())

    def mean_service_s(self, engine: str) -> float | None:
        """See `Attempts.mean_service_s`."""
        return self.attempts.mean_service_s(engine)

    def per_second(self) -> float | None:
        """Jobs that all engines together can serve in a second; None while nothing was measured on one that is up."""
        now = self.clock.now().steady
        if self._in_all is None or now - self._in_all[0] >= SECOND:
            self._in_all = now, self._sum()
        return self._in_all[1]

    def _sum(self) -> float | None:
        rates = []
        for engine in self.presence.engines():
            slots, mean = self.slots(engine), self.mean_service_s(engine)
            if slots and mean:
                rates.append(slots / mean)
        return sum(rates) if rates else None
