"""Which engine a job goes to when its submitter does not mind: `engine: "any"` (protocol §4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.rules.admission import AdmissionLimits, Admit, Load, decide, expected_wait_s

SERVICE_GUESS_S = 1.0
"""Assumed of an engine on which nothing was measured, so that its queue counts for something."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine on which the user may start jobs, as it is just now."""

    engine: str
    load: Load
    limits: AdmissionLimits
    serving: frozenset[str]
    """Kinds of its instances that are up."""
    known: frozenset[str] = frozenset()
    """Kinds of its instances that were heard since the start, up or not."""
    heard: bool = True
    """Any instance of it was heard since the start."""


def choose(candidates: Sequence[Candidate], kind: str) -> Candidate | None:
    """The engine that should start the job first; None when none of them serves the kind.

    Instances that are up go before those that were, and an engine with room before one that would refuse. Right after a
    start, before any engine was heard, each of them may turn out to serve it.
    """
    serving = [candidate for candidate in candidates if kind in candidate.serving]
    known = [candidate for candidate in candidates if kind in candidate.known]
    unheard = [] if any(candidate.heard for candidate in candidates) else candidates
    return min(serving or known or unheard, key=_rank, default=None)


def _rank(candidate: Candidate) -> tuple[bool, float, int, str]:
    load, limits = candidate.load, candidate.limits
    free = limits.slots - load.running - load.ready
    guessed = replace(limits, slots=max(1, limits.slots), mean_service_s=limits.mean_service_s or SERVICE_GUESS_S)
    wait = 0.0 if free > 0 else expected_wait_s(load, guessed)
    refused = not isinstance(decide(load, limits), Admit)
    return refused, wait or 0.0, -free, candidate.engine
