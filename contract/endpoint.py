"""The public endpoint, as window, command line and status show it: where browsers elsewhere reach this gateway."""

from enum import StrEnum

from contract.wire import Answer


class EndpointKind(StrEnum):
    """How the gateway is reached from elsewhere."""

    NONE = "none"
    URL = "url"
    """The owner has an https address that leads to the tunnel listener: a reverse proxy of their own."""
    QUICK = "quick"
    """A cloudflared quick tunnel: to try; another address at every start."""
    NAMED = "named"
    """A cloudflared tunnel of the owner's own account and domain."""


class EndpointState(StrEnum):
    """How it is."""

    OFF = "off"
    """None is wanted."""
    STARTING = "starting"
    READY = "ready"
    """Connected, and reached from outside when that was last looked at."""
    DEGRADED = "degraded"
    """Connected by fewer connections than usual."""
    UNREACHABLE = "unreachable"
    """Connected, but the gateway was not reached from outside."""
    DOWN = "down"
    """It waits to try again."""
    FAILED = "failed"
    """It does not try again by itself: the reason must be mended first."""


class EndpointView(Answer):
    """How the public endpoint is."""

    kind: EndpointKind = EndpointKind.NONE
    state: EndpointState = EndpointState.OFF
    origin: str | None = None
    """`https://host`; None while it is not known."""
    reason: str = ""
    """What is wrong and what to do, in sentences; empty when all is well."""
    connections: int | None = None
    """Of the tunnel client to its edge; None where nobody counts."""
    location: str | None = None
    """The edge's place, as the tunnel client tells it."""
    restarts: int = 0
    """Of the tunnel client since the gateway's start."""
    since: str | None = None
    """RFC 3339: since when the state holds."""
    probed_at: str | None = None
    """When it was last looked at from outside."""
    probe_ms: float | None = None
    """How long that took, there and back."""
    next_try_s: float | None = None
    """While it is down."""
    program: str | None = None
    """Path and version of the tunnel client."""


OFF = EndpointView()
