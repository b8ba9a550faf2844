"""Under which terms Flowork and what came with it may be used."""

from dataclasses import dataclass

from app.bridge.acts import Act


@dataclass(frozen=True)
class ReadLicences(Act[str]):
    """The whole text."""
