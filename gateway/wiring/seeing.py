"""What sees: who hears the facts, what is looked at, and who may read of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.operations.metrics_access import MetricsAccess
from gateway.operations.scenery import Scenery
from gateway.operations.service_levels import Look, ServiceLevels, to_log
from gateway.operations.throttle import Throttle
from gateway.rules.throttle import Counted
from gateway.store.minutes import Minutes
from gateway.telemetry.meters import Meters
from gateway.telemetry.signals import Everyone, Listener
from kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Hearing:
    """Everyone who hears the facts."""

    levels: ServiceLevels
    meters: Meters
    everyone: Listener


def hearing(
    clock: Clock, minutes: Minutes, look: Callable[[], Awaitable[Look]], ready: Callable[[], bool], name_of: Callable[[str], str]
) -> Hearing:
    """Those who hear, before there is anything to be heard."""
    levels, meters = ServiceLevels(clock, minutes, look, ready, to_log), Meters(name_of)
    return Hearing(levels, meters, Everyone([levels, meters]))


def socket_refusals(throttle: Throttle, listener: Listener) -> Callable[[str, bool, str], None]:
    """What a socket's wrong credential leads to."""

    def refused(address: str, local: bool, code: str) -> None:
        throttle.ip_failed(address, local=local, counted=Counted.FULL)
        listener.auth_failed(code)

    return refused


@dataclass(frozen=True, slots=True)
class Sight:
    """The metrics, and who may read them."""

    meters: Meters
    scenery: Scenery
    access: MetricsAccess

    async def page(self, accept: str) -> tuple[bytes, str]:
        """See `Meters.page`."""
        return self.meters.page(await self.scenery.look(), accept)
