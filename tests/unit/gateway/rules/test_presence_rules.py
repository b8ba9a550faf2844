"""`gateway.rules.presence`: up, deaf, or silent."""

import pytest

from gateway.rules.presence import InstanceState, instance_state
from kit.clock import SECOND

UP, DEAF, SILENT = InstanceState.UP, InstanceState.DEAF, InstanceState.SILENT
NOW = 1000 * SECOND


@pytest.mark.parametrize(
    ("seen_s", "claimed_s", "wait_s", "state"),
    [
        (0, 0, 25, UP),
        (30, 30, 25, UP),
        (30.1, 30.1, 25, SILENT),
        (0, 50, 25, UP),
        (0, 50.1, 25, DEAF),
        (31, 60, 25, SILENT),  # a dead process is not deaf
        (0, 10, 0, UP),  # claims that do not wait are judged as if they waited for 5 s
        (0, 10.1, 0, DEAF),
        (0, 10.1, 6, UP),
    ],
)
def test_an_instance_is_judged_by_its_heart_and_its_claims(seen_s: float, claimed_s: float, wait_s: float, state: InstanceState):
    seen, claimed = (NOW - round(ago * SECOND) for ago in (seen_s, claimed_s))
    assert instance_state(NOW, seen=seen, claimed=claimed, wait_us=round(wait_s * SECOND)) is state
