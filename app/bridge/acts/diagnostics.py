"""What a supporter needs to know, shown to the person before it goes anywhere."""

from dataclasses import dataclass

from app.bridge.acts import Act


@dataclass(frozen=True)
class Diagnostics:
    """Text without secrets, and where the logs are on this machine."""

    text: str
    logs: str


@dataclass(frozen=True)
class GatherDiagnostics(Act[Diagnostics]):
    """Look now; takes some seconds."""


@dataclass(frozen=True)
class SaveDiagnostics(Act[str]):
    """Write them into a file that only the person reads; its path."""

    path: str
    text: str
