"""`gateway.rules.throttle`: which bucket a request falls into."""

import pytest

from gateway.rules.throttle import Counted, Policies, counted, is_attempt
from kit.bucket import Policy


@pytest.mark.parametrize(
    ("local", "path", "user", "engine", "how"),
    [
        (True, "/healthz", False, False, Counted.FULL),
        (True, "/api/v1/jobs", True, False, Counted.AFTERWARDS),
        (True, "/internal/v1/claim", False, True, Counted.AFTERWARDS),
        (False, "/api/v1/jobs", True, False, Counted.FULL),
        (False, "/internal/v1/claim", False, True, Counted.IF_IT_FAILS),
        (False, "/api/v1/jobs", False, True, Counted.FULL),
        (False, "/internal/v1/claim", True, False, Counted.FULL),
        (False, "/internalx", False, True, Counted.FULL),
    ],
)
def test_a_header_buys_no_way_around_the_bucket_of_its_address(local: bool, path: str, user: bool, engine: bool, how: Counted):
    assert counted(local=local, path=path, user_credential=user, engine_credential=engine) is how


@pytest.mark.parametrize(
    ("path", "attempt"),
    [
        ("/api/v1/auth/challenge", True),
        ("/api/v1/auth/sign-in", True),
        ("/api/v1/auth/refresh", True),
        ("/api/v1/auth/sign-out", False),
        ("/api/v1/auth/approval", False),
        ("/api/v1/pair/claim", True),
        ("/internal/v1/enrol", True),
        ("/api/v1/pairs", False),
        ("/api/v1/authx", False),
        ("/api/v1/jobs", False),
        ("/internal/v1/claim", False),
    ],
)
def test_what_counts_as_an_attempt_to_get_in(path: str, attempt: bool):
    assert is_attempt(path) is attempt


def test_the_allowances_are_the_protocols():
    usual = Policies()
    assert (usual.ip, usual.user) == (Policy(60, 200), Policy(50, 200))
    assert (usual.auth_ip.rate * 60, usual.auth_all.rate * 60) == (10, 60)
    assert usual.auth_unknown.rate + usual.auth_known.rate == pytest.approx(usual.auth_all.rate)


@pytest.mark.parametrize(
    ("capacity", "rate"),
    [
        (None, 25_000),  # nothing was measured: all that 50 requests a second can carry
        (0.0, 10),
        (0.01, 10),
        (5.0, 10),
        (5.1, 10.2),
        (80.0, 160),
        (1e9, 25_000),
    ],
)
def test_submits_may_come_twice_as_fast_as_they_are_served_within_bounds(capacity: float | None, rate: float):
    assert Policies().submits(capacity) == Policy(rate, 1000)
