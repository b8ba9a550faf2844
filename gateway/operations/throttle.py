"""Keeps everybody within their share: one bucket for each address, user and engine, and a dearer one for signing in."""

import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from contract.errors import AddressThrottled, EngineThrottled, FloworkError, SignInThrottled, SubmitsThrottled, UserThrottled
from gateway.rules.throttle import BLOCK_S, FAILURE_COST, STRIKES_MAX, STRIKES_WITHIN_S, Counted, Policies
from kit.bucket import KEYS_MAX, Buckets, Policy, address_key
from kit.clock import SECOND, Clock
from kit.recent import Recent

LOOPBACK: Final = "loopback"
EVERYBODY: Final = "everybody"


@dataclass(slots=True)
class _Record:
    """Failed attempts of one address: when the latest were, and until when it may not try again."""

    failures: deque[int] = field(default_factory=lambda: deque(maxlen=STRIKES_MAX))
    blocked_until: int = 0


class Throttle:
    """The buckets of one gateway.

    Addresses are keyed as in `kit.bucket.address_key`; with `local` (the loopback listener) all of them are one. Users and
    engines are keyed by verified ids only, never by what a header claims. Refusals carry the seconds after which trying
    again succeeds, if nobody else takes the tokens meanwhile.
    """

    def __init__(
        self,
        clock: Clock,
        policies: Policies,
        slots: Callable[[str], int],
        capacity: Callable[[], float | None] = lambda: None,
        keys_max: int = KEYS_MAX,
    ) -> None:
        """`slots` tells how many an engine's instances announce, `capacity` how many jobs all can serve in a second."""
        self._clock = clock
        self._policies = policies
        self._slots = slots
        self._capacity = capacity
        self._addresses = Buckets(keys_max)
        self._users = Buckets(keys_max)
        self._submits = Buckets(keys_max)
        self._engines = Buckets(keys_max)
        self._attempts = Buckets(keys_max)
        self._shares = Buckets()
        self._records: Recent[str, _Record] = Recent(keys_max)

    def ip(self, address: str, *, local: bool, counted: Counted) -> None:
        """Count a request against its address.

        Raises:
            AddressThrottled.
        """
        if counted is Counted.AFTERWARDS:
            return
        policy, now = self._policies.ip, self._now()
        bucket = self._addresses.of(_key(address, local), policy, now)
        wait = bucket.take(policy, now) if counted is Counted.FULL else bucket.wait_s(policy, now)
        _refuse(AddressThrottled, wait, policy)

    def ip_failed(self, address: str, *, local: bool, counted: Counted) -> None:
        """A credential that came from this address was wrong."""
        policy, now = self._policies.ip, self._now()
        cost = FAILURE_COST - 1 if counted is Counted.FULL else FAILURE_COST
        self._addresses.of(_key(address, local), policy, now).charge(policy, now, cost)

    def user(self, user: str) -> None:
        """Count a request of an authenticated user.

        Raises:
            UserThrottled.
        """
        self._take(self._users, user, self._policies.user, UserThrottled)

    def submits(self, user: str, address: str, *, local: bool, jobs: int) -> None:
        """Count the jobs of a submit, also of one that repeats another: against the user, and the address unless it is `local`.

        All of them or none: a batch that is more than what is left is refused as a whole, and fits once the time told is over.

        Raises:
            SubmitsThrottled.
        """
        policy, now = self._policies.submits(self._capacity()), self._now()
        keys = [f"user {user}"] if local else [f"user {user}", f"address {address_key(address)}"]
        buckets = [self._submits.of(key, policy, now) for key in keys]
        _refuse(SubmitsThrottled, max(bucket.wait_s(policy, now, jobs) for bucket in buckets), policy)
        for bucket in buckets:
            bucket.take(policy, now, jobs)

    def engine(self, engine: str) -> None:
        """Count a request of an engine whose token was right.

        Raises:
            EngineThrottled.
        """
        self._take(self._engines, engine, self._policies.engine(self._slots(engine)), EngineThrottled)

    def auth(self, address: str, *, local: bool, known_device: bool) -> None:
        """Count an attempt to sign in, pair or enrol, before anything about it is checked.

        Args:
            address: where it comes from.
            local: by the loopback listener: no block there, and nothing taken from what others share.
            known_device: the caller has proved to hold a key that is known here, and may use the reserved share too.

        Raises:
            SignInThrottled.
        """
        key, now = _key(address, local), self._now()
        if local:
            self._take(self._attempts, key, self._policies.auth_loopback, SignInThrottled)
            return
        record = self._records.get(key)
        if record is not None and record.blocked_until > now:
            raise SignInThrottled(retry_after_s=(record.blocked_until - now) / SECOND)
        self._take(self._attempts, key, self._policies.auth_ip, SignInThrottled)
        self._share(known_device)

    def auth_failed(self, address: str, *, local: bool) -> None:
        """An attempt failed: it costs 5 in all, and the 20th within 10 minutes closes the sign-in to the address for 15."""
        key, now = _key(address, local), self._now()
        policy = self._policies.auth_loopback if local else self._policies.auth_ip
        self._attempts.of(key, policy, now).charge(policy, now, FAILURE_COST - 1)
        if local:
            return
        record = self._records.get_or_make(key, _Record)
        record.failures.append(now)
        if len(record.failures) == STRIKES_MAX and now - record.failures[0] <= STRIKES_WITHIN_S * SECOND:
            record.blocked_until = now + BLOCK_S * SECOND
            record.failures.clear()

    def _share(self, known_device: bool) -> None:
        try:
            self._take(self._shares, EVERYBODY, self._policies.auth_unknown, SignInThrottled)
        except SignInThrottled:
            if not known_device:
                raise
            self._take(self._shares, "known", self._policies.auth_known, SignInThrottled)

    def _take(self, buckets: Buckets, key: Hashable, policy: Policy, refusal: type[FloworkError]) -> None:
        now = self._now()
        _refuse(refusal, buckets.of(key, policy, now).take(policy, now), policy)

    def _now(self) -> int:
        return self._clock.now().steady


def _key(address: str, local: bool) -> str:
    return LOOPBACK if local else address_key(address)


def _refuse(refusal: type[FloworkError], wait: float, policy: Policy) -> None:
    if wait > 0:
        raise refusal(retry_after_s=wait, quota=math.floor(policy.burst), window_s=math.ceil(policy.window_s))
