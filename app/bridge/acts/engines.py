"""Engines: machines that serve them, who may use them, versions that are tried."""

from dataclasses import dataclass, field

from app.bridge.acts import Act
from contract.admin_engines import EngineList, MemberView, RevokeAnswer, RotationAsked
from contract.drain import RolloutView
from contract.words import Role


@dataclass(frozen=True)
class ListEngines(Act[EngineList]):
    """Engines with installations and members."""


@dataclass(frozen=True)
class Enrolment:
    """What makes one machine an installation of an engine, shown this once."""

    engine: str
    code: str = field(repr=False)
    expires_at: str
    address: str | None
    """Where the machine reaches the gateway; None: no other machine can, as things are."""

    @property
    def command(self) -> str:
        """To be typed on that machine."""
        return f"flowork engine --gateway {self.address or 'URL'} --enrol"


@dataclass(frozen=True)
class AddEngine(Act[Enrolment]):
    """Make an engine; a code for its first machine, this one or another."""

    name: str
    elsewhere: bool


@dataclass(frozen=True)
class NewCode(Act[Enrolment]):
    """A code for one more machine."""

    engine: str
    elsewhere: bool


@dataclass(frozen=True)
class RotateInstallation(Act[RotationAsked]):
    """Ask one machine, or all of an engine, to take a new token at its next call."""

    engine: str
    installation: str | None = None


@dataclass(frozen=True)
class RevokeInstallation(Act[RevokeAnswer]):
    """End the tokens of one machine, or of all of an engine, at once."""

    engine: str
    installation: str | None
    compromised: bool


@dataclass(frozen=True)
class ShareEngine(Act[MemberView]):
    """Let a user use an engine."""

    engine: str
    user: str
    role: Role
    ceiling: int | None = None


@dataclass(frozen=True)
class UnshareEngine(Act[None]):
    """End that."""

    engine: str
    user: str


@dataclass(frozen=True)
class PublishEngine(Act[None]):
    """Show its name, health and load to anyone who asks, or no longer."""

    engine: str
    public: bool


@dataclass(frozen=True)
class StartRollout(Act[RolloutView]):
    """Try a version on the machines that announce it; None takes the gateway's share."""

    engine: str
    version: str
    percent: int | None = None


@dataclass(frozen=True)
class PromoteRollout(Act[RolloutView]):
    """Make the version that is tried the engine's."""

    engine: str
    stop_old: bool


@dataclass(frozen=True)
class RollBack(Act[RolloutView]):
    """End a rollout: its machines stop, and its version gets no jobs."""

    engine: str
