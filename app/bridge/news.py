"""What the UI is told: frozen values, each whole in itself, so that one may be dropped for a newer one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.rules.condition import Facts, Fix
from app.rules.update import View
from contract.admin import GatewayStatus
from contract.endpoint import OFF, EndpointView
from contract.levels import PointView
from contract.local import LocalView


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything is, at one look."""

    facts: Facts = field(default_factory=Facts)
    status: GatewayStatus | None = None
    """None while no gateway answers."""
    local: LocalView | None = None
    endpoint: EndpointView = OFF
    seconds: tuple[PointView, ...] = ()
    """The last 15 minutes, oldest first; only while somebody looks."""
    minutes: tuple[PointView, ...] = ()
    """The last 24 hours, oldest first; only while somebody looks at them."""
    stale: bool = False
    """The gateway should answer and does not; what stands here is what it said last."""
    update: View | None = None
    """A newer version, while one is known."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What somebody looks at just now; nothing else is asked for."""

    window: bool = False
    """The window is open and not minimised."""
    day: bool = False
    """Of the charts, the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Request:
    """What another start of Flowork, or the operating system, asks of this one."""

    verb: str
    """`open`, `pair`, `drain`, `resume`, `quit`, `hurry`, or `fix`."""
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only a person knows, asked from another thread."""

    prompt: str
    answer: Callable[[str | None], None] = field(repr=False)
    """To be called once, with what was typed, or None when nothing was."""
