"""New versions: one look, and the update itself."""

from dataclasses import dataclass

from app.bridge.acts import Act
from app.rules.update import View


@dataclass(frozen=True)
class LookForUpdate(Act[View]):
    """Ask for a newer version, now."""


@dataclass(frozen=True, slots=True)
class Updating:
    """How far an update has come."""

    version: str
    started: bool
    """Its setup runs, and waits for this program to end."""
    command: str = ""
    """What a person runs instead."""


@dataclass(frozen=True)
class Update(Act[Updating]):
    """Fetch and verify the version that is known. Where Flowork replaces itself: finish what runs, then start the setup."""
