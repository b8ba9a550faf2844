"""Draining, and rolling out versions, as people and the owner's programs speak of it."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contract.wire import Answer, EngineId, EngineName, Request, Timestamp
from contract.words import DrainState

DRAINING_HEADER = "Flowork-State"
"""Says `draining` in answers while what they tell of takes no new jobs."""
Version = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[ -~]+$")]


class DrainTarget(Request):
    """What is meant: an engine, an instance, or, when neither is named, the gateway as a whole."""

    engine: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Id or name."""
    instance: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4,32}$")] | None = None
    """Id, or the beginning of one."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.engine is not None and self.instance is not None:
            raise ValueError("name an engine or an instance, not both")
        return self


class DrainChange(Request):
    """Let something run, drain, or drain and stop."""

    target: DrainTarget = DrainTarget()
    state: DrainState


class InstanceDrain(Answer):
    """One process, and what it is told."""

    instance: str
    state: DrainState
    running: int
    """Jobs it holds."""


class EngineDrain(Answer):
    """One engine, and what its owner wants of it."""

    id: EngineId
    name: EngineName
    state: DrainState
    """Its own; it takes no jobs while the gateway drains, either."""
    running: int
    instances: list[InstanceDrain] = []
    """For the owner only."""


class Drains(Answer):
    """Who takes new jobs."""

    gateway: DrainState
    running: int
    """Jobs that run on the engines below."""
    engines: list[EngineDrain]


class RolloutStart(Request):
    """Try a version on the instances that announce it."""

    version: Version
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Of the claims, while others wait too; None takes the gateway's setting."""


class RolloutPromote(Request):
    """Make the version that is tried the engine's."""

    stop_old: bool = False
    """Tell the instances of other versions to drain and stop."""


class SideView(Answer):
    """One side of a rollout, since its start or at most 15 minutes."""

    instances: list[str]
    attempts: int
    failed: int
    p95_ms: float | None
    """Of the service time; None while nothing ended."""


class RolloutView(Answer):
    """The latest rollout of an engine."""

    engine_id: EngineId
    engine_name: EngineName
    version: str
    percent: int
    state: str
    """`running`, `promoted`, `rolled_back` or `replaced`."""
    started_at: Timestamp
    ended_at: Timestamp | None
    reason: str | None
    """Why it was rolled back."""
    counted: int = 0
    """Grants while both sides had a claim that could take the job, since this process runs."""
    counted_canary: int = 0
    """Of these, the canaries'."""
    canary: SideView | None = None
    """None once it is over."""
    rest: SideView | None = None
    other_versions: dict[str, str] = {}
    """Instances that were heard lately and announce another version, and which."""


class RolloutList(Answer):
    """The latest rollout of every engine that had one."""

    rollouts: list[RolloutView]
