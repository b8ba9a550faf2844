"""The life of an installation's tokens, row by row."""

import pytest

from gateway.rules.engine_tokens import (
    EngineToken,
    TokenPair,
    TokenState,
    Verdict,
    begun,
    issued,
    judge,
    over,
    proven,
    revoked,
    wants_rotation,
)

NOW, RETIRES, MAX_AGE = 1_000, 60, 500
LIVE = EngineToken("live", b"l", TokenState.LIVE, NOW)
NEW = EngineToken("new", b"n", TokenState.UNPROVEN, NOW)
OLD = EngineToken("old", b"o", TokenState.RETIRING, NOW - 10, NOW + RETIRES)
GONE = EngineToken("gone", b"g", TokenState.REVOKED, NOW)
ALONE, ROTATING, SETTLING, NOBODY = TokenPair(LIVE), TokenPair(LIVE, NEW), TokenPair(LIVE, OLD), TokenPair()


@pytest.mark.parametrize(
    ("token", "now", "verdict"),
    [
        (LIVE, NOW + 10**12, Verdict.ACTS),
        (NEW, NOW + 10**12, Verdict.PROVES),
        (OLD, NOW + RETIRES - 1, Verdict.ACTS),
        (OLD, NOW + RETIRES, Verdict.ENDED),
        (GONE, NOW, Verdict.REVOKED),
    ],
)
def test_who_may_act(token: EngineToken, now: int, verdict: Verdict):
    assert judge(token, now) is verdict


def test_a_first_token_is_live_at_once():
    assert begun("a", b"x", NOW) == TokenPair(EngineToken("a", b"x", TokenState.LIVE, NOW))


@pytest.mark.parametrize("pair", [ALONE, ROTATING, SETTLING])
def test_the_live_token_makes_a_new_one_and_there_are_never_more_than_two(pair: TokenPair):
    made = issued(pair, "live", "next", b"x", NOW)
    assert made == TokenPair(LIVE, EngineToken("next", b"x", TokenState.UNPROVEN, NOW))
    assert len(made.usable()) == 2


@pytest.mark.parametrize(("pair", "by"), [(ROTATING, "new"), (SETTLING, "old"), (ALONE, "nobody"), (NOBODY, "live")])
def test_no_other_token_makes_a_new_one(pair: TokenPair, by: str):
    assert issued(pair, by, "next", b"x", NOW) is None


def test_the_use_of_the_new_one_makes_it_live_and_the_old_one_retire():
    after = proven(ROTATING, "new", NOW, RETIRES)
    assert after is not None
    assert after.live == EngineToken("new", b"n", TokenState.LIVE, NOW)
    assert after.other == EngineToken("live", b"l", TokenState.RETIRING, NOW, NOW + RETIRES)


@pytest.mark.parametrize(("pair", "used"), [(ALONE, "live"), (ROTATING, "live"), (SETTLING, "old"), (SETTLING, "live"), (NOBODY, "new")])
def test_the_use_of_any_other_changes_nothing(pair: TokenPair, used: str):
    assert proven(pair, used, NOW, RETIRES) is None


@pytest.mark.parametrize(
    ("pair", "now", "after"),
    [(SETTLING, NOW + RETIRES, ALONE), (SETTLING, NOW + RETIRES - 1, None), (ROTATING, NOW + 10**12, None), (ALONE, NOW, None)],
)
def test_only_what_has_retired_is_over(pair: TokenPair, now: int, after: TokenPair | None):
    assert over(pair, now) == after


def test_all_usable_tokens_are_revoked_together():
    assert {(token.id, token.state, token.ends_at) for token in revoked(SETTLING)} == {
        ("live", TokenState.REVOKED, None),
        ("old", TokenState.REVOKED, None),
    }
    assert revoked(NOBODY) == ()


@pytest.mark.parametrize(
    ("pair", "caller", "asked", "age", "wanted"),
    [
        (ALONE, "live", False, MAX_AGE - 1, False),
        (ALONE, "live", False, MAX_AGE, True),
        (ALONE, "live", True, 0, True),
        (ROTATING, "live", True, 0, True),  # its answer may have been lost
        (ROTATING, "live", False, 0, False),
        (ROTATING, "new", True, MAX_AGE, False),
        (SETTLING, "live", True, RETIRES - 1, False),  # every process shall have changed over before
        (SETTLING, "live", True, RETIRES, True),
        (SETTLING, "old", False, 0, True),
        (NOBODY, "live", True, MAX_AGE, False),
    ],
)
def test_who_is_told_to_rotate(pair: TokenPair, caller: str, asked: bool, age: int, wanted: bool):
    assert wants_rotation(pair, caller, asked=asked, now=NOW + age, max_age_us=MAX_AGE) is wanted


def test_a_clock_that_was_set_back_makes_nobody_rotate():
    assert not wants_rotation(ALONE, "live", asked=False, now=NOW - 10**12, max_age_us=MAX_AGE)
