"""What the public status says, in words instead of numbers that tell how a house lives (protocol §8)."""

UP_FOR_S = 30.0
STALE_FOR_S = 300.0
BUSY_FROM = 0.65
"""Of the slots; the roadmap's 65 to 80 % is where utilisation is worth a word."""
BANDS = ((0.0, "empty"), (0.1, "low"), (0.5, "medium"))
"""At most this part of what the queue may hold, or of the longest wait that is admitted."""


def health(silent_s: float | None) -> str:
    """`up`, `stale` or `down`, by how long the instance heard last has been silent; None when none was ever heard."""
    if silent_s is None or silent_s > STALE_FOR_S:
        return "down"
    return "up" if silent_s <= UP_FOR_S else "stale"


def hint(slots: int, busy: int) -> str:
    """`free`, `busy` (two thirds are taken) or `full` (none is left, or there are none)."""
    if busy >= slots:
        return "full"
    return "busy" if busy >= BUSY_FROM * slots else "free"


def depth_band(depth: int, hard_cap: int, expected_wait_s: float | None, wait_max_s: float) -> str:
    """`empty`, `low`, `medium` or `high`: by the fuller of the two, room and time. The wait is None while unknown."""
    fullness = max(depth / hard_cap, (expected_wait_s or 0.0) / wait_max_s if depth else 0.0)
    return next((word for most, word in BANDS if fullness <= most), "high")


def gateway_state(*, draining: bool, broken: bool) -> str:
    """`draining` before `degraded` (a queue cannot be opened) before `ok`."""
    return "draining" if draining else "degraded" if broken else "ok"
