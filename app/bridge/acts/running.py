"""Starting, stopping, draining, and how much this machine's engine does."""

from dataclasses import dataclass

from app.bridge.acts import Act
from contract.drain import Drains
from contract.local import LocalView


@dataclass(frozen=True)
class Start(Act[None]):
    """Start gateway and engine; answered when they serve."""


@dataclass(frozen=True)
class Stopped:
    """How a stop went."""

    given_back: int
    """Jobs that had not finished in time; they start again later."""


@dataclass(frozen=True)
class Stop(Act[Stopped]):
    """Finish what runs, then stop; answered when both have ended."""

    hurry: bool = False
    """Give back what runs, now. May be asked while an earlier stop waits."""


@dataclass(frozen=True)
class Drain(Act[Drains]):
    """Take no new jobs, at the gateway or at one engine."""

    engine: str | None = None


@dataclass(frozen=True)
class Resume(Act[Drains]):
    """Take jobs again."""

    engine: str | None = None


@dataclass(frozen=True)
class SetWorkers(Act[LocalView]):
    """How many jobs this machine's engine runs at once; None lets it choose by what it measures."""

    slots: int | None


@dataclass(frozen=True)
class SetPaused(Act[LocalView]):
    """Let jobs wait in the queue, or go on."""

    paused: bool


@dataclass(frozen=True)
class Unlock(Act[str]):
    """Let the desktop ask for the keyring's password; what to tell the person."""
