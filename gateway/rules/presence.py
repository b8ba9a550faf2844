"""How an instance is, by when it was heard (protocol §5)."""

from enum import StrEnum

from kit.clock import SECOND

UP_FOR_US = 30 * SECOND
WAIT_LEAST_US = 5 * SECOND
"""Claims that do not wait say nothing of how often their instance asks."""


class InstanceState(StrEnum):
    """What is known of an instance."""

    UP = "up"
    DEAF = "deaf"
    """Its heart beats, but it asks for no work: its claim loop hangs."""
    SILENT = "silent"


def instance_state(now: int, *, seen: int, claimed: int, wait_us: int) -> InstanceState:
    """Judge by steady times: `seen` of its latest call, `claimed` of its latest claim, which was to wait for `wait_us`."""
    if now - seen > UP_FOR_US:
        return InstanceState.SILENT
    return InstanceState.DEAF if now - claimed > 2 * max(wait_us, WAIT_LEAST_US) else InstanceState.UP
