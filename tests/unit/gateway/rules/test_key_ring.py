"""`gateway.rules.key_ring`: one key signs, the next is known a day before, the last is trusted until its tokens have ended."""

from dataclasses import replace

import pytest

from contract.limits import ACCESS_TOKEN_TTL_S
from gateway.rules.key_ring import ANNOUNCED_US, LAST_TOKEN_US, PERIOD_US, KeyState, Make, Move, SigningKey, due, switch, verifies
from kit.clock import SECOND

T0 = 1_000_000 * SECOND
ACTIVE = SigningKey("a", b"a", KeyState.ACTIVE, T0)
NEXT = SigningKey("n", b"n", KeyState.NEXT, T0 + PERIOD_US - ANNOUNCED_US)
OLD = SigningKey("o", b"o", KeyState.VERIFY_ONLY, T0)


def test_an_empty_ring_gets_a_key_that_signs():
    assert due([], T0) == [Make(KeyState.ACTIVE)]


def test_a_ring_that_lost_its_active_key_takes_the_one_that_waits():
    assert due([NEXT], T0) == [Move("n", KeyState.ACTIVE)]


@pytest.mark.parametrize(
    ("at", "acts"),
    [
        (T0, []),
        (T0 + PERIOD_US - ANNOUNCED_US - 1, []),
        (T0 + PERIOD_US - ANNOUNCED_US, [Make(KeyState.NEXT)]),
        (T0 + 10 * PERIOD_US, [Make(KeyState.NEXT)]),
    ],
)
def test_a_day_before_its_time_a_next_key_is_made(at: int, acts: list):
    assert due([ACTIVE], at) == acts


def test_after_thirty_days_the_next_key_signs():
    assert due([ACTIVE, NEXT], T0 + PERIOD_US - 1) == []
    assert due([ACTIVE, NEXT], T0 + PERIOD_US) == switch(ACTIVE, NEXT) == [Move("a", KeyState.VERIFY_ONLY), Move("n", KeyState.ACTIVE)]


def test_a_gateway_that_was_off_for_long_still_announces_for_a_day():
    late = replace(NEXT, since=T0 + 5 * PERIOD_US)
    assert due([ACTIVE, late], late.since + ANNOUNCED_US - 1) == []
    assert due([ACTIVE, late], late.since + ANNOUNCED_US) == switch(ACTIVE, late)


def test_an_old_key_is_retired_when_its_last_token_has_ended():
    assert due([OLD, replace(ACTIVE, since=T0)], T0 + LAST_TOKEN_US - 1) == []
    assert due([OLD, replace(ACTIVE, since=T0)], T0 + LAST_TOKEN_US) == [Move("o", KeyState.RETIRED)]
    assert LAST_TOKEN_US > ACCESS_TOKEN_TTL_S * SECOND


@pytest.mark.parametrize(
    ("state", "good"),
    [
        (KeyState.NEXT, False),
        (KeyState.ACTIVE, True),
        (KeyState.VERIFY_ONLY, True),
        (KeyState.RETIRED, False),
        (KeyState.COMPROMISED, False),
    ],
)
def test_only_keys_that_sign_or_signed_lately_are_trusted(state: KeyState, good: bool):
    assert verifies(replace(ACTIVE, state=state), T0) is good


def test_years_of_looking_every_hour_keep_exactly_one_active_key_and_lose_no_token():
    ring: dict[str, SigningKey] = {}
    issued: list[tuple[int, str]] = []
    for hour in range(24 * 400):
        now = T0 + hour * 3600 * SECOND
        for act in due(list(ring.values()), now):
            if isinstance(act, Make):
                ring[f"k{len(ring)}"] = SigningKey(f"k{len(ring)}", b"", act.state, now)
            else:
                ring[act.kid] = replace(ring[act.kid], state=act.to, since=now)
        (active,) = [key.kid for key in ring.values() if key.state is KeyState.ACTIVE]
        assert len([key for key in ring.values() if key.state is KeyState.NEXT]) <= 1
        issued.append((now, active))
        for at, kid in issued[-2:]:
            if now - at < ACCESS_TOKEN_TTL_S * SECOND:
                assert verifies(ring[kid], now)
    assert 12 <= len(ring) <= 15
