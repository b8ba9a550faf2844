"""What the admission rule measures against: the owner's settings, and what was measured lately."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from contract.errors import DiskLow, FloworkError, MemoryLow, QueueDraining, QueueFull, QueueShareFull, QueueSlow
from gateway.operations.capacity import Capacity
from gateway.operations.pulse import StartDelays
from gateway.rules.admission import AdmissionLimits, Reason, Reject
from gateway.settings import GatewaySettings
from kit.machine import Free

REFUSALS: Final[dict[str, type[FloworkError]]] = {
    Reason.DRAINING: QueueDraining,
    Reason.FULL: QueueFull,
    Reason.SHARE: QueueShareFull,
    Reason.SLOW: QueueSlow,
    Reason.MEMORY: MemoryLow,
    Reason.DISK: DiskLow,
}


@dataclass(slots=True)
class Admission:
    """The limits of each engine's queue, as they are just now."""

    hard_cap: int
    user_share: float
    max_wait_s: float
    memory_free_min: int
    disk_free_min: int
    drained_per_s: Callable[[str], float | None]
    pace_per_s: Callable[[str], float | None]
    capacity: Capacity
    free: Callable[[], Free]

    def limits(self, engine: str, *, draining: bool) -> AdmissionLimits:
        """Of one engine."""
        guarded = self.memory_free_min > 0 or self.disk_free_min > 0
        free = self.free() if guarded else Free(0, 0)
        return AdmissionLimits(
            hard_cap=self.hard_cap,
            drained_per_s=self.drained_per_s(engine),
            draining=draining,
            user_share=self.user_share,
            max_wait_s=self.max_wait_s,
            slots=self.capacity.slots(engine),
            mean_service_s=self.capacity.mean_service_s(engine),
            pace_per_s=self.pace_per_s(engine),
            memory_low=free.memory < self.memory_free_min,
            disk_low=free.disk < self.disk_free_min,
        )


def admission(settings: GatewaySettings, delays: StartDelays, capacity: Capacity, free: Callable[[], Free]) -> Admission:
    """What the owner set."""
    return Admission(
        hard_cap=settings.hard_cap,
        user_share=settings.user_share,
        max_wait_s=settings.admission_max_wait_s,
        memory_free_min=settings.memory_free_min_bytes,
        disk_free_min=settings.disk_free_min_bytes,
        drained_per_s=delays.per_second,
        pace_per_s=delays.pace_per_s,
        capacity=capacity,
        free=free,
    )


def refusal(rejected: Reject) -> FloworkError:
    """What a submitter is told."""
    return REFUSALS[rejected.reason](retry_after_s=rejected.retry_after_s)
