"""`gateway.rules.rollout`: a worse canary is rolled back, and noise is not worse."""

import random
from dataclasses import dataclass

import pytest

from gateway.rules.rollout import Margins, is_canary, judge


@dataclass(frozen=True)
class Attempt:
    service_s: float = 0.1
    failed: bool = False


def side(count: int, failed: int = 0, service_s: float = 0.1, slow: int = 0, slow_s: float = 10.0) -> list[Attempt]:
    return [Attempt(slow_s if n < slow else service_s, n < failed) for n in range(count)]


@pytest.mark.parametrize(
    ("name", "canary", "rest", "worse"),
    [
        ("nothing", side(0), side(0), False),
        ("all fail, but too few were tried", side(19, failed=19), side(100), False),
        ("all fail, but there is nobody to compare with", side(100, failed=100), side(19), False),
        ("all fail", side(20, failed=20), side(20), True),
        ("a few failures of few attempts", side(20, failed=3), side(20), False),
        ("the same few beside many that did not fail", side(20, failed=3), side(200), True),
        ("two are chance", side(20, failed=2), side(2000), False),
        ("worse by five points, not by more", side(100, failed=6), side(100, failed=1), False),
        ("worse by more than five points", side(400, failed=30), side(400, failed=8), True),
        ("both fail alike", side(100, failed=50), side(100, failed=50), False),
        ("better than the rest", side(100), side(100, failed=50), False),
        ("as fast", side(100), side(100), False),
        ("slower within the margin", side(100, service_s=0.2), side(100, service_s=0.1), False),
        ("slower beyond it", side(100, service_s=0.21), side(100, service_s=0.1), True),
        ("short jobs a few milliseconds slower", side(100, service_s=0.05), side(100, service_s=0.001), False),
        ("two slow ones are chance", side(20, slow=2), side(20), False),
        ("three slow ones of twenty are not", side(20, slow=3), side(20), True),
        ("faster than the rest", side(100), side(100, service_s=3.0), False),
    ],
)
def test_the_verdict_is_the_one_of_the_table(name: str, canary: list[Attempt], rest: list[Attempt], worse: bool):
    assert (judge(canary, rest, Margins()) is not None) is worse, name


def test_the_reason_says_what_was_seen_on_both_sides():
    assert judge(side(20, failed=10), side(40, failed=2), Margins()) == "10 of 20 attempts failed (50%); of the others' 2 of 40 (5%)"
    assert judge(side(20, service_s=0.3), side(20), Margins()) == "p95 of the service time is 300 ms; of the others 100 ms"


def test_a_canary_that_is_as_good_is_seldom_rolled_back_though_it_is_judged_at_every_attempt():
    rolled_back = 0
    for seed in range(100):
        chance = random.Random(seed)
        canary: list[Attempt] = []
        rest: list[Attempt] = []
        for _ in range(100):
            canary.append(Attempt(failed=chance.random() < 0.02))
            rest += [Attempt(failed=chance.random() < 0.02) for _ in range(9)]
            if judge(canary, rest, Margins()):
                rolled_back += 1
                break
    assert rolled_back <= 5


def test_a_canary_that_fails_a_third_of_its_jobs_is_found_within_sixty_attempts():
    for seed in range(100):
        chance = random.Random(seed)
        canary = [Attempt(failed=chance.random() < 0.33) for _ in range(60)]
        assert any(judge(canary[:n], side(9 * n), Margins()) for n in range(20, 61))


@pytest.mark.parametrize(
    ("version", "flagged", "running", "promoted", "canary"),
    [
        ("2", False, None, None, False),
        ("2", True, None, None, True),
        ("2", False, "2", "1", True),
        ("1", False, "2", "1", False),
        ("2", True, None, "2", False),
        ("3", True, None, "2", True),
        ("2", True, "2", "2", True),
    ],
)
def test_who_is_a_canary(version: str, flagged: bool, running: str | None, promoted: str | None, canary: bool):
    assert is_canary(version, flagged, running, promoted) is canary
