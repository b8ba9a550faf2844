"""The life of an engine installation's tokens: who may act, and how one token becomes the next (protocol §3).

An installation has one live token and at most one more: a new one that nobody has used yet, or the former one, which
retires so that the installation's other processes can change over. Only the live token makes a new one; only the use of
the new one ends the old. So neither side can lock the other out, whatever is lost or dies in between.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum


@dataclass(frozen=True, slots=True)
class EngineCaller:
    """Who calls, once a token was checked."""

    engine: str
    installation: str
    """Its id."""
    token: str
    """The token's public id."""


class TokenState(StrEnum):
    """Where a token is in its life."""

    LIVE = "live"
    UNPROVEN = "unproven"
    """Issued; its first use makes it live."""
    RETIRING = "retiring"
    """Replaced; good until `ends_at`."""
    REVOKED = "revoked"
    """Ended by the owner; kept so that its holder is told why."""


@dataclass(frozen=True, slots=True)
class EngineToken:
    """What is kept of a token. Times in wall microseconds."""

    id: str
    digest: bytes
    """SHA-256 of the text."""
    state: TokenState
    added_at: int
    ends_at: int | None = None
    """With `retiring` only."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The usable tokens of one installation."""

    live: EngineToken | None = None
    """None once revoked."""
    other: EngineToken | None = None
    """The unproven or the retiring one."""

    def usable(self) -> tuple[EngineToken, ...]:
        """The live one first."""
        return tuple(token for token in (self.live, self.other) if token is not None)


class Verdict(Enum):
    """What a token whose secret was right may do."""

    ACTS = "acts"
    PROVES = "proves"
    """It acts, and its use makes it the live one."""
    ENDED = "ended"
    REVOKED = "revoked"


def judge(token: EngineToken, now: int) -> Verdict:
    """May this token act at wall time `now`?"""
    match token.state:
        case TokenState.LIVE:
            return Verdict.ACTS
        case TokenState.UNPROVEN:
            return Verdict.PROVES
        case TokenState.RETIRING:
            return Verdict.ACTS if token.ends_at is not None and now < token.ends_at else Verdict.ENDED
        case TokenState.REVOKED:
            return Verdict.REVOKED


def begun(token_id: str, digest: bytes, now: int) -> TokenPair:
    """A first token, or one that replaces all others at once."""
    return TokenPair(EngineToken(token_id, digest, TokenState.LIVE, now))


def issued(pair: TokenPair, by: str, token_id: str, digest: bytes, now: int) -> TokenPair | None:
    """A new token beside the live one; None when `by` is not the live one: a newer one is in use already.

    An unproven one from before is void: its answer may have been lost. So is a retiring one: whoever holds the live
    token has it in store.
    """
    if pair.live is None or pair.live.id != by:
        return None
    return TokenPair(pair.live, EngineToken(token_id, digest, TokenState.UNPROVEN, now))


def proven(pair: TokenPair, used: str, now: int, retires_us: int) -> TokenPair | None:
    """The unproven token was used: it is live, and the old one retires. None when there is nothing to change."""
    new = pair.other
    if new is None or new.id != used or new.state is not TokenState.UNPROVEN:
        return None
    old = None if pair.live is None else replace(pair.live, state=TokenState.RETIRING, ends_at=now + retires_us)
    return TokenPair(replace(new, state=TokenState.LIVE), old)


def over(pair: TokenPair, now: int) -> TokenPair | None:
    """Without a token whose retirement has ended; None when there is none."""
    if pair.other is not None and judge(pair.other, now) is Verdict.ENDED:
        return TokenPair(pair.live)
    return None


def revoked(pair: TokenPair) -> tuple[EngineToken, ...]:
    """What is kept of the tokens of an installation that may not act any more."""
    return tuple(replace(token, state=TokenState.REVOKED, ends_at=None) for token in pair.usable())


def wants_rotation(pair: TokenPair, caller: str, *, asked: bool, now: int, max_age_us: int) -> bool:
    """Should a caller with this token be told to rotate?

    One with a retiring token: another process of its installation has stored a newer one. One with the live token when
    it is old or the owner asked, but not while a former one retires: every process shall have changed over before.
    """
    if pair.live is None:
        return False
    other = pair.other
    retiring = other is not None and other.state is TokenState.RETIRING and judge(other, now) is Verdict.ACTS
    if caller != pair.live.id:
        return retiring
    return not retiring and (asked or now - pair.live.added_at >= max_age_us)
