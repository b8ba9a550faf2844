"""Rotating tokens and signing keys."""

from dataclasses import dataclass

from app.bridge.acts import Act
from contract.admin import SigningKeyList


@dataclass(frozen=True)
class Rotating:
    """Who was asked to take a new token; they do so at their next call."""

    installations: tuple[tuple[str, str], ...]
    """Engine and installation."""


@dataclass(frozen=True)
class RotateTokens(Act[Rotating]):
    """Ask installations to take new tokens: those of one engine, or of all."""

    engine: str | None = None


@dataclass(frozen=True)
class RotateSigningKeys(Act[SigningKeyList]):
    """Let a new key sign now."""

    compromised: bool = False
