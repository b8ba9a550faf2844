"""How much anybody may ask for (protocol §4, security reference §5.7): the policies, and who is counted by which."""

from dataclasses import dataclass
from enum import Enum, auto

from contract import limits
from gateway.settings import GatewaySettings
from kit.bucket import Policy

FAILURE_COST = 5
"""Tokens that a failed authentication costs in all; the first is taken when it comes in."""
STRIKES_MAX = 20
STRIKES_WITHIN_S = 10 * 60
BLOCK_S = 15 * 60
SUBMITS_OVER_CAPACITY = 2.0
"""Queues are there to take in more than is served just now, for a while."""
SUBMITS_LEAST_PER_S = 10.0
KNOWN_SHARE = 1 / 3
"""Part of the attempts of a minute that only devices known here may use up."""
SLOTS_COUNTED_MAX = 256
"""An instance says itself how many slots it has."""
AUTH_PREFIX = "/api/v1/pair/"
AUTH_PATHS = frozenset({"/api/v1/auth/challenge", "/api/v1/auth/sign-in", "/api/v1/auth/refresh", "/internal/v1/enrol"})
AUTH_FAILED = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class Policies:
    """The buckets of one gateway."""

    ip: Policy = Policy(60, 200)
    user: Policy = Policy(50, 200)
    auth_ip: Policy = Policy(10 / 60, 10)
    """Attempts from one address. Failing costs more, so guessing is slower than this."""
    auth_all: Policy = Policy(60 / 60, 60)
    """Attempts from everywhere but loopback."""
    auth_loopback: Policy = Policy(10, 300)
    """All programs of this machine share one address, each CLI command signs in, and nobody far away can be it."""
    engine_base: Policy = Policy(100, 400)
    engine_slot: Policy = Policy(400, 800)
    """Per slot. One that runs jobs that do nothing was seen to ask 400 times a second; only a program gone wrong gets here."""

    submit_burst: float = 1000
    """Jobs at once; no less than a batch has."""

    def submits(self, capacity_per_s: float | None) -> Policy:
        """Jobs (not requests) of one user or address: as many as the engines can serve, and as many again.

        Args:
            capacity_per_s: jobs that all engines together can serve in a second; None while unknown, and everything that the
                requests' own bucket lets in may pass.
        """
        most = max(SUBMITS_LEAST_PER_S, self.user.rate * limits.BATCH_MAX_ITEMS)
        rate = most if capacity_per_s is None else min(most, max(SUBMITS_LEAST_PER_S, SUBMITS_OVER_CAPACITY * capacity_per_s))
        return Policy(rate, self.submit_burst)

    @property
    def auth_unknown(self) -> Policy:
        """The part of `auth_all` open to everybody."""
        return _part(self.auth_all, 1 - KNOWN_SHARE)

    @property
    def auth_known(self) -> Policy:
        """The reserved part of `auth_all`: what strangers cannot use up."""
        return _part(self.auth_all, KNOWN_SHARE)

    def engine(self, slots: int) -> Policy:
        """The allowance of an engine with so many slots."""
        slots = min(max(0, slots), SLOTS_COUNTED_MAX)
        return Policy(
            self.engine_base.rate + slots * self.engine_slot.rate,
            self.engine_base.burst + slots * self.engine_slot.burst,
        )


def policies(settings: GatewaySettings) -> Policies:
    """What the owner set."""
    return Policies(
        ip=Policy(settings.ip_rate_per_s, settings.ip_burst),
        user=Policy(settings.user_rate_per_s, settings.user_burst),
        auth_ip=Policy(settings.auth_per_min / 60, settings.auth_per_min),
        auth_all=Policy(settings.auth_all_per_min / 60, settings.auth_all_per_min),
        submit_burst=settings.submit_burst,
    )


class Counted(Enum):
    """How a request counts against the bucket of the address it came from."""

    FULL = auto()
    """It takes a token, or is refused."""
    IF_IT_FAILS = auto()
    """It takes none unless its credential turns out wrong, but is refused while the bucket is empty."""
    AFTERWARDS = auto()
    """It takes none unless its credential turns out wrong, and is never refused for what others did."""


def counted(*, local: bool, path: str, user_credential: bool, engine_credential: bool) -> Counted:
    """Judge by where a request came in and what it shows; whether that is genuine is found out later.

    On loopback every program has the same address, so whoever shows a credential is limited by the bucket of its user or
    engine instead. An engine elsewhere is limited by its slots, unless its address fails to authenticate too often.
    """
    if local and (user_credential or engine_credential):
        return Counted.AFTERWARDS
    if engine_credential and path.startswith("/internal/"):
        return Counted.IF_IT_FAILS
    return Counted.FULL


def is_attempt(path: str) -> bool:
    """Whether a path leads to signing in, pairing or enrolling."""
    return path in AUTH_PATHS or path.startswith(AUTH_PREFIX)


def _part(policy: Policy, share: float) -> Policy:
    return Policy(policy.rate * share, max(1.0, policy.burst * share))
