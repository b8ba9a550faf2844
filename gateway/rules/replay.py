"""Which DPoP proofs were seen: an entry lives as long as its proof could be used again (RFC 9449 §11.1)."""

from collections import Counter, deque
from enum import Enum, auto

from contract import limits

KEPT_MAX = 200_000
PER_KEY_MAX = 20_000
KEPT_S = limits.PROOF_AGE_MAX_S + 2 * limits.PROOF_AHEAD_MAX_S


class Seen(Enum):
    """What a proof is to the memory."""

    NEW = auto()
    REPLAYED = auto()
    TOO_MANY = auto()
    """This key made more proofs than one client can need."""
    FULL = auto()
    """No room without forgetting a live entry, which would let a replay through."""


class ReplayMemory:
    """(thumbprint, jti) of every proof that could still be accepted."""

    def __init__(self, kept_max: int = KEPT_MAX, per_key_max: int = PER_KEY_MAX) -> None:
        self._kept_max, self._per_key_max = kept_max, per_key_max
        self._known: set[tuple[str, str]] = set()
        self._order: deque[tuple[float, tuple[str, str]]] = deque()
        self._per_key: Counter[str] = Counter()

    def note(self, thumbprint: str, jti: str, now_s: float) -> Seen:
        """Remember a proof, and say whether it may pass."""
        while self._order and self._order[0][0] <= now_s:
            _, gone = self._order.popleft()
            self._known.discard(gone)
            self._per_key[gone[0]] -= 1
            if not self._per_key[gone[0]]:
                del self._per_key[gone[0]]
        entry = (thumbprint, jti)
        if entry in self._known:
            return Seen.REPLAYED
        if self._per_key[thumbprint] >= self._per_key_max:
            return Seen.TOO_MANY
        if len(self._order) >= self._kept_max:
            return Seen.FULL
        self._known.add(entry)
        self._per_key[thumbprint] += 1
        self._order.append((now_s + KEPT_S, entry))
        return Seen.NEW
