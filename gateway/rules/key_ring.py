"""When the keys that sign access tokens change: next -> active -> verify-only -> retired, monthly (protocol §2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract import limits
from kit.clock import SECOND

PERIOD_US = 30 * 24 * 3600 * SECOND
ANNOUNCED_US = 24 * 3600 * SECOND
"""How long a key is known before it signs."""
LAST_TOKEN_US = (limits.ACCESS_TOKEN_TTL_S + 5 + 60) * SECOND
"""How long tokens of a key that no longer signs may still come: their life, the leeway, and a minute."""


class KeyState(StrEnum):
    """Where a signing key is in its life."""

    NEXT = "next"
    ACTIVE = "active"
    VERIFY_ONLY = "verify_only"
    RETIRED = "retired"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What is public of a signing key; `since` is the wall time at which it came into its state."""

    kid: str
    public: bytes
    state: KeyState
    since: int


@dataclass(frozen=True, slots=True)
class Make:
    """Make a key in this state."""

    state: KeyState


@dataclass(frozen=True, slots=True)
class Move:
    """Bring a key into another state."""

    kid: str
    to: KeyState


Act = Make | Move


def due(ring: Sequence[SigningKey], now: int) -> list[Act]:
    """What must be done now; at most one change of the active key."""
    acts: list[Act] = [Move(key.kid, KeyState.RETIRED) for key in ring if _outlived(key, now)]
    active = next((key for key in ring if key.state is KeyState.ACTIVE), None)
    waiting = next((key for key in ring if key.state is KeyState.NEXT), None)
    if active is None:
        return [*acts, Move(waiting.kid, KeyState.ACTIVE) if waiting else Make(KeyState.ACTIVE)]
    age = now - active.since
    if waiting is None and age >= PERIOD_US - ANNOUNCED_US:
        return [*acts, Make(KeyState.NEXT)]
    if waiting is not None and age >= PERIOD_US and now - waiting.since >= ANNOUNCED_US:
        return [*acts, *switch(active, waiting)]
    return acts


def switch(active: SigningKey, waiting: SigningKey) -> list[Act]:
    """Let the next key sign. The old one goes first, so that there are never two that sign."""
    return [Move(active.kid, KeyState.VERIFY_ONLY), Move(waiting.kid, KeyState.ACTIVE)]


def verifies(key: SigningKey, now: int) -> bool:
    """May a token that this key signed be accepted?"""
    return key.state is KeyState.ACTIVE or (key.state is KeyState.VERIFY_ONLY and not _outlived(key, now))


def _outlived(key: SigningKey, now: int) -> bool:
    return key.state is KeyState.VERIFY_ONLY and now - key.since >= LAST_TOKEN_US
