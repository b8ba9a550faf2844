"""What a presented refresh token means (RFC 9700 §4.14, protocol §2)."""

from dataclasses import dataclass
from enum import Enum, auto

from contract import limits
from kit.clock import SECOND


@dataclass(frozen=True, slots=True)
class Family:
    """The refresh tokens of one session; times are wall microseconds."""

    thumbprint: str
    made_at: int
    current: bytes
    """Digest of the one live token."""
    current_since: int
    previous: bytes | None


class Judgement(Enum):
    """What to do with it."""

    ROTATE = auto()
    SUPERSEDED = auto()
    """The direct predecessor, a moment after its successor was made: a second tab, or a lost answer."""
    REUSED = auto()
    """One that was used before: the family ends."""
    STOLEN = auto()
    """A good token with another key than the session's: the family ends."""
    EXPIRED = auto()


def judge(family: Family, digest: bytes, thumbprint: str, now: int) -> Judgement:
    """Judge a token that was once given out in this family."""
    if thumbprint != family.thumbprint:
        return Judgement.STOLEN
    if digest == family.current:
        idle = now - family.current_since >= limits.REFRESH_IDLE_S * SECOND
        old = now - family.made_at >= limits.REFRESH_ABSOLUTE_S * SECOND
        return Judgement.EXPIRED if idle or old else Judgement.ROTATE
    if digest == family.previous and now - family.current_since <= limits.REFRESH_GRACE_S * SECOND:
        return Judgement.SUPERSEDED
    return Judgement.REUSED
