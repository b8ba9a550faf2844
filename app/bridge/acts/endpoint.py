"""How the gateway is reached from elsewhere."""

from dataclasses import dataclass, field

from app.bridge.acts import Act
from contract.endpoint import EndpointKind, EndpointView


@dataclass(frozen=True)
class ChangeEndpoint(Act[EndpointView]):
    """Be reached in this way, from now on."""

    kind: EndpointKind
    origin: str | None = None
    token: str = field(default="", repr=False)
    """Of a named tunnel; empty leaves the one that is kept."""


@dataclass(frozen=True)
class RestartEndpoint(Act[EndpointView]):
    """Begin anew, now."""


@dataclass(frozen=True)
class LookAtEndpoint(Act[EndpointView]):
    """Look from outside, now; what comes of it is in the next snapshots."""
