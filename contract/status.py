"""The public status (`GET /api/v2/status`, protocol §8): for anyone, and about nobody."""

from contract.wire import Answer, EngineName


class Capacity(Answer):
    """Room for running jobs."""

    slots: int
    busy: int
    hint: str
    """`free`, `busy` or `full`."""


class Waiting(Answer):
    """What waits."""

    depth_band: str
    """`empty`, `low`, `medium` or `high`."""
    start_delay_p95_ms: float | None
    """Over the last 15 minutes; None while nothing was measured."""


class PublicGateway(Answer):
    """The gateway."""

    version: str
    state: str
    """`ok`, `degraded` (a queue cannot be opened) or `draining`."""


class PublicEngine(Answer):
    """One engine whose owner made it public."""

    name: EngineName
    health: str
    """`up` (heard in the last 30 s), `stale` (in the last five minutes) or `down`."""
    state: str
    """`run` or `drain`."""
    capacity: Capacity
    queue: Waiting
    instances: int
    versions: list[str]


class OtherEngines(Answer):
    """The engines that are not public, together."""

    engines: int
    up: int
    capacity: Capacity


class PublicStatus(Answer):
    """How the house is doing, at most a second ago."""

    gateway: PublicGateway
    engines: list[PublicEngine]
    others: OtherEngines
