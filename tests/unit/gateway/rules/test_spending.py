"""`gateway.rules.spending`: sums, days and budgets."""

import pytest

from gateway.rules.spending import DAY_US, NOTHING, Limit, Taken, day_of, exhausted, seconds_left
from kit.clock import SECOND


def test_a_cost_that_nobody_knows_stays_unknown_until_one_is_known():
    assert Taken(1, 2) + Taken(3, 4) == Taken(4, 6, None)
    assert Taken(1, 2) + Taken(3, 4, 5) + Taken(0, 0, 6) == Taken(4, 6, 11)
    assert not NOTHING
    assert Taken(0, 0, 0)


@pytest.mark.parametrize(
    ("taken", "limit", "verdict"),
    [
        (Taken(5, 4), Limit(None, 10), False),
        (Taken(5, 5), Limit(None, 10), True),
        (Taken(9, 9, 99), Limit(100, None), False),
        (Taken(0, 0, 100), Limit(100, None), True),
        (Taken(9, 9, None), Limit(100, None), False),
        (NOTHING, Limit(0, None), True),
        (NOTHING, Limit(None, 0), True),
        (Taken(5, 5, 1), Limit(100, 10), True),
    ],
)
def test_a_budget_ends_when_either_limit_is_reached(taken: Taken, limit: Limit, verdict: bool):
    assert exhausted(taken, limit) is verdict


def test_a_day_begins_at_midnight_utc():
    midnight = 20_000 * DAY_US
    assert (day_of(midnight - 1), day_of(midnight)) == (19_999, 20_000)
    assert seconds_left(midnight) == 86400
    assert seconds_left(midnight - 3 * SECOND) == 3
