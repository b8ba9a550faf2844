"""The leases an engine holds, and when it must let go (protocol §5).

The engine lets go at 80 % of an unrenewed lease, counted on a clock that runs on during suspend, from a moment that is
surely not later than the grant. So it has stopped before the gateway hands the job to somebody else.
"""

import threading
from dataclasses import dataclass, replace

from contract import limits
from contract.engine_link import Held, Lease
from kit.clock import MILLISECOND


@dataclass(frozen=True, slots=True)
class HeldJob:
    """One lease in the engine's hands."""

    lease: Lease
    let_go_at: int
    """Steady microseconds."""
    ended: bool = False
    """True once its report is spooled: nothing runs any more, only the acknowledgement is missing."""


def let_go_at(sent_at: int, lease_ms: int) -> int:
    """When a lease that was asked for at `sent_at` must be let go."""
    return sent_at + round(lease_ms * MILLISECOND * limits.LET_GO_AT)


class LeaseBook:
    """The leases of one process. Read and written by the engine's loop and by the heartbeat's thread."""

    def __init__(self) -> None:
        self._jobs: dict[str, HeldJob] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._jobs)

    def granted(self, lease: Lease, sent_at: int) -> bool:
        """Enter a lease; False when this very lease is held already (a replayed claim)."""
        began = sent_at + lease.granted_after_ms * MILLISECOND
        with self._lock:
            known = self._jobs.get(lease.job)
            if known is not None and known.lease.token == lease.token:
                return False
            self._jobs[lease.job] = HeldJob(lease, let_go_at(began, lease.lease_ms))
            return True

    def renewed(self, job: str, lease_ms: int, sent_at: int) -> None:
        """A heartbeat sent at `sent_at` was answered."""
        with self._lock:
            held = self._jobs.get(job)
            if held is not None:
                self._jobs[job] = replace(held, let_go_at=max(held.let_go_at, let_go_at(sent_at, lease_ms)))

    def may_act(self, job: str, token: str, now: int) -> bool:
        """May this attempt still have an effect at steady time `now`?"""
        held = self._jobs.get(job)
        return held is not None and held.lease.token == token and now < held.let_go_at

    def ended(self, job: str, token: str) -> None:
        """The report of this attempt is spooled."""
        with self._lock:
            held = self._jobs.get(job)
            if held is not None and held.lease.token == token:
                self._jobs[job] = replace(held, ended=True)

    def forget(self, job: str, token: str) -> None:
        """Acknowledged, lost, or let go."""
        with self._lock:
            held = self._jobs.get(job)
            if held is not None and held.lease.token == token:
                del self._jobs[job]

    def lapsed(self, now: int) -> list[Lease]:
        """Running jobs that must be stopped at steady time `now`. A spooled report is sent all the same."""
        with self._lock:
            return [held.lease for held in self._jobs.values() if not held.ended and now >= held.let_go_at]

    def held(self) -> list[Held]:
        """Everything not yet acknowledged, for claims and heartbeats."""
        with self._lock:
            return [Held(job=job, token=held.lease.token) for job, held in self._jobs.items()]

    def running(self) -> int:
        """Jobs that are not ended."""
        with self._lock:
            return sum(not held.ended for held in self._jobs.values())
