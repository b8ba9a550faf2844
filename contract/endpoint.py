"""The public endpoint, as window, command line and status show it: where browsers elsewhere reach this gateway."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contract.wire import Answer, Request

HttpsOrigin = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?(:[0-9]{1,5})?$")]
"""As a browser writes it: no path, not even a slash."""


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
    """Path of the tunnel client."""
    service: str | None = None
    """Where the tunnel client, or the owner's proxy, finds this gateway."""
    secret_host: str | None = Field(default=None, repr=False)
    """The Host header that it must send there."""


class EndpointChange(Request):
    """Be reached in another way, from now on."""

    kind: EndpointKind
    origin: HttpsOrigin | None = None
    """For `url` and `named`."""
    token: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,1000}$")] | None = Field(default=None, repr=False)
    """Of a named tunnel, kept in the secret store; None leaves the one that is there."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind in {EndpointKind.URL, EndpointKind.NAMED} and self.origin is None:
            raise ValueError("origin: give the https address under which it is published")
        if self.token is not None and self.kind is not EndpointKind.NAMED:
            raise ValueError("token: belongs to a named tunnel")
        return self


OFF = EndpointView()
