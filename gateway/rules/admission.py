"""May one more job enter a queue (protocol §4, ROADMAP §3)?"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

RETRY_AFTER_MAX_S = 900.0
RETRY_AFTER_UNKNOWN_S = 5.0


class Reason(StrEnum):
    """Why a job is kept out, in the order in which they are looked at."""

    DRAINING = "draining"
    FULL = "full"
    """As many jobs wait as may."""
    SHARE = "share"
    """As many of this user's jobs wait as one user may have there."""
    SLOW = "slow"
    """It would wait too long for a slot."""
    MEMORY = "memory"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Load:
    """A queue at one moment, as one more job of one user finds it; read in the transaction that would insert."""

    scheduled: int
    queued: int
    running: int
    ready: int = 0
    """Claimable now: queued, and not waiting for a retry."""
    users_ready: int = 0
    """Users who have such jobs."""
    own_waiting: int = 0
    """The user's scheduled and queued jobs."""
    own_ready: int = 0
    """Of these, claimable now."""
    later: bool = False
    """The job itself is not to run yet, so that what waits now does not matter to it."""

    def with_one_more(self) -> "Load":
        """After one job more of this user, claimable at once."""
        users = self.users_ready + (self.own_ready == 0)
        more = replace(self, queued=self.queued + 1, ready=self.ready + 1, users_ready=users)
        return replace(more, own_waiting=self.own_waiting + 1, own_ready=self.own_ready + 1)


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What the rule measures against."""

    hard_cap: int
    """Most jobs waiting (scheduled and queued)."""
    drained_per_s: float | None
    """Jobs leaving the queue each second, as measured lately; None while unknown."""
    draining: bool = False
    user_share: float = 1.0
    """Part of `hard_cap` that one user's jobs may take."""
    max_wait_s: float = math.inf
    """Longest expected wait for a slot."""
    slots: int = 0
    """Slots of instances that are up."""
    mean_service_s: float | None = None
    """How long an attempt holds a slot, as measured lately; None while unknown."""
    pace_per_s: float | None = None
    """Jobs begun each second while others waited, as measured in the last seconds; None while nobody has to wait."""
    memory_low: bool = False
    disk_low: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Let it in."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Keep it out; `retry_after_s` is when a place should be free."""

    reason: str
    retry_after_s: float


def decide(load: Load, limits: AdmissionLimits) -> Admit | Reject:
    """Judge one job against the load of its queue: the first reason that holds, in the order of `Reason`."""
    if limits.draining:
        return Reject(Reason.DRAINING, RETRY_AFTER_UNKNOWN_S)
    if (excess := load.scheduled + load.queued + 1 - limits.hard_cap) > 0:
        return Reject(Reason.FULL, _drained_after(excess, limits))
    # At least one: a share of a small cap keeps nobody out.
    if (excess := load.own_waiting + 1 - max(1, math.floor(limits.hard_cap * limits.user_share))) > 0:
        # Of the jobs that leave, every so-manieth is this user's.
        return Reject(Reason.SHARE, _drained_after(excess * max(1, load.users_ready), limits))
    wait = expected_wait_s(load, limits)
    if wait is not None and wait > limits.max_wait_s and not load.later:
        return Reject(Reason.SLOW, _whole(wait - limits.max_wait_s))  # a queue that nobody adds to gets a second shorter each second
    if limits.memory_low:
        return Reject(Reason.MEMORY, RETRY_AFTER_UNKNOWN_S)
    if limits.disk_low:
        return Reject(Reason.DISK, RETRY_AFTER_UNKNOWN_S)
    return Admit()


def expected_wait_s(load: Load, limits: AdmissionLimits) -> float | None:
    """How long one more job of this user waits for a slot; None while no slot is up or nothing was measured.

    Users take turns, so a job waits for the user's own jobs before it and as many of everybody else who waits, but never
    for more than there are. An upper bound: it does not know of the user's own priorities, or that others may run dry.
    """
    rate = _served_per_s(limits)
    if not rate:
        return None
    users = load.users_ready + (load.own_ready == 0)
    return min(load.ready, (load.own_ready + 1) * users) / rate


def _served_per_s(limits: AdmissionLimits) -> float | None:
    """What the slots that are up should do, or less if they were seen to."""
    if limits.slots <= 0 or not limits.mean_service_s:
        return None
    should = limits.slots / limits.mean_service_s
    return should if limits.pace_per_s is None else min(should, limits.pace_per_s)


def _drained_after(jobs: int, limits: AdmissionLimits) -> float:
    """Seconds until so many jobs have left: as measured, else as the slots should do it."""
    rate = limits.pace_per_s or limits.drained_per_s or _served_per_s(limits)
    return _whole(jobs / rate) if rate else RETRY_AFTER_UNKNOWN_S


def _whole(seconds: float) -> float:
    return float(math.ceil(min(RETRY_AFTER_MAX_S, max(1.0, seconds))))
