"""Token buckets over a steady clock, and the key under which an address has one."""

import ipaddress
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache

from kit.recent import Recent

SECOND_US = 1_000_000
KEYS_MAX = 50_000
"""About 10 MB when full. A key that is pushed out begins with a full bucket again."""
ROUNDING = 1e-6
"""Tokens that adding up fractions may lose."""
IPV6_PREFIX = 64
"""What one subscriber gets; the addresses below it cost nothing."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much is allowed: `rate` tokens a second in the long run, `burst` at once (at least 1)."""

    rate: float
    burst: float

    @property
    def window_s(self) -> float:
        """Seconds in which an empty bucket fills."""
        return self.burst / self.rate


class Bucket:
    """One bucket, full at first. Times are microseconds of a clock that never goes back."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, policy: Policy, now: int) -> None:
        self._tokens = policy.burst
        self._at = now

    def wait_s(self, policy: Policy, now: int, cost: float = 1.0) -> float:
        """Seconds until `cost` tokens are there; 0.0 when they are. Takes nothing."""
        self._refill(policy, now)
        missing = cost - self._tokens
        return missing / policy.rate if missing > ROUNDING else 0.0

    def take(self, policy: Policy, now: int, cost: float = 1.0) -> float:
        """Take `cost` tokens and answer 0.0, or take nothing and answer the seconds until they are there."""
        wait = self.wait_s(policy, now, cost)
        if wait == 0.0:
            self._tokens -= cost
        return wait

    def charge(self, policy: Policy, now: int, cost: float) -> None:
        """Take tokens whether they are there or not; the debt is never more than a burst."""
        self._refill(policy, now)
        self._tokens = max(-policy.burst, self._tokens - cost)

    def _refill(self, policy: Policy, now: int) -> None:
        self._tokens = min(policy.burst, self._tokens + max(0, now - self._at) * policy.rate / SECOND_US)
        self._at = now


class Buckets:
    """A bucket for each key, at most `keys_max` of them."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._buckets: Recent[Hashable, Bucket] = Recent(keys_max)

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, key: Hashable, policy: Policy, now: int) -> Bucket:
        """The bucket of a key."""
        return self._buckets.get_or_make(key, lambda: Bucket(policy, now))


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """What counts as one sender: an IPv4 address (also when written as IPv6), or the /64 of an IPv6 one.

    Text that is no address is its own key.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
