"""`gateway.rules.pace`: how fast jobs begin while others wait."""

import pytest

from gateway.rules.pace import STARTS_LEAST, WITHIN_US, per_second
from kit.clock import SECOND

MS = SECOND // 1000
NOW = 100 * SECOND


def every(step_ms: int, count: int, ready: int | None = None, until: int = NOW) -> list[tuple[int, int]]:
    """Leases at even distances, the last one at `until`; claimable since `ready`, or only just."""
    leases = [until - step_ms * MS * back for back in reversed(range(count))]
    return [(at, at - MS if ready is None else ready) for at in leases]


@pytest.mark.parametrize(
    ("starts", "pace"),
    [
        ([], None),
        (every(10, 50, ready=NOW - 10 * SECOND), 100.0),
        (every(25, 20, ready=NOW - 10 * SECOND), 40.0),
        (every(10, STARTS_LEAST, ready=0), 100.0),
        (every(10, STARTS_LEAST - 1, ready=0), None),
        # Nobody waited: how fast they came is not how fast they could have begun.
        (every(10, 50), None),
        # Idle first, then a flood: only the flood counts.
        ([*every(100, 20, until=NOW - 500 * MS), *every(10, 20, ready=NOW - 400 * MS)], 100.0),
        # Somebody else's job, claimable only just, is served in between while the flood waits.
        ([*every(10, 20, ready=NOW - SECOND, until=NOW - 20 * MS), (NOW - 10 * MS, NOW - 11 * MS), (NOW, NOW - SECOND)], 100.0),
        # Long ago.
        (every(10, 50, ready=0, until=NOW - WITHIN_US - 1), None),
        (every(10, 50, ready=0, until=NOW - WITHIN_US + 90 * MS), 100.0),
        # All in one commit: too short to tell.
        ([(NOW, 0)] * 20, None),
    ],
)
def test_the_pace_is_that_of_the_latest_stretch_in_which_somebody_waited(starts: list[tuple[int, int]], pace: float | None):
    assert per_second(starts, NOW) == (None if pace is None else pytest.approx(pace))
